/* base/day.c: days and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "base/day.h"

static void a_moment_lies_in_its_day(void **state)
{
    (void)state;
    assert_int_equal(day_of_ms(0), 0);
    assert_int_equal(day_of_ms(DAY_MS - 1), 0);
    assert_int_equal(day_of_ms(DAY_MS), 1);
    assert_int_equal(day_of_ms(-1), -1);
    assert_int_equal(day_of_ms(-DAY_MS), -1);
    assert_int_equal(day_of_ms(-DAY_MS - 1), -2);
}

/* Every day of the Gregorian calendar's whole cycle of 400 years, and a bit more. */
static void every_day_reads_as_the_c_library_has_it(void **state)
{
    (void)state;
    for (int64_t day = -135140; day < 150000; day++) {
        time_t seconds = (time_t)(day * 86400);
        char wanted[32], text[DAY_TEXT_SIZE];
        struct tm t;
        int64_t again = INT64_MAX;

        gmtime_r(&seconds, &t);
        strftime(wanted, sizeof wanted, "%Y-%m-%d", &t);
        day_text(text, day);
        if (day % 50 == 0 || t.tm_mday > 27)
            assert_string_equal(text, wanted);
        assert_true(day_parse(text, &again));
        assert_int_equal(again, day);
    }
}

static void years_from_1_to_9999_are_days(void **state)
{
    char text[DAY_TEXT_SIZE];
    int64_t first, last;

    (void)state;
    assert_true(day_parse("0001-01-01", &first));
    assert_true(day_parse("9999-12-31", &last));
    day_text(text, first);
    assert_string_equal(text, "0001-01-01");
    day_text(text, last);
    assert_string_equal(text, "9999-12-31");
    day_text(text, first - 1);
    assert_string_equal(text, "?");
    day_text(text, last + 1);
    assert_string_equal(text, "?");
    day_text(text, INT64_MAX);
    assert_string_equal(text, "?");
    day_text(text, INT64_MIN);
    assert_string_equal(text, "?");
}

static void what_is_no_day_is_refused(void **state)
{
    static const char *const odd[] = {
        "",           "2026",       "2026-11",    "2026-11-2",  "2026-11-210", "2026-11-21 ", "2026/11/21", "21-11-2026",
        "2026-13-01", "2026-00-01", "2026-01-00", "2026-02-29", "2100-02-29",  "2026-04-31",  "0000-01-01", "+026-01-01",
        "2026-1a-01", " 2026-01-01",
    };
    int64_t day;

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(day_parse(odd[i], &day));
    assert_true(day_parse("2024-02-29", &day));
    assert_true(day_parse("2000-02-29", &day));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_lies_in_its_day),
        cmocka_unit_test(every_day_reads_as_the_c_library_has_it),
        cmocka_unit_test(years_from_1_to_9999_are_days),
        cmocka_unit_test(what_is_no_day_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
