/*
 * The commands' side of the control socket; see control_client.h.
 */
#include "command/control_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "command/sign_problem.h"
#include "http/control.h"
#include "http/problem.h"

#define CONNECT_S  10L
#define PATIENCE_S 330L /* longer than the server's own */
#define MAX_ANSWER (16 * 1024 * 1024)

struct talk {
    CURL *curl;
    struct curl_slist *headers;
    char *question; /* NULL: GET */
    struct text path, url, body;
    long status;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct talk *talk = arg;

    text_add_n(&talk->body, data, size * n);
    return text_failed(&talk->body) ? 0 : size * n;
}

static bool set_question(struct talk *talk)
{
    CURL *c = talk->curl;
    struct curl_slist *longer;

    if (!talk->question)
        return true;
    talk->headers = curl_slist_append(NULL, "Content-Type: application/json");
    longer = talk->headers ? curl_slist_append(talk->headers, "Expect:") : NULL;
    return longer && curl_easy_setopt(c, CURLOPT_HTTPHEADER, longer) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(talk->question)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDS, talk->question) == CURLE_OK;
}

/* No proxy of the environment may hear of it. */
static bool set_up(struct talk *talk)
{
    CURL *c = talk->curl;

    return !text_failed(&talk->path) && !text_failed(&talk->url) &&
           curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, text_of(&talk->path)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_URL, text_of(&talk->url)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT, PATIENCE_S) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, talk) == CURLE_OK && set_question(talk);
}

static int explain(const struct talk *talk, CURLcode code, struct cs_error *err)
{
    const char *path = text_of(&talk->path);

    if (code == CURLE_COULDNT_CONNECT)
        return cs_fail(err, CS_ENOTFOUND, "no server answers at %s", path);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return cs_fail(err, CS_ETIMEDOUT, "the server did not answer at %s in time; it may still do what was asked", path);
    if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        return cs_fail(err, CS_EDENIED, "the server closed %s without an answer: it is stopping, or it runs as another user; "
                       "only root and that user may ask", path);
    return cs_fail(err, CS_EINTERNAL, "cannot ask the server at %s: %s", path, curl_easy_strerror(code));
}

static enum cs_code code_of(long status)
{
    return status == 400 ? CS_EINPUT : status == 404 ? CS_ENOTFOUND : status >= 500 ? CS_EBUSY : CS_EINTERNAL;
}

/* A server of another version has no such question, which is not the same as no server. */
static int take_answer(struct talk *talk, json_t **answer, struct cs_error *err)
{
    struct text why = TEXT_MAX(400);

    if (talk->status == 200) {
        *answer = json_loadb(text_of(&talk->body), talk->body.len, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(*answer))
            return 0;
        json_decref(*answer);
        *answer = NULL;
        return cs_fail(err, CS_EINTERNAL, "the server's answer is not a JSON object");
    }
    if (strstr(text_of(&talk->body), PROBLEM_TYPE_PREFIX CONTROL_NO_VISITS "\""))
        return cs_fail_as(err, CS_ENOTFOUND, CONTROL_NO_VISITS, "the server that runs records no visits");
    sign_problem_add(&why, talk->status, text_of(&talk->body), talk->body.len);
    cs_fail(err, code_of(talk->status) == CS_ENOTFOUND ? CS_EINTERNAL : code_of(talk->status), "the server: %s", text_of(&why));
    text_free(&why);
    return -1;
}

static int ask(struct talk *talk, json_t **answer, struct cs_error *err)
{
    CURLcode code;

    talk->curl = curl_easy_init();
    if (!talk->curl || !set_up(talk))
        return cs_fail(err, CS_EINTERNAL, "cannot ask the server: no memory");
    code = curl_easy_perform(talk->curl);
    if (code != CURLE_OK)
        return explain(talk, code, err);
    curl_easy_getinfo(talk->curl, CURLINFO_RESPONSE_CODE, &talk->status);
    return take_answer(talk, answer, err);
}

int control_ask(const char *runtime, const char *path, const json_t *question, json_t **answer, struct cs_error *err)
{
    struct talk talk = { .path = TEXT_MAX(4096), .url = TEXT_MAX(200), .body = TEXT_MAX(MAX_ANSWER) };
    int rc = -1;

    *answer = NULL;
    text_addf(&talk.path, "%s/" CONTROL_SOCKET, runtime);
    text_addf(&talk.url, "http://control%s", path);
    talk.question = question ? json_dumps(question, JSON_COMPACT) : NULL;
    if (question && !talk.question)
        cs_fail(err, CS_EINTERNAL, "cannot ask the server: no memory");
    else
        rc = ask(&talk, answer, err);
    curl_easy_cleanup(talk.curl);
    curl_slist_free_all(talk.headers);
    free(talk.question);
    text_free(&talk.path);
    text_free(&talk.url);
    text_free(&talk.body);
    return rc;
}
