/* engine/http_answer.c: what comes in, its limits, and the fields made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/http_parts.h"
#include "exchange.h"

static char filler[70000];

static bool answer(struct web_connection *connection, const struct web_request *request)
{
    const char *path = request->path;

    if (strncmp(path, "/fields ", 8) == 0)
        return web_say(connection, "HTTP/1.1 201 Created\r\nContent-Type:  Application/Problem+JSON ; charset=utf-8\r\n"
                                   "X-Test: one\r\nRetry-After: 120\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "X-test:\ttwo  \r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    if (strncmp(path, "/date ", 6) == 0)
        return web_say(connection, "HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\nContent-Length: 0\r\n\r\n");
    if (strncmp(path, "/nul ", 5) == 0)
        return web_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\0b\0c", 43);
    if (strncmp(path, "/interim ", 9) == 0)
        return web_say(connection, "HTTP/1.1 103 Early Hints\r\nX-Test: early\r\n\r\nHTTP/1.1 200 OK\r\nX-Test: real\r\n"
                                   "Transfer-Encoding: chunked\r\nTrailer: X-Test\r\n\r\n"
                                   "3\r\nabc\r\n0\r\nX-Test: trailer\r\n\r\n");
    if (strncmp(path, "/long ", 6) == 0) {
        web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 69999\r\n\r\n");
        return web_write(connection, filler, 69999);
    }
    if (strncmp(path, "/unbounded ", 11) == 0) {
        web_say(connection, "HTTP/1.1 200 OK\r\n\r\n");
        while (web_write(connection, filler, 60000))
            continue;
        return false;
    }
    if (strncmp(path, "/many-headers ", 14) == 0) {
        web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        for (int i = 0; i < 300; i++)
            web_say(connection, "X-Test: x\r\n");
        return web_say(connection, "\r\n");
    }
    if (strncmp(path, "/interim-flood ", 15) == 0) {
        while (web_say(connection, "HTTP/1.1 103 Early Hints\r\nX-Test: early\r\n\r\n"))
            continue;
        return false;
    }
    if (strncmp(path, "/cut-header ", 12) == 0) {
        web_say(connection, "HTTP/1.1 200 OK\r\nX-Test: one\r\nX-Te");
        return false;
    }
    if (strncmp(path, "/endless-header ", 16) == 0) {
        web_say(connection, "HTTP/1.1 200 OK\r\nX-Test: ");
        while (web_write(connection, filler, 60000))
            continue;
        return false;
    }
    web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"); /* long headers */
    for (int i = 0; i < 20; i++) {
        web_say(connection, "X-Test: ");
        web_write(connection, filler, 4000);
        web_say(connection, "\r\n");
    }
    return web_say(connection, "\r\n");
}

static int begin(void **state)
{
    return web_begin(state, answer, NULL, 8);
}

static void status_body_and_fields_are_told(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/fields", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 201);
    assert_string_equal(x.body, "{\"a\":1}");
    assert_string_equal(x.content_type, "application/problem+json");
    assert_string_equal(x.x_test[0], "one");
    assert_string_equal(x.x_test[1], "two");
    assert_int_equal(x.retry_after_ms, 120000);
    assert_int_equal(x.date_ms, INT64_C(784111777000));
}

static void retry_after_as_a_date_counts_from_the_answers_own_date(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/date", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 503);
    assert_int_equal(x.retry_after_ms, 60000);
    assert_string_equal(x.body, "");
    assert_string_equal(x.content_type, "");
    assert_string_equal(x.x_test[0], "(none)");
}

static void a_body_may_hold_nul(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/nul", (struct cs_http_request){ 0 });
    assert_int_equal(x.body_len, 5);
    assert_memory_equal(x.body, "a\0b\0c", 6);
    assert_int_equal(x.retry_after_ms, 0);
    assert_int_equal(x.date_ms, 0);
}

static void interim_answers_and_trailers_are_passed_over(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/interim", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 200);
    assert_string_equal(x.body, "abc");
    assert_string_equal(x.x_test[0], "real");
    assert_string_equal(x.x_test[1], "(none)");
}

static void a_body_of_exactly_the_limit_is_taken(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/long", (struct cs_http_request){ .max_reply = 69999 });
    assert_int_equal(x.status, 200);
    assert_int_equal(x.body_len, 69999);
}

