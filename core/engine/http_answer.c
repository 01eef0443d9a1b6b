/*
 * An answer as it comes in: headers and body within their limits, then the fields that callers want. Called by curl through
 * http_client.c; cs_http_header() by plugins.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "engine/http_parts.h"

#define HEADERS_MAX_BYTES ((size_t)64 * 1024)
#define HEADERS_MAX_LINES 200
#define RETRY_AFTER_MAX_S ((int64_t)7 * 24 * 3600)

struct http_answer *http_answer_new(struct http_answer **owner, size_t most_body)
{
    struct http_answer *answer = calloc(1, sizeof *answer);

    *owner = answer;
    if (!answer)
        return NULL;
    answer->owner = owner;
    answer->headers = TEXT_MAX(HEADERS_MAX_BYTES);
    answer->body = TEXT_MAX(most_body);
    return answer;
}

void http_answer_free(struct http_answer *answer)
{
    if (!answer)
        return;
    text_free(&answer->headers);
    text_free(&answer->body);
    free(answer);
}

struct http_answer *http_answer_take(const struct cs_http_reply *reply)
{
    struct http_answer *answer = (struct http_answer *)(uintptr_t)reply->internal;

    *answer->owner = NULL;
    return answer;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **at, size_t *len)
{
    while (*len && is_space((*at)[0])) {
        ++*at;
        --*len;
    }
    while (*len && is_space((*at)[*len - 1]))
        --*len;
}

static void keep_header(struct http_answer *answer, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len), *value;
    size_t value_len;

    if (!colon || colon == line || is_space(line[0]) || memchr(line, '\0', len))
        return;
    value = colon + 1;
    value_len = len - (size_t)(value - line);
    trim(&value, &value_len);
    text_add_n(&answer->headers, line, (size_t)(colon - line));
    text_add_char(&answer->headers, '\0');
    text_add_n(&answer->headers, value, value_len);
    text_add_char(&answer->headers, '\0');
}

/* Interim answers (1xx) come first, trailers last: only the block before the body counts. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct http_answer *answer = arg;
    const char *at = line;
    size_t len = size * n;

    answer->header_bytes += len;
    if (answer->header_bytes > HEADERS_MAX_BYTES || ++answer->header_lines > HEADERS_MAX_LINES) {
        answer->too_many_headers = true;
        return 0;
    }
    trim(&at, &len);
    if (len == 0) {
        answer->in_headers = false;
    } else if (!answer->in_headers && len >= 5 && memcmp(at, "HTTP/", 5) == 0) {
        answer->in_headers = true;
        text_clear(&answer->headers);
    } else if (answer->in_headers) {
        keep_header(answer, line, (size_t)(at - line) + len);
    }
    return text_failed(&answer->headers) ? 0 : size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct http_answer *answer = arg;

    if (size * n > answer->body.most - answer->body.len) {
        answer->too_long = true;
        return 0;
    }
    text_add_n(&answer->body, data, size * n);
    return text_failed(&answer->body) ? 0 : size * n;
}

void http_answer_attach(struct http_answer *answer, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)answer->body.most);
}

static const char *find_header(const struct http_answer *answer, const char *name, size_t index)
{
    const char *at = text_of(&answer->headers), *end = at + answer->headers.len;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (strcasecmp(at, name) == 0 && index-- == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *cs_http_header(const struct cs_http_reply *reply, const char *name, size_t index)
{
    return reply->internal ? find_header(reply->internal, name, index) : NULL;
}

/* Digits only; more than a week is a week. -1: not a number. */
static int64_t seconds_of(const char *text)
{
    int64_t seconds = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        if (seconds <= RETRY_AFTER_MAX_S)
            seconds = seconds * 10 + (*text - '0');
    }
    return seconds;
}

static int number_of(const char *digits, int n)
{
    int number = 0;

    for (int i = 0; i < n; i++)
        number = number * 10 + (digits[i] - '0');
    return number;
}

/* RFC 9110 5.6.7, the one form that is still sent. -1: it has another. */
static time_t fixdate_of(const char *value)
{
    static const char form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT", months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    char name[] = "Mmm";
    const char *month;
    struct tm tm;

    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == '0'                    ? !isdigit((unsigned char)value[i])
            : form[i] == 'A' || form[i] == 'a' ? !isalpha((unsigned char)value[i])
                                              : value[i] != form[i])
            return -1;
    memcpy(name, value + 8, 3);
    month = strstr(months, name);
    if (!month)
        return -1;
    tm = (struct tm){ .tm_mday = number_of(value + 5, 2),
                      .tm_mon = (int)(month - months) / 4,
                      .tm_year = number_of(value + 12, 4) - 1900,
                      .tm_hour = number_of(value + 17, 2),
                      .tm_min = number_of(value + 20, 2),
                      .tm_sec = number_of(value + 23, 2) };
    return tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 ? -1 : timegm(&tm);
}

/* curl knows the obsolete forms too, but takes ten times as long, and each answer has a date. */
static int64_t date_of(const char *value)
{
    time_t date = value ? fixdate_of(value) : -1;

    if (value && date < 0)
        date = curl_getdate(value, NULL);
    return date > 0 ? (int64_t)date * 1000 : 0;
}

int64_t http_retry_after_ms(const char *value, int64_t date_ms)
{
    int64_t seconds = seconds_of(value), at_ms;

    if (seconds < 0) {
        at_ms = date_of(value);
        if (at_ms == 0)
            return 0;
        seconds = (at_ms - (date_ms ? date_ms : cs_wall_ms()) + 999) / 1000;
    }
    if (seconds <= 0)
        return 0;
    return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* RFC 9110 8.3.1, without parameters. */
static void keep_content_type(struct http_answer *answer, const char *value)
{
    size_t len = strcspn(value, ";");

    trim(&value, &len);
    if (len >= sizeof answer->content_type)
        return;
    for (size_t i = 0; i < len; i++)
        answer->content_type[i] = (char)tolower((unsigned char)value[i]);
    answer->content_type[len] = '\0';
}

void http_answer_finish(struct http_answer *answer, int status)
{
    const char *content_type = find_header(answer, "Content-Type", 0), *retry_after = find_header(answer, "Retry-After", 0);

    if (content_type)
        keep_content_type(answer, content_type);
    answer->reply = (struct cs_http_reply){
        .size = sizeof answer->reply,
        .status = status,
        .body = text_of(&answer->body),
        .body_len = answer->body.len,
        .content_type = answer->content_type,
        .date_ms = date_of(find_header(answer, "Date", 0)),
        .internal = answer,
    };
    if (retry_after)
        answer->reply.retry_after_ms = http_retry_after_ms(retry_after, answer->reply.date_ms);
}
