/* records/label_personal.c and label_fold.c: which values never reach a disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "records/label.h"
#include "records/label_fold.h"

static const char *const personal[] = {
    /* mail addresses */
    "ann@lab.example", "ann+tag@lab", "<ann@lab.example>", "mailto:ann@lab.example", "ann%40lab.example",
    "ann%2540lab.example", "ann\xef\xbc\xa0lab.example", "ann\xef\xb9\xablab", "ann(at)lab.example",
    "Ann[AT]lab.example", "a@b", "\xc3\xa9@\xc3\xa9", "from ann@lab.example to all", "ann\xe2\x80\x8b@lab",
    /* IPv4 */
    "192.0.2.1", "client 192.0.2.1!", "http://192.0.2.1:80/", "x192.0.2.1y", "a192.0.2.1", "192-0-2-1",
    "ip-192-0-2-1.lan", "192_0_2_1", "192.000.002.001", "0300.0.2.1", "0xC0.0x0.0x02.0x1", "0xC0000201", "3221225985",
    "1.2.0.192.in-addr.arpa", "192%2e0%2E2%2e1", "192\xe3\x80\x82" "0\xe3\x80\x82" "2\xe3\x80\x82" "1",
    "\xef\xbc\x91\xef\xbc\x99\xef\xbc\x92.0.2.1", "1.3.6.1.4.1", "v1.2.3.4",
    /* IPv6 */
    "2001:db8::1", "::1", "fe80::1%eth0", "[2001:db8::1]:443", "2001:DB8:0:1:2:3:4:5", "from=2001:db8::",
    "x2001:db8::1y", "2001%3Adb8%3a%3A1", "20010db8000000000000000000000001", "2001-db8-0-0-0-0-0-1",
    "::ffff:192.0.2.1", "1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    "2001\xef\xbc\x9a" "db8\xef\xbc\x9a\xef\xbc\x9a" "1",
    /* MAC */
    "00:1a:2B:3c:4d:5e", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e",
    /* UUID */
    "c0ffee00-dead-beef-cafe-0123456789ab", "C0FFEE00DEADBEEFCAFE0123456789AB",
    "{c0ffee00-dead-beef-cafe-abcdefabcdef}", "urn:uuid:c0ffee00-dead-beef-cafe-abcdefabcdef",
    "c0ffee00_dead_beef_cafe_abcdefabcdef", "abcdefabcdefabcdefabcdefabcdefab",
    "c0ffee00%2Ddead%2Dbeef%2Dcafe%2Dabcdefabcdef",
    /* six digits */
    "123456", "room 123456", "a123456b", "20261121", "1234567", "%31%32%33456", "%2531%2532%2533456",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96",
    "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6",
    "\xe0\xa5\xa7\xe0\xa5\xa8\xe0\xa5\xa9\xe0\xa5\xaa\xe0\xa5\xab\xe0\xa5\xac", "123\xc2\xad" "456",
    "123\xe2\x80\x8d" "456",
    "\xf0\x9d\x9f\x8f\xf0\x9d\x9f\x90\xf0\x9d\x9f\x91\xf0\x9d\x9f\x92\xf0\x9d\x9f\x93\xf0\x9d\x9f\x94",
    "\xc2\xb9\xc2\xb2\xc2\xb3" "456", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
    /* telephone numbers */
    "+49 170 12 34 56", "+1 (555) 010-99", "call +39.06.1234.5",
    /* a NUL that is only encoded does not hide the rest */
    "a%00ann@lab.example",
};

static const char *const harmless[] = {
    "spring", "spring-2026", "2026-11-21", "2026-W47", "12:30:45", "v1.2.3", "1.2.3-rc.4", "12345", "12345 67890",
    "trade fair", "caf\xc3\xa9", "\xe6\x98\xa5", "100%", "50%off", "@home", "meet @ 5", "a@", "std::string", "x::y",
    "a-b-c-d", "1.2.3", "256.1.1.1", "2026.10.11.12", "deadbeef", "0xff", "A/B", "a=b;c=d", "%", "%4", "%zz", "other",
    "+1 step", "\xff\xfe", "spring-summer-autumn-winter", "beef-cafe", "", "newsletter_2026_11", "debian-12-amd64",
    "1-2-3",
};

static void what_could_be_a_persons_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof personal / sizeof *personal; i++)
        if (!label_looks_personal(personal[i]))
            fail_msg("\"%s\" was not seen", personal[i]);
}

static void what_says_nothing_about_a_person_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (label_looks_personal(harmless[i]))
            fail_msg("\"%s\" was taken for a person's", harmless[i]);
}

static void what_is_too_long_or_coded_too_often_is_not_trusted(void **state)
{
    struct text coded = TEXT_MAX(200);
    char longer[2000];

    (void)state;
    text_add_char(&coded, '%');
    for (int i = 0; i < 40; i++)
        text_add(&coded, "25");
    text_add(&coded, "41");
    assert_true(label_looks_personal(text_of(&coded)));
    text_free(&coded);
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_true(label_looks_personal(longer));
}

static void every_digit_of_unicode_is_a_digit(void **state)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        { "\xd9\xa0\xd9\xa9", "09" },
        { "\xdb\xb0\xdb\xb9", "09" },
        { "\xe0\xa5\xa6", "0" },
        { "\xf0\x9e\xa5\x90", "0" },
        { "\xf0\x9d\x9f\x8e\xf0\x9d\x9f\xbf", "09" },
        { "\xef\xbc\xa1\xef\xbd\x9a", "az" },
        { "ABC", "abc" },
        { "\xc3\xa9", "\x7f" },
        { "a\xc2\xad"
          "b",
          "ab" },
        { "\xe2\x82\x80\xe2\x82\x89", "09" },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = label_fold(cases[i].text, strlen(cases[i].text), out);

        assert_string_equal(out, cases[i].plain);
        assert_int_equal(n, strlen(cases[i].plain));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_be_a_persons_is_seen),
        cmocka_unit_test(what_says_nothing_about_a_person_passes),
        cmocka_unit_test(what_is_too_long_or_coded_too_often_is_not_trusted),
        cmocka_unit_test(every_digit_of_unicode_is_a_digit),
    };

    return cmocka_run_group_tests_name("label_personal", tests, NULL, NULL);
}
