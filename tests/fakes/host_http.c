/* Outgoing HTTP of the fake core: requests lie in a list until the test answers the oldest. See host.h. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "host_event.h"

#define SEVEN_DAYS_MS ((int64_t)7 * 24 * 3600 * 1000)
#define HEADERS_MOST 20

struct cs_http {
    struct cs_http *next;
    struct host_http seen;
    cs_http_fn *done;
    void *arg;
    bool answered, cut;
    struct cs_error err;
    int status;
    char *headers, *body;
    size_t body_len;
};

struct answer { /* what cs_http_reply.internal points to */
    char *names[HEADERS_MOST], *values[HEADERS_MOST];
    size_t n;
};

static struct cs_http *requests;
static size_t count;

void host_http_begin(void)
{
    count = 0;
}

static void http_free(struct cs_http *http)
{
    free(http->seen.method);
    free(http->seen.url);
    free(http->seen.headers);
    free(http->seen.body);
    free(http->seen.ca_file);
    free(http->headers);
    free(http->body);
    free(http);
}

const char *host_http_end(void)
{
    const char *left = requests ? "a request that was neither answered nor cancelled" : NULL;

    while (requests) {
        struct cs_http *http = requests;

        requests = http->next;
        http_free(http);
    }
    return left;
}

static char *join_headers(const struct cs_http_request *request)
{
    struct text lines = TEXT_MAX(10000);

    for (size_t i = 0; i < request->n_headers; i++)
        text_addf(&lines, "%s\n", request->headers[i]);
    return text_take(&lines);
}

static void append(struct cs_http *http)
{
    struct cs_http **at = &requests;

    while (*at)
        at = &(*at)->next;
    *at = http;
}

struct cs_http *cs_http_send(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done, void *arg)
{
    struct cs_http *http = calloc(1, sizeof *http);

    (void)in;
    if (request->size < sizeof *request || !request->method || !request->url)
        host_misuse("cs_http_send() with a struct that is not filled");
    http->seen = (struct host_http){ .handle = http,
                                     .method = text_copy(request->method),
                                     .url = text_copy(request->url),
                                     .headers = join_headers(request),
                                     .body = request->body ? text_copy_n(request->body, request->body_len) : NULL,
                                     .timeout_ms = request->timeout_ms,
                                     .max_reply = request->max_reply,
                                     .ca_file = text_copy(request->ca_file ? request->ca_file : "") };
    http->done = done;
    http->arg = arg;
    append(http);
    count++;
    return http;
}

static void unlink_it(struct cs_http *http)
{
    struct cs_http **at = &requests;

    while (*at && *at != http)
        at = &(*at)->next;
    if (!*at)
        host_misuse("cs_http_cancel() of a request that is over");
    *at = http->next;
}

void cs_http_cancel(struct cs_http *http)
{
    if (!http)
        return;
    unlink_it(http);
    host_event_drop(http);
    http_free(http);
}

int cs_http_send_wait(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done, void *arg,
                      struct cs_error *err)
{
    (void)in, (void)request, (void)done, (void)arg, (void)err;
    host_misuse("cs_http_send_wait() is not part of this fake");
}

static struct cs_http *oldest(void)
{
    struct cs_http *http = requests;

    while (http && http->answered)
        http = http->next;
    return http;
}

const struct host_http *host_http(void)
{
    struct cs_http *http = oldest();

    return http ? &http->seen : NULL;
}

void host_put_off(void)
{
    struct cs_http *http = oldest();

    if (!http)
        host_misuse("host_put_off() without a request");
    unlink_it(http);
    http->next = NULL;
    append(http);
}

size_t host_http_count(void)
{
    return count;
}

static void split_headers(struct answer *answer, char *lines)
{
    char *rest = NULL;

    for (char *line = strtok_r(lines, "\n", &rest); line && answer->n < HEADERS_MOST; line = strtok_r(NULL, "\n", &rest)) {
        char *colon = strchr(line, ':');

        if (!colon)
            host_misuse("the test's header has no colon: %s", line);
        *colon = '\0';
        answer->names[answer->n] = line;
        answer->values[answer->n++] = colon + 1 + strspn(colon + 1, " ");
    }
}

const char *cs_http_header(const struct cs_http_reply *reply, const char *name, size_t index)
{
    const struct answer *answer = reply->internal;

    for (size_t i = 0; i < answer->n; i++)
        if (strcasecmp(answer->names[i], name) == 0 && index-- == 0)
            return answer->values[i];
    return NULL;
}

static int64_t retry_after_ms(const char *value)
{
    time_t date = value ? curl_getdate(value, NULL) : -1;
    int64_t ms = 0;
    char *end;

    if (value && strspn(value, "0123456789") == strlen(value))
        ms = strtoll(value, &end, 10) * 1000;
    else if (date > 0)
        ms = (int64_t)date * 1000 - cs_wall_ms();
    if (ms < 0)
        ms = 0;
    return ms < SEVEN_DAYS_MS ? ms : SEVEN_DAYS_MS;
}

static void tell(struct cs_http *http)
{
    struct answer answer = { .n = 0 };
    struct cs_http_reply reply = { .size = sizeof reply, .internal = &answer };
    char type[100] = "";
    const char *found;

    split_headers(&answer, http->headers);
    found = cs_http_header(&reply, "Content-Type", 0);
    for (size_t i = 0; found && found[i] && found[i] != ';' && i + 1 < sizeof type; i++)
        type[i] = (char)(found[i] | (found[i] >= 'A' && found[i] <= 'Z' ? 0x20 : 0));
    found = cs_http_header(&reply, "Date", 0);
    reply.status = http->status;
    reply.body = http->body;
    reply.body_len = http->body_len;
    reply.content_type = type;
    reply.retry_after_ms = retry_after_ms(cs_http_header(&reply, "Retry-After", 0));
    reply.date_ms = found ? (int64_t)curl_getdate(found, NULL) * 1000 : 0;
    http->done(http->arg, &reply, NULL);
}

static void on_answered(void *arg)
{
    struct cs_http *http = arg;

    unlink_it(http);
    if (http->cut)
        http->done(http->arg, NULL, &http->err);
    else if (http->body_len > http->seen.max_reply) {
        cs_fail(&http->err, CS_EUPSTREAM, "the answer is longer than %zu bytes", http->seen.max_reply);
        http->done(http->arg, NULL, &http->err);
    } else {
        tell(http);
    }
    http_free(http);
}

static struct cs_http *take(void)
{
    struct cs_http *http = oldest();

    if (!http)
        host_misuse("the test answers a request that was not sent");
    http->answered = true;
    host_event(http, 0, on_answered, http);
    return http;
}

void host_reply(int status, const char *headers, const char *body, size_t len)
{
    struct cs_http *http = take();

    http->status = status;
    http->headers = text_copy(headers);
    http->body = malloc(len + 1);
    memcpy(http->body, body, len);
    http->body[len] = '\0';
    http->body_len = len;
}

void host_cut(enum cs_code code, const char *text)
{
    struct cs_http *http = take();

    http->cut = true;
    cs_fail(&http->err, code, "%s", text);
}
