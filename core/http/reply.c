/*
 * Writes answers; see reply.h. Called by connection.c.
 */
#include "http/reply.h"

#include <assert.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define MAX_HEAD 2048

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    { 200, "OK" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

void reply_date(char out[REPLY_DATE_SIZE], int64_t wall_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;

    if (!gmtime_r(&seconds, &t))
        t = (struct tm){ .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };
    snprintf(out, REPLY_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * t.tm_wday, (unsigned)t.tm_mday % 100,
             months + 3 * t.tm_mon, (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100);
}

static void add_field(struct text *head, const char *name, const char *value)
{
    if (!value)
        return;
    assert(!strpbrk(value, "\r\n"));
    text_add(head, name);
    text_add(head, ": ");
    text_add(head, value);
    text_add(head, "\r\n");
}

static void add_head(struct text *head, const struct reply *reply, const struct reply_frame *frame)
{
    text_addf(head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status, phrase_of(reply->status), frame->date);
    add_field(head, "Content-Type", reply->content_type);
    if (reply->status != 204)
        text_addf(head, "Content-Length: %zu\r\n", reply->body_len);
    add_field(head, "Allow", reply->allow);
    add_field(head, "Location", reply->location);
    add_field(head, "WWW-Authenticate", reply->www_authenticate);
    add_field(head, "Preference-Applied", reply->preference_applied);
    if (reply->retry_after_s > 0)
        text_addf(head, "Retry-After: %" PRId64 "\r\n", reply->retry_after_s);
    if (!frame->keep_alive)
        text_add(head, "Connection: close\r\n");
    else if (frame->minor == 0)
        text_add(head, "Connection: keep-alive\r\n");
    text_add(head, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n");
}

int reply_write(struct evbuffer *out, const struct reply *reply, const struct reply_frame *frame)
{
    struct text head = TEXT_MAX(MAX_HEAD);
    size_t body_len = frame->head_only ? 0 : reply->body_len;
    struct evbuffer_iovec space;
    int rc = -1;

    add_head(&head, reply, frame);
    if (!text_failed(&head) && evbuffer_reserve_space(out, (ev_ssize_t)(head.len + body_len), &space, 1) == 1) {
        memcpy(space.iov_base, head.at, head.len);
        if (body_len)
            memcpy((char *)space.iov_base + head.len, reply->body, body_len);
        space.iov_len = head.len + body_len;
        rc = evbuffer_commit_space(out, &space, 1);
    }
    text_free(&head);
    return rc;
}
