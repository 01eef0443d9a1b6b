/* http/target.c: the forms of a request target, and what may stand in Host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/target.h"

static void good_targets_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *authority, *path, *query;
        enum target_form form;
        bool connect, options;
    } cases[] = {
        { "/", NULL, "/", "", TARGET_ORIGIN, false, false },
        { "/v1/sign?label.a=b&c", NULL, "/v1/sign", "label.a=b&c", TARGET_ORIGIN, false, false },
        { "/a?", NULL, "/a", "", TARGET_ORIGIN, false, false },
        { "/a?b?c/d", NULL, "/a", "b?c/d", TARGET_ORIGIN, false, false },
        { "//host/x", NULL, "//host/x", "", TARGET_ORIGIN, false, false },
        { "/a%2Fb:@!$&'()*+,;=~", NULL, "/a%2Fb:@!$&'()*+,;=~", "", TARGET_ORIGIN, false, false },
        { "/x?[|]\"<>^`{}\\%zz", NULL, "/x", "[|]\"<>^`{}\\%zz", TARGET_ORIGIN, false, false },
        { "http://a.example/x?y", "a.example", "/x", "y", TARGET_ABSOLUTE, false, false },
        { "HTTPS://a.example:8443/x", "a.example:8443", "/x", "", TARGET_ABSOLUTE, false, false },
        { "http://a.example", "a.example", "", "", TARGET_ABSOLUTE, false, false },
        { "http://a.example?q", "a.example", "", "q", TARGET_ABSOLUTE, false, false },
        { "http://[::1]:80/", "[::1]:80", "/", "", TARGET_ABSOLUTE, false, false },
        { "*", NULL, "", "", TARGET_ASTERISK, false, true },
        { "http://a.example", "a.example", "", "", TARGET_ASTERISK, false, true },
        { "/x", NULL, "/x", "", TARGET_ORIGIN, false, true },
        { "a.example:443", "a.example:443", "", "", TARGET_AUTHORITY, true, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target target;
        const char *fault = target_parse(&target, syntax_span(cases[i].text), cases[i].connect, cases[i].options);

        assert_null(fault);
        assert_int_equal(target.form, cases[i].form);
        assert_true(syntax_same(target.path, cases[i].path));
        assert_true(syntax_same(target.query, cases[i].query));
        if (cases[i].authority)
            assert_true(syntax_same(target.authority, cases[i].authority));
    }
}

static void bad_targets_are_refused(void **state)
{
    static const struct {
        const char *text;
        bool connect, options;
    } cases[] = {
        { "", false, false },
        { "v1/sign", false, false },
        { "*", false, false },
        { "**", false, true },
        { "/a#b", false, false },
        { "/a?b#c", false, false },
        { "/a%", false, false },
        { "/a%2", false, false },
        { "/a%2g", false, false },
        { "/a\"b", false, false },
        { "/a<b", false, false },
        { "/a\\b", false, false },
        { "/a\x80", false, false },
        { "/a?\x80", false, false },
        { "/a\tb", false, false },
        { "ftp://a.example/", false, false },
        { "http:/a.example/", false, false },
        { "http://", false, false },
        { "http:///x", false, false },
        { "http://?x", false, false },
        { "http://user@a.example/", false, false },
        { "http://a.example:99999/", false, false },
        { "http://a.example:8x/", false, false },
        { "http://[::1/", false, false },
        { "http://[1.2.3.4]/", false, false },
        { "a.example:443", false, false },
        { "a.example", true, false },
        { "a.example:", true, false },
        { ":443", true, false },
        { "/x", true, false },
        { "http://a.example:443", true, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target target;

        assert_non_null(target_parse(&target, syntax_span(cases[i].text), cases[i].connect, cases[i].options));
    }
    assert_non_null(target_parse(&(struct target){ 0 }, (struct span){ "/a\0b", 4 }, false, false));
}

static void host_is_a_name_or_an_address_with_an_optional_port(void **state)
{
    static const char *const good[] = { "a", "a.example", "a.example.", "A.Example:80", "a:", "127.0.0.1", "127.0.0.1:65535",
                                        "[::1]", "[::1]:8443", "[fe80::1]:", "[::ffff:1.2.3.4]", "a_b", "a%2db",
                                        "x:00080", "a,b" };
    static const char *const bad[] = { "",           ":80",    "a b",  "a/b",    "a:b",     "a:80:80", "a:65536", "a:123456",
                                       "a:-1",       "[::1",   "::1",  "[::1]x", "[::g]",   "[]",      "u@a",     "a, b",
                                       "a?b",        "a#b",    "a%2",  "a\x80",  "[::1]80", "a\\b",    "a:8 0",   "a<b",
                                       "[::1%eth0]", "\"a\"", "a\x7f",
                                       "[12345678901234567890123456789012345678901234567890]" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(target_is_authority(syntax_span(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(target_is_authority(syntax_span(bad[i])));
    assert_false(target_is_authority((struct span){ "a\0b", 3 }));
    assert_false(target_is_authority((struct span){ "[::1\0]", 6 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_targets_are_taken_apart),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(host_is_a_name_or_an_address_with_an_optional_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
