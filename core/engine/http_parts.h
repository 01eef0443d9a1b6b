/*
 * What an outgoing request is made of: for http_client.c (who sends when), http_request.c (what is sent), http_answer.c (what
 * came) and http_url.c. Nobody else looks inside.
 */
#ifndef ENGINE_HTTP_PARTS_H
#define ENGINE_HTTP_PARTS_H

#include <curl/curl.h>

#include "base/text.h"
#include "engine/http_client.h"
#include "engine/timer.h"

struct http_url {
    bool https, loopback;
    char host[300]; /* with the port if there is one: for errors */
};

/* As http_url_check(), and tells what it saw. *kept: the URL as curl wants it, the caller's after 0; NULL: not wanted. */
int http_url_read(const char *url, bool insecure, struct http_url *out, CURLU **kept, struct cs_error *err);

/* An answer while it comes in, and after. */
struct http_answer {
    struct cs_http_reply reply;
    struct text headers; /* name NUL value NUL, of the last header block only */
    struct text body;
    size_t header_bytes, header_lines; /* of all blocks */
    bool in_headers, too_many_headers, too_long;
    struct http_answer **owner; /* the pointer that holds it, until it is taken */
    char content_type[128];
};

/* NULL and *owner NULL: no memory. */
struct http_answer *http_answer_new(struct http_answer **owner, size_t most_body);
void http_answer_free(struct http_answer *answer); /* NULL is allowed */
void http_answer_attach(struct http_answer *answer, CURL *easy);
void http_answer_finish(struct http_answer *answer, int status); /* all is there: fill the reply */
struct http_answer *http_answer_take(const struct cs_http_reply *reply); /* inside the callback: it is the caller's now */

/* RFC 9110 10.2.3: seconds or a date, relative to `date_ms` (of the same answer; 0: our clock). 0: none, or over. */
int64_t http_retry_after_ms(const char *value, int64_t date_ms);

enum http_state { HTTP_NEW, HTTP_WAITING, HTTP_RUNNING, HTTP_FINISHED };

struct cs_http {
    struct http_client *client;
    struct cs_instance *in; /* whose it is */
    struct cs_http *next, *before;
    enum http_state state;
    const char *who;
    const struct http_guard *guard; /* still to be told how it ended, or NULL */
    uint64_t guard_mark;
    cs_http_fn *done;
    void *arg;
    bool in_callback;

    char *method, *url, *ca_file;
    struct http_url about;
    CURLU *parts; /* of the URL */
    struct curl_slist *headers;
    void *body;
    size_t body_len;
    int64_t timeout_ms, deadline_ms;

    CURL *easy;         /* while it runs */
    struct timer timer; /* the deadline while it waits for its turn */
    struct http_answer *answer;
    struct cs_error err; /* CS_OK: there is a whole answer */
    char curl_says[CURL_ERROR_SIZE];
    int no_socket; /* why there was none to connect with: an errno, 0 */
};

/* Copy and check. -1 and *err; what was copied is released by http_request_free() all the same. */
int http_request_copy(struct cs_http *http, const struct cs_http_request *request, struct cs_error *err);
void http_request_free(struct cs_http *http);
int http_request_prepare(struct cs_http *http, CURL *easy, const char *user_agent, struct cs_error *err);
void http_request_failed(struct cs_http *http, CURLcode code); /* fills http->err */

#endif
