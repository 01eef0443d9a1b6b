/*
 * One exchange with the CA; see transport.h. Each reply's nonce serves the next request, so that newNonce is asked only when
 * there is none left.
 */
#include "transport.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "directory.h"

#define MOST_NONCES_REJECTED 10
#define CLOCK_SLACK_MS       30000

struct exchange {
    struct acme *acme;
    char *url, *kid, *payload;
    enum transport_sign sign;
    enum reply_kind kind;
    exchange_fn *fn;
    void *arg;
    struct cs_http *http;
    struct cs_timer *timer;
    struct cs_error err; /* what `timer` will tell */
    int rejected;
};

static void begin(struct exchange *x);

static void exchange_free(struct exchange *x)
{
    free(x->url);
    free(x->kid);
    free(x->payload);
    free(x);
}

static void finish(struct exchange *x, const struct reply *reply, const struct failure *failure)
{
    exchange_fn *fn = x->fn;
    void *arg = x->arg;

    exchange_free(x);
    fn(arg, reply, failure);
}

static void on_told_later(void *arg)
{
    struct exchange *x = arg;
    struct failure failure;

    failure_of_error(&failure, &x->err);
    finish(x, NULL, &failure);
}

/* A fault of ours before anything was sent: told later like everything else. */
static void fail_later(struct exchange *x)
{
    x->timer = cs_timer_start(x->acme->in, 0, on_told_later, x);
}

static void keep_nonce(struct acme *acme, const struct cs_http_reply *http)
{
    const char *nonce = cs_http_header(http, "Replay-Nonce", 0);

    if (nonce)
        nonce_keep(&acme->nonces, nonce, cs_now_ms());
}

/* A clock that is wrong makes certificates look expired or not yet valid: said once, when it begins and when it is over. */
static void compare_clocks(struct acme *acme, int64_t date_ms)
{
    const int64_t ahead_ms = cs_wall_ms() - date_ms;
    const bool differ = ahead_ms > CLOCK_SLACK_MS || ahead_ms < -CLOCK_SLACK_MS;

    if (!date_ms)
        return;
    acme->clock_seen = true;
    acme->ahead_ms = ahead_ms;
    if (differ == acme->clocks_differ)
        return;
    acme->clocks_differ = differ;
    if (differ)
        cs_log(acme->in, CS_LOG_WARN,
               "our clock and the CA's differ; set this host's clock, by NTP for example ahead_ms=%" PRId64, ahead_ms);
    else
        cs_log(acme->in, CS_LOG_INFO, "our clock and the CA's agree again");
}

static void on_reply(void *arg, const struct cs_http_reply *http, const struct cs_error *err)
{
    struct exchange *x = arg;
    struct failure failure = { 0 };
    struct reply reply = { 0 };
    int rc = -1;

    x->http = NULL;
    if (http) {
        keep_nonce(x->acme, http);
        compare_clocks(x->acme, http->date_ms);
        rc = reply_read(&reply, http, x->kind, &failure);
    } else {
        failure_of_error(&failure, err);
    }
    if (rc < 0 && failure.type == ACME_BAD_NONCE && x->sign != SIGN_NOT && x->rejected++ < MOST_NONCES_REJECTED)
        begin(x);
    else
        finish(x, rc == 0 ? &reply : NULL, rc == 0 ? NULL : &failure);
    reply_release(&reply);
}

static void request(struct exchange *x, const char *method, const char *url, const char *body, cs_http_fn *fn)
{
    const struct acme_settings *conf = x->acme->conf;
    const char *headers[2];
    size_t n = 0;

    if (body)
        headers[n++] = "Content-Type: application/jose+json";
    if (x->kind == REPLY_CHAIN)
        headers[n++] = "Accept: application/pem-certificate-chain";
    x->http = cs_http_send(x->acme->in,
                           &(struct cs_http_request){ .size = sizeof(struct cs_http_request),
                                                      .method = method,
                                                      .url = url,
                                                      .headers = headers,
                                                      .n_headers = n,
                                                      .body = body,
                                                      .body_len = body ? strlen(body) : 0,
                                                      .timeout_ms = conf->timeout,
                                                      .max_reply = x->kind == REPLY_CHAIN ? REPLY_MOST_CHAIN : REPLY_MOST_JSON,
                                                      .ca_file = conf->ca_file,
                                                      .insecure = conf->insecure },
                           fn, x);
    if (!x->http) {
        cs_fail(&x->err, CS_EBUSY, "out of memory");
        fail_later(x);
    }
}

static void post(struct exchange *x, const char *nonce)
{
    const struct jose_header header = { .nonce = nonce, .url = x->url, .kid = x->sign == SIGN_KEY ? NULL : x->kid };
    char *message = jose_sign(x->acme->key, &header, x->payload, &x->err);

    if (message)
        request(x, "POST", x->url, message, on_reply);
    else
        fail_later(x);
    free(message);
}

static void on_nonce(void *arg, const struct cs_http_reply *http, const struct cs_error *err)
{
    struct exchange *x = arg;
    struct failure failure = { 0 };
    struct reply reply = { 0 };
    char nonce[NONCE_LONGEST + 1];

    x->http = NULL;
    if (http)
        keep_nonce(x->acme, http);
    if (http && reply_read(&reply, http, REPLY_ANY, &failure) == 0) {
        if (nonce_take(&x->acme->nonces, nonce, cs_now_ms())) {
            post(x, nonce);
            return;
        }
        cs_fail_as(&failure.err, CS_EUPSTREAM, "ca-bad-reply", "the CA's newNonce gave no nonce");
    } else if (!http) {
        failure_of_error(&failure, err);
    }
    finish(x, NULL, &failure);
}

static void ask_nonce(struct exchange *x)
{
    const struct directory_object *directory = directory_object(x->acme->directory);

    if (directory) {
        request(x, "HEAD", directory->new_nonce, NULL, on_nonce);
    } else {
        cs_fail(&x->err, CS_EUPSTREAM, "the CA's directory is not known yet");
        fail_later(x);
    }
}

static void begin(struct exchange *x)
{
    char nonce[NONCE_LONGEST + 1];

    if (x->sign == SIGN_NOT)
        request(x, "GET", x->url, NULL, on_reply);
    else if (nonce_take(&x->acme->nonces, nonce, cs_now_ms()))
        post(x, nonce);
    else
        ask_nonce(x);
}

struct exchange *transport_ask(struct acme *acme, const struct exchange_want *want, exchange_fn *fn, void *arg)
{
    struct exchange *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    *x = (struct exchange){ .acme = acme, .sign = want->sign, .kind = want->kind, .fn = fn, .arg = arg };
    x->url = text_copy(want->url);
    x->kid = text_copy(want->kid ? want->kid : "");
    x->payload = text_copy(want->payload ? want->payload : "");
    if (!x->url || !x->kid || !x->payload) {
        exchange_free(x);
        return NULL;
    }
    begin(x);
    return x;
}

void transport_cancel(struct exchange *exchange)
{
    if (!exchange)
        return;
    cs_http_cancel(exchange->http);
    cs_timer_stop(exchange->timer);
    exchange_free(exchange);
}
