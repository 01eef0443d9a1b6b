/* base/name.c: DNS host names as certificates have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"

#define SIXTY_THREE "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void accepted(const char *in, unsigned flags, const char *expected)
{
    char out[NAME_MAX_LEN + 1];
    struct cs_error err = { 0 };

    if (name_check(out, in, strlen(in), flags, &err) != 0)
        fail_msg("%s: %s", in, err.text);
    assert_string_equal(out, expected);
}

static void refused(const char *in, unsigned flags, const char *fault)
{
    char out[NAME_MAX_LEN + 1];
    struct cs_error err = { 0 };

    if (name_check(out, in, strlen(in), flags, &err) != -1)
        fail_msg("accepted: %s", in);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.reason, "bad-name");
    if (!strstr(err.text, fault))
        fail_msg("%s: \"%s\" does not say \"%s\"", in, err.text, fault);
    assert_string_equal(out, "");
}

static void good_names_come_out_in_lower_case(void **state)
{
    (void)state;
    accepted("go.example", 0, "go.example");
    accepted("GO.Example.COM", 0, "go.example.com");
    accepted("1.2.3.4.in-addr.arpa", 0, "1.2.3.4.in-addr.arpa");
    accepted("a-b--c.example", 0, "a-b--c.example");
    accepted("3com.com", 0, "3com.com");
    accepted("localhost", NAME_ONE_LABEL, "localhost");
    accepted(SIXTY_THREE ".example", 0, SIXTY_THREE ".example");
    accepted("_acme-challenge.Example.com", NAME_UNDERSCORE, "_acme-challenge.example.com");
    accepted("*.Example.com", NAME_WILDCARD, "*.example.com");
}

static void bad_names_are_told_what_is_wrong(void **state)
{
    (void)state;
    refused("", 0, "empty");
    refused(".", 0, "dot");
    refused("go.example.", 0, "ends with a dot");
    refused(".go.example", 0, "empty label");
    refused("go..example", 0, "empty label");
    refused("example", 0, "two labels");
    refused(SIXTY_THREE "g.example", 0, "63");
    refused("-go.example", 0, "hyphen");
    refused("go-.example", 0, "hyphen");
    refused("go.-example", 0, "hyphen");
    refused("g o.example", 0, "character other");
    refused("go.example\n", 0, "character other");
    refused("b\xc3\xbc" "cher.example", 0, "xn--");
    refused("go/evil.example", 0, "character other");
    refused("go:443.example", 0, "character other");
    refused("a_b.example", 0, "underscore");
    refused("192.0.2.1", 0, "IP address");
    refused("host.1", 0, "number");
    refused("7", NAME_ONE_LABEL, "number");
    refused("2001:db8::1", 0, "character other");
}

static void length_counts_to_253(void **state)
{
    char name[260], out[NAME_MAX_LEN + 1];

    (void)state;
    for (int i = 0; i < 259; i++)
        name[i] = i % 2 ? '.' : 'a';
    assert_int_equal(name_check(out, name, 253, 0, NULL), 0);
    assert_int_equal(name_check(out, name, 255, 0, NULL), -1);
    assert_int_equal(name_check(out, "a.b\0.c", 6, 0, NULL), -1);
}

static void a_wildcard_is_the_whole_first_label_or_nothing(void **state)
{
    (void)state;
    refused("*.example.com", 0, "not allowed here");
    refused("*.com", NAME_WILDCARD, "two labels");
    refused("*", NAME_WILDCARD, "whole first label");
    refused("*.*.example.com", NAME_WILDCARD, "whole first label");
    refused("a.*.example.com", NAME_WILDCARD, "whole first label");
    refused("a*.example.com", NAME_WILDCARD, "whole first label");
    refused("*a.example.com", NAME_WILDCARD, "whole first label");
    refused("*.192.0.2.1", NAME_WILDCARD, "IP address");
}

static void an_xn_label_must_be_one(void **state)
{
    (void)state;
    accepted("xn--bcher-kva.example", 0, "xn--bcher-kva.example");
    accepted("XN--BCHER-KVA.example", 0, "xn--bcher-kva.example");
    accepted("xn--fa-hia.de", 0, "xn--fa-hia.de");
    accepted("go.xn--p1ai", 0, "go.xn--p1ai");
    refused("xn--.example", 0, "hyphen");
    refused("xn--a.example", 0, "xn-- label");
    refused("xn--bcher-.example", 0, "hyphen");
    refused("xn--999999999.example", 0, "xn-- label");
    refused("ab--cd.example", 0, "xn-- label");
    refused("xn--www-.example", 0, "hyphen");
    /* an umlaut in two characters (not normal form C), a capital umlaut, a snowman, a zero-width joiner */
    refused("xn--bucher-xyd.example", 0, "xn-- label");
    refused("xn--bcher-2pa.example", 0, "xn-- label");
    refused("xn--n3h.example", 0, "xn-- label");
    refused("xn--ab-m1t.example", 0, "xn-- label");
}

static void a_zone_holds_what_is_at_or_below_it(void **state)
{
    (void)state;
    assert_true(name_in_zone("example.com", "example.com"));
    assert_true(name_in_zone("a.b.example.com", "example.com"));
    assert_true(name_in_zone("*.example.com", "example.com"));
    assert_true(name_in_zone("*.a.example.com", "example.com"));
    assert_false(name_in_zone("badexample.com", "example.com"));
    assert_false(name_in_zone("*.com", "example.com"));
    assert_false(name_in_zone("com", "example.com"));
    assert_false(name_in_zone("example.com.evil", "example.com"));
}

static void an_entry_allows_itself_or_all_below_a_dot(void **state)
{
    (void)state;
    assert_true(name_allowed("go.example", "go.example"));
    assert_false(name_allowed("go.example", "a.go.example"));
    assert_false(name_allowed("go.example", "*.go.example"));
    assert_true(name_allowed("*.go.example", "*.go.example"));
    assert_false(name_allowed("*.go.example", "a.go.example"));
    assert_true(name_allowed(".go.example", "a.go.example"));
    assert_true(name_allowed(".go.example", "a.b.go.example"));
    assert_true(name_allowed(".go.example", "*.go.example"));
    assert_false(name_allowed(".go.example", "go.example"));
    assert_false(name_allowed(".go.example", "ago.example"));
    assert_false(name_allowed(".go.example", ".go.example"));
}

static void names_sort_by_bytes(void **state)
{
    const char *names[] = { "b.x", "*.x", "a.x", "a.b.x" };

    (void)state;
    qsort(names, 4, sizeof *names, name_compare);
    assert_string_equal(names[0], "*.x");
    assert_string_equal(names[1], "a.b.x");
    assert_string_equal(names[2], "a.x");
    assert_string_equal(names[3], "b.x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_come_out_in_lower_case),
        cmocka_unit_test(bad_names_are_told_what_is_wrong),
        cmocka_unit_test(length_counts_to_253),
        cmocka_unit_test(a_wildcard_is_the_whole_first_label_or_nothing),
        cmocka_unit_test(an_xn_label_must_be_one),
        cmocka_unit_test(a_zone_holds_what_is_at_or_below_it),
        cmocka_unit_test(an_entry_allows_itself_or_all_below_a_dot),
        cmocka_unit_test(names_sort_by_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
