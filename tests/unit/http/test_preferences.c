/* http/preferences.c: Prefer, Accept, Cache-Control, Content-Type, Content-Encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/preferences.h"

#define SIXTY_ONE "0123456789012345678901234567890123456789012345678901234567890"

static struct preferences read_preferences(const char *fields)
{
    char head[2048];
    struct message m = { 0 };
    struct preferences wishes;

    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_int_equal(message_read(&m, head, strlen(head)), MESSAGE_READY);
    preferences_read(&wishes, &m);
    return wishes;
}

static void nothing_said_is_nothing_wished(void **state)
{
    struct preferences wishes = read_preferences("Accept: */*\r\n");

    (void)state;
    assert_false(wishes.respond_async || wishes.accepts_problems || wishes.fresh || wishes.coded);
    assert_int_equal(wishes.wait_s, -1);
    assert_string_equal(wishes.content_type, "");
}

static void prefer_is_read_as_rfc_7240_has_it(void **state)
{
    static const struct {
        const char *fields;
        bool async;
        int64_t wait_s;
    } cases[] = {
        { "Prefer: respond-async\r\n", true, -1 },
        { "Prefer: wait=10\r\n", false, 10 },
        { "prefer: Respond-Async, WAIT=10\r\n", true, 10 },
        { "Prefer: wait=10\r\nPrefer: respond-async\r\n", true, 10 },
        { "Prefer: respond-async; x=y, wait = \"7\" ; z\r\n", true, 7 },
        { "Prefer: wait=0\r\n", false, 0 },
        { "Prefer: wait=5, wait=6\r\n", false, 5 },
        { "Prefer: wait=99999999999999999999\r\n", false, 1000001 },
        { "Prefer: wait=-1\r\n", false, -1 },
        { "Prefer: wait=soon\r\n", false, -1 },
        { "Prefer: wait=1.5\r\n", false, -1 },
        { "Prefer: wait\r\n", false, -1 },
        { "Prefer: x=\"respond-async, wait=3\"\r\n", false, -1 },
        { "Prefer: respond-async=no\r\n", false, -1 },
        { "Prefer: ,,;,respond-async\r\n", true, -1 },
        { "Prefer:\r\n", false, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preferences wishes = read_preferences(cases[i].fields);

        assert_int_equal(wishes.respond_async, cases[i].async);
        assert_int_equal(wishes.wait_s, cases[i].wait_s);
    }
}

static void problems_are_accepted_when_they_are_named(void **state)
{
    static const struct {
        const char *fields;
        bool accepted;
    } cases[] = {
        { "Accept: application/problem+json\r\n", true },
        { "Accept: text/html, application/JSON;q=0.1\r\n", true },
        { "Accept: text/html\r\nAccept: application/json\r\n", true },
        { "Accept: application/json;q=0\r\n", false },
        { "Accept: application/json; q=0.000\r\n", false },
        { "Accept: application/json;q=0.001\r\n", true },
        { "Accept: application/json;q=0, application/problem+json\r\n", true },
        { "Accept: application/*, */*\r\n", false },
        { "Accept: application/jsonx\r\n", false },
        { "Accept: text/plain;x=\"application/json\"\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(read_preferences(cases[i].fields).accepts_problems, cases[i].accepted);
}

static void no_cache_asks_for_a_fresh_chain(void **state)
{
    (void)state;
    assert_true(read_preferences("Cache-Control: no-cache\r\n").fresh);
    assert_true(read_preferences("Cache-Control: max-age=0, No-Cache\r\n").fresh);
    assert_false(read_preferences("Cache-Control: no-store\r\n").fresh);
}

static void codings_but_identity_are_seen(void **state)
{
    (void)state;
    assert_true(read_preferences("Content-Encoding: gzip\r\n").coded);
    assert_true(read_preferences("Content-Encoding: identity, br\r\n").coded);
    assert_false(read_preferences("Content-Encoding: Identity\r\n").coded);
    assert_false(read_preferences("Content-Encoding:\r\n").coded);
}

static void the_content_type_is_bare_and_lower_case(void **state)
{
    (void)state;
    assert_string_equal(read_preferences("Content-Type: Application/PKCS10; x=y\r\n").content_type, "application/pkcs10");
    assert_string_equal(read_preferences("Content-Type:\r\n").content_type, "");
    assert_string_equal(read_preferences("Content-Type: ;charset=x\r\n").content_type, "");
    assert_string_equal(read_preferences("Content-Type: a/" SIXTY_ONE "\r\n").content_type, "a/" SIXTY_ONE);
    assert_string_equal(read_preferences("Content-Type: a/" SIXTY_ONE "x\r\n").content_type, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_nothing_wished),
        cmocka_unit_test(prefer_is_read_as_rfc_7240_has_it),
        cmocka_unit_test(problems_are_accepted_when_they_are_named),
        cmocka_unit_test(no_cache_asks_for_a_fresh_chain),
        cmocka_unit_test(codings_but_identity_are_seen),
        cmocka_unit_test(the_content_type_is_bare_and_lower_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
