/* core/plugin/duration.c: durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin/duration.h"

static void assert_duration(const char *text, int64_t expected)
{
    int64_t ms = -1;

    assert_int_equal(duration_parse(text, &ms), 0);
    assert_true(ms == expected);
}

static void durations_have_units_and_are_seconds_without(void **state)
{
    (void)state;
    assert_duration("15", 15000);
    assert_duration("0", 0);
    assert_duration("250ms", 250);
    assert_duration("30s", 30000);
    assert_duration("5m", 300000);
    assert_duration("1h", 3600000);
    assert_duration("7d", 7 * 86400000LL);
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const wrong[] = { "", "s", "-1", "+1", " 1", "1 s", "1S", "1w", "1.5s", "1s ", "9223372036854775807",
                                         "99999999999999999999", "106751991168d", "0x10" };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(duration_parse(wrong[i], &ms), -1);
}

static void durations_are_printed_in_their_largest_unit(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } pairs[] = { { 0, "0s" }, { 250, "250ms" }, { 1500, "1500ms" }, { 90000, "90s" }, { 300000, "5m" }, { 86400000, "1d" },
                  { -1000, "-1s" }, { 1, "1ms" }, { INT64_MAX, "9223372036854775807ms" } };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        duration_text(out, pairs[i].ms);
        assert_string_equal(out, pairs[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units_and_are_seconds_without),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_printed_in_their_largest_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
