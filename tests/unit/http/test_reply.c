/* http/reply.c: answers as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/reply.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static void check(const struct reply *reply, struct reply_frame frame, const char *wanted)
{
    struct evbuffer *out = evbuffer_new();
    size_t len;

    frame.date = DATE;
    assert_int_equal(reply_write(out, reply, &frame), 0);
    len = evbuffer_get_length(out);
    assert_int_equal(evbuffer_get_contiguous_space(out), len);
    evbuffer_add(out, "", 1);
    assert_string_equal((char *)evbuffer_pullup(out, -1), wanted);
    assert_int_equal(len, strlen(wanted));
    evbuffer_free(out);
}

#define TAIL "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"

static void dates_are_imf_fixdates(void **state)
{
    char date[REPLY_DATE_SIZE];

    (void)state;
    reply_date(date, 784111777999);
    assert_string_equal(date, DATE);
    reply_date(date, 0);
    assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
    reply_date(date, 951782400000);
    assert_string_equal(date, "Tue, 29 Feb 2000 00:00:00 GMT");
}

static void an_answer_has_its_length_and_its_fields(void **state)
{
    const struct reply reply = { .status = 202, .content_type = "application/json", .body = "{}", .body_len = 2,
                                 .location = "/v1/requests/x", .preference_applied = "respond-async", .retry_after_s = 2 };

    (void)state;
    check(&reply, (struct reply_frame){ .keep_alive = true, .minor = 1 },
          "HTTP/1.1 202 Accepted\r\nDate: " DATE "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
          "Location: /v1/requests/x\r\nPreference-Applied: respond-async\r\nRetry-After: 2\r\n" TAIL "{}");
}

static void the_answer_to_head_has_a_length_but_no_body(void **state)
{
    const struct reply reply = { .status = 404, .content_type = "a/b", .body = "hello", .body_len = 5 };

    (void)state;
    check(&reply, (struct reply_frame){ .head_only = true, .keep_alive = true, .minor = 1 },
          "HTTP/1.1 404 Not Found\r\nDate: " DATE "\r\nContent-Type: a/b\r\nContent-Length: 5\r\n" TAIL);
}

static void each_version_is_told_what_it_would_not_expect(void **state)
{
    const struct reply reply = { .status = 204, .allow = "POST" };

    (void)state;
    check(&reply, (struct reply_frame){ .keep_alive = false, .minor = 1 },
          "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\nAllow: POST\r\nConnection: close\r\n" TAIL);
    check(&reply, (struct reply_frame){ .keep_alive = true, .minor = 0 },
          "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\nAllow: POST\r\nConnection: keep-alive\r\n" TAIL);
}

static void a_long_body_lies_in_one_piece_behind_its_head(void **state)
{
    char *body = malloc(300000);
    const struct reply reply = { .status = 200, .content_type = "a/b", .body = body, .body_len = 300000 };
    struct evbuffer *out = evbuffer_new();

    (void)state;
    memset(body, 'x', 300000);
    evbuffer_add(out, "before", 6);
    assert_int_equal(reply_write(out, &reply, &(struct reply_frame){ .minor = 1, .keep_alive = true, .date = DATE }), 0);
    evbuffer_drain(out, 6);
    assert_int_equal(evbuffer_get_contiguous_space(out), evbuffer_get_length(out));
    assert_true(evbuffer_get_length(out) > 300000);
    evbuffer_free(out);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_imf_fixdates),
        cmocka_unit_test(an_answer_has_its_length_and_its_fields),
        cmocka_unit_test(the_answer_to_head_has_a_length_but_no_body),
        cmocka_unit_test(each_version_is_told_what_it_would_not_expect),
        cmocka_unit_test(a_long_body_lies_in_one_piece_behind_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