static void told_too_big(struct web *web, const char *path, size_t limit, const char *why)
{
    struct exchange x;

    exchange_run(web, &x, path, (struct cs_http_request){ .max_reply = limit });
    assert_int_equal(x.told, 1);
    assert_int_equal(x.status, 0);
    assert_int_equal(x.err.code, CS_EUPSTREAM);
    if (!strstr(x.err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", path, x.err.text, why);
}

static void too_much_is_an_error(void **state)
{
    told_too_big(*state, "/long", 69998, "its answer is longer than 69998 bytes");
    told_too_big(*state, "/unbounded", 100000, "its answer is longer than 100000 bytes");
    told_too_big(*state, "/unbounded", 0, "its answer is longer than 1048576 bytes");
    told_too_big(*state, "/many-headers", 0, "the headers of its answer are too many or too long");
    told_too_big(*state, "/long-headers", 0, "the headers of its answer are too many or too long");
    told_too_big(*state, "/endless-header", 0, "a header of its answer is too long");
    told_too_big(*state, "/interim-flood", 0, "the headers of its answer are too many or too long");
}

static void a_header_that_ends_with_the_connection_is_no_answer(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/cut-header", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 0);
    assert_int_equal(x.err.code, CS_EUPSTREAM);
    assert_non_null(strstr(x.err.text, "the connection was cut before the whole answer came"));
}

static void retry_after_is_read_strictly(void **state)
{
    int64_t now_ms = cs_wall_ms(), ms;
    char date[64];
    time_t soon = (time_t)(now_ms / 1000) + 3600;
    struct tm utc;

    (void)state;
    assert_int_equal(http_retry_after_ms("0", 0), 0);
    assert_int_equal(http_retry_after_ms("5", 0), 5000);
    assert_int_equal(http_retry_after_ms("604800", 0), 604800000);
    assert_int_equal(http_retry_after_ms("604801", 0), 604800000);
    assert_int_equal(http_retry_after_ms("99999999999999999999999999999", 0), 604800000);
    assert_int_equal(http_retry_after_ms("", 0), 0);
    assert_int_equal(http_retry_after_ms("-5", 0), 0);
    assert_int_equal(http_retry_after_ms("soon", 0), 0);
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", 0), 0);
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:38 GMT", INT64_C(784111777000)), 1000);
    assert_int_equal(http_retry_after_ms("Sun, 06 Nov 2094 08:49:38 GMT", INT64_C(784111777000)), 604800000);
    gmtime_r(&soon, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    ms = http_retry_after_ms(date, 0);
    assert_true(ms > 3590000);
    assert_true(ms <= 3600000);
}

static int64_t date_ms(const char *date)
{
    return http_retry_after_ms(date, 1000) ? http_retry_after_ms(date, INT64_C(951782399000)) : -1;
}

/* From the second before 29 February 2000: only what lies within the week after it is told. */
static void dates_of_all_forms_are_read(void **state)
{
    static const struct {
        const char *date;
        int64_t seconds;
    } forms[] = {
        { "Tue, 29 Feb 2000 00:00:00 GMT", 1 },
        { "Wed, 01 Mar 2000 00:00:00 GMT", 86401 },
        { "Tuesday, 29-Feb-00 00:00:02 GMT", 3 },
        { "Tue Feb 29 00:00:03 2000", 4 },
        { "29 Feb 2000 00:00:04 GMT", 5 },
        { "Tue, 29 Feb 2000 01:00:00 +0100", 1 },
    };
    static const char *const none[] = { "Tue, 29 Feb 2000 24:00:00 GMT", "Tue, 29 Feb 2000 00:60:00 GMT",
                                        "Tue, 29 Xxx 2000 00:00:00 GMT", "Tue, 29 anF 2000 00:00:00 GMT",
                                        "Tue, 32 Feb 2000 00:00:00 GMT", "Tue, 29 Feb 2000 0x:00:00 GMT" };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (date_ms(forms[i].date) != forms[i].seconds * 1000)
            fail_msg("%s is %lld", forms[i].date, (long long)date_ms(forms[i].date));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (http_retry_after_ms(none[i], 1000))
            fail_msg("%s was read", none[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_of_all_forms_are_read),
        cmocka_unit_test_setup_teardown(status_body_and_fields_are_told, begin, web_end),
        cmocka_unit_test_setup_teardown(retry_after_as_a_date_counts_from_the_answers_own_date, begin, web_end),
        cmocka_unit_test_setup_teardown(a_body_may_hold_nul, begin, web_end),
        cmocka_unit_test_setup_teardown(a_header_that_ends_with_the_connection_is_no_answer, begin, web_end),
        cmocka_unit_test_setup_teardown(interim_answers_and_trailers_are_passed_over, begin, web_end),
        cmocka_unit_test_setup_teardown(a_body_of_exactly_the_limit_is_taken, begin, web_end),
        cmocka_unit_test_setup_teardown(too_much_is_an_error, begin, web_end),
        cmocka_unit_test(retry_after_is_read_strictly),
    };

    memset(filler, 'x', sizeof filler - 1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests_name("http_answer", tests, NULL, NULL);
}
