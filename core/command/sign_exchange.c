/*
 * `countersign sign` talks to the server: posts the CSR, then asks how far it is until there is a chain or a problem. See
 * sign.h.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "command/sign.h"
#include "command/sign_problem.h"

#define MAX_REPLY       (1024 * 1024)
#define CONNECT_S       20
#define FIRST_WAIT_S    1 /* a quick CA needs no second question */
#define LONGEST_PAUSE_S 30
#define MAX_STUMBLES    5 /* questions in a row without an answer that helps */

struct exchange {
    const struct sign_options *options;
    struct sign_answer *answer;
    void (*progress)(const struct sign_options *options, const char *words);
    CURL *curl;
    struct curl_slist *headers;
    char *url;       /* to ask next; owned */
    const char *csr; /* NULL once it was posted */
    size_t csr_len;
    bool fresh;
    struct text token; /* the field for it; empty: none */
    int64_t deadline_ms;
    char told[64]; /* the step that was told last */
    int n_stumbles;

    /* the reply */
    struct text body;
    long status;
    curl_off_t retry_after_s;
    char curl_text[CURL_ERROR_SIZE];
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void end(struct exchange *x, enum sign_exit exit, const char *text)
{
    x->answer->exit = exit;
    snprintf(x->answer->text, sizeof x->answer->text, "%s", text);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    text_add_n(&x->body, data, size * n);
    return text_failed(&x->body) ? 0 : size * n;
}

/* ---- One question ------------------------------------------------------------------------------------------------------ */

static bool add_header(struct exchange *x, const char *line)
{
    struct curl_slist *longer = curl_slist_append(x->headers, line);

    if (longer)
        x->headers = longer;
    return longer != NULL;
}

static bool set_headers(struct exchange *x)
{
    struct text line = TEXT_MAX(8192);
    bool ok = add_header(x, "Accept: application/pem-certificate-chain, application/problem+json");

    if (x->csr) {
        text_addf(&line, "Prefer: respond-async, wait=%d", FIRST_WAIT_S);
        ok = ok && add_header(x, "Content-Type: application/x-pem-file") && add_header(x, "Expect:") &&
             add_header(x, text_of(&line));
        ok = ok && (!x->token.len || add_header(x, text_of(&x->token)));
        ok = ok && (!x->fresh || add_header(x, "Cache-Control: no-cache"));
    }
    for (size_t i = 0; ok && x->csr && i < x->options->n_labels; i++) {
        text_clear(&line);
        text_addf(&line, "X-Countersign-Label: %s", x->options->labels[i]);
        ok = !text_failed(&line) && add_header(x, text_of(&line));
    }
    text_free(&line);
    return ok;
}

static bool set_certificate(CURL *c, const struct sign_options *options)
{
    return curl_easy_setopt(c, CURLOPT_SSLCERT, options->client_cert) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SSLKEY, options->client_key ? options->client_key : options->client_cert) == CURLE_OK;
}

static bool set_up(struct exchange *x, int64_t left_ms)
{
    CURL *c = x->curl;

    curl_easy_reset(c);
    curl_slist_free_all(x->headers);
    x->headers = NULL;
    text_clear(&x->body);
    x->curl_text[0] = '\0';
    if (!set_headers(x))
        return false;
    if (x->options->ca_file && curl_easy_setopt(c, CURLOPT_CAINFO, x->options->ca_file) != CURLE_OK)
        return false;
    if (x->options->client_cert && !set_certificate(c, x->options))
        return false;
    if (x->csr && (curl_easy_setopt(c, CURLOPT_POSTFIELDS, x->csr) != CURLE_OK ||
                   curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->csr_len) != CURLE_OK))
        return false;
    return curl_easy_setopt(c, CURLOPT_URL, x->url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "countersign-sign/" CS_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_text) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, x) == CURLE_OK;
}

/* Is it the set-up here that keeps curl from asking, rather than the network? */
static bool is_ours(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_ISSUER_ERROR || code == CURLE_OUT_OF_MEMORY ||
           code == CURLE_FAILED_INIT;
}

/* A whole reply: 0. Otherwise -1, and the answer says why. */
static int ask(struct exchange *x)
{
    int64_t left_ms = x->deadline_ms - now_ms();
    struct text why = TEXT_MAX(2000);
    CURLcode code;

    if (left_ms <= 0)
        code = CURLE_OPERATION_TIMEDOUT;
    else if (!set_up(x, left_ms))
        code = CURLE_OUT_OF_MEMORY;
    else
        code = curl_easy_perform(x->curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
        curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &x->retry_after_s);
        return 0;
    }
    text_addf(&why, "%s: %s", x->url, x->curl_text[0] ? x->curl_text : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        text_add(&why, "; --ca-file names the trust anchors of a private CA");
    end(x, is_ours(code) ? SIGN_FAILED : SIGN_LATER, text_of(&why));
    if (code == CURLE_WRITE_ERROR)
        end(x, SIGN_MISFIT, "the server's answer is longer than a chain can be");
    text_free(&why);
    return -1;
}

/* ---- What the reply means ---------------------------------------------------------------------------------------------- */

/* Where to ask next; it must be the same server. */
static int take_location(struct exchange *x)
{
    static const CURLUPart same[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
    struct curl_header *location;
    CURLU *here = curl_url(), *there = here ? curl_url() : NULL;
    char *url = NULL;
    bool ok = there && curl_easy_header(x->curl, "Location", 0, CURLH_HEADER, -1, &location) == CURLHE_OK &&
              curl_url_set(here, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
              curl_url_set(there, CURLUPART_URL, x->url, 0) == CURLUE_OK &&
              curl_url_set(there, CURLUPART_URL, location->value, 0) == CURLUE_OK;

    for (size_t i = 0; ok && i < sizeof same / sizeof *same; i++) {
        char *a = NULL, *b = NULL;

        ok = curl_url_get(here, same[i], &a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
             curl_url_get(there, same[i], &b, CURLU_DEFAULT_PORT) == CURLUE_OK && strcmp(a, b) == 0;
        curl_free(a);
        curl_free(b);
    }
    ok = ok && curl_url_get(there, CURLUPART_URL, &url, 0) == CURLUE_OK;
    curl_url_cleanup(here);
    curl_url_cleanup(there);
    if (ok) {
        free(x->url);
        x->url = text_copy(url);
    }
    curl_free(url);
    return ok && x->url ? 0 : -1;
}

static void tell_step(struct exchange *x)
{
    json_t *json = json_loadb(text_of(&x->body), x->body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *step = json_string_value(json_object_get(json, "step"));

    if (step && strlen(step) < sizeof x->told && strcmp(step, x->told) != 0) {
        snprintf(x->told, sizeof x->told, "%s", step);
        x->progress(x->options, sign_step_words(step));
    }
    json_decref(json);
}

/* Pause as the server wants, but not past the deadline. */
static void pause_a_while(struct exchange *x)
{
    int64_t left_ms = x->deadline_ms - now_ms(), pause_ms = x->retry_after_s > 0 ? x->retry_after_s * 1000 : 1000;

    if (pause_ms > LONGEST_PAUSE_S * 1000)
        pause_ms = LONGEST_PAUSE_S * 1000;
    if (pause_ms > left_ms)
        pause_ms = left_ms;
    if (pause_ms > 0)
        nanosleep(&(struct timespec){ .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 }, NULL);
}

/* A Countersign sends Retry-After whenever waiting helps; of a proxy's 5xx nobody knows. */
static bool is_later(const struct exchange *x)
{
    if (x->status == 408 || x->status == 429 || x->retry_after_s > 0)
        return true;
    return x->status >= 500 && !sign_problem_is_ours(text_of(&x->body), x->body.len);
}

static void take_problem(struct exchange *x)
{
    struct text out = TEXT_MAX(sizeof x->answer->text - 1);

    sign_problem_add(&out, x->status, text_of(&x->body), x->body.len);
    x->answer->retry_after_s = x->retry_after_s > 0 && x->retry_after_s < INT32_MAX ? (long)x->retry_after_s : 0;
    if (x->status >= 300 && x->status < 400)
        end(x, SIGN_FAILED, "the server sends us elsewhere, and redirects are not followed: name the right URL with --server");
    else if (x->status >= 200 && x->status < 300)
        end(x, SIGN_MISFIT, text_of(&out));
    else
        end(x, is_later(x) ? SIGN_LATER : SIGN_REFUSED, text_of(&out));
    text_free(&out);
}

static void take_chain(struct exchange *x)
{
    x->answer->exit = SIGN_OK;
    x->answer->chain_len = x->body.len;
    x->answer->chain = text_take(&x->body);
    if (!x->answer->chain)
        end(x, SIGN_FAILED, "no memory");
}

/* May the next question help although this one did not? Only once there is a place to ask. */
static bool stumble(struct exchange *x)
{
    if (x->csr || ++x->n_stumbles > MAX_STUMBLES || now_ms() >= x->deadline_ms)
        return false;
    pause_a_while(x);
    return true;
}

/* The server's own wait is over, but the order goes on (api.md). */
static bool is_still_running(const struct exchange *x)
{
    struct curl_header *location;

    return x->status == 503 && x->csr && x->retry_after_s > 0 && sign_problem_is_ours(text_of(&x->body), x->body.len) &&
           curl_easy_header(x->curl, "Location", 0, CURLH_HEADER, -1, &location) == CURLHE_OK;
}

/* True: ask again. */
static bool handle_reply(struct exchange *x)
{
    if (x->status == 200) {
        take_chain(x);
        return false;
    }
    if (x->status == 503 && !x->csr && stumble(x))
        return true;
    if (x->status != 202 && !is_still_running(x)) {
        take_problem(x);
        return false;
    }
    tell_step(x);
    if (x->csr && take_location(x) != 0) {
        end(x, SIGN_MISFIT, "the server took the CSR, but does not say where to ask for the chain");
        return false;
    }
    x->csr = NULL;
    x->n_stumbles = 0;
    pause_a_while(x);
    return true;
}

static void run(struct exchange *x)
{
    do {
        x->retry_after_s = 0;
        if (!x->csr && now_ms() >= x->deadline_ms) {
            end(x, SIGN_LATER,
                "the time is over (--timeout), but the server goes on: run the same command again for the chain");
            return;
        }
        if (ask(x) != 0) {
            if (x->answer->exit == SIGN_LATER && stumble(x))
                continue;
            return;
        }
        if (!handle_reply(x))
            return;
    } while (true);
}

void sign_exchange(struct sign_answer *out, const struct sign_options *options, const char *csr, size_t csr_len, bool fresh,
                   void (*progress)(const struct sign_options *options, const char *words))
{
    struct exchange x = { .options = options,
                          .answer = out,
                          .progress = progress,
                          .csr = csr,
                          .csr_len = csr_len,
                          .fresh = fresh,
                          .token = TEXT_MAX(4096),
                          .body = TEXT_MAX(MAX_REPLY),
                          .deadline_ms = now_ms() + options->timeout_s * 1000 };
    struct cs_error err = { 0 };

    *out = (struct sign_answer){ .exit = SIGN_FAILED, .text = "no memory" };
    if (options->token_file && sign_token_line(options->token_file, &x.token, &err) < 0) {
        end(&x, SIGN_FAILED, err.text);
        goto out;
    }
    x.url = text_copy(options->url);
    x.curl = curl_easy_init();
    if (x.url && x.curl)
        run(&x);
out:
    if (x.token.at)
        OPENSSL_cleanse(x.token.at, x.token.len);
    text_free(&x.token);
    curl_easy_cleanup(x.curl);
    curl_slist_free_all(x.headers);
    text_free(&x.body);
    free(x.url);
}
