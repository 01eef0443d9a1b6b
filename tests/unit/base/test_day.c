/* base/day.c: days, checked against the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "base/day.h"

static int64_t parsed(const char *text)
{
    int64_t day = -1;

    assert_true(day_parse(text, &day));
    return day;
}

static void every_day_of_nine_thousand_years_agrees_with_the_library(void **state)
{
    (void)state;
    for (int64_t day = -354285; day <= 2932896; day += 13) {
        char ours[DAY_TEXT], theirs[40];
        time_t when = (time_t)(day * 86400);
        struct tm tm;

        assert_int_equal(strftime(theirs, sizeof theirs, "%Y-%m-%d", gmtime_r(&when, &tm)), 10);
        day_text(ours, day);
        assert_string_equal(ours, theirs);
        assert_int_equal(parsed(ours), day);
    }
}

static void a_day_begins_at_midnight_utc_also_before_1970(void **state)
{
    (void)state;
    assert_int_equal(day_of_ms(0), 0);
    assert_int_equal(day_of_ms(DAY_MS - 1), 0);
    assert_int_equal(day_of_ms(DAY_MS), 1);
    assert_int_equal(day_of_ms(-1), -1);
    assert_int_equal(day_of_ms(-DAY_MS), -1);
    assert_int_equal(day_hour(-1), 23);
    assert_int_equal(day_hour(DAY_MS + 7200 * 1000 + 59), 2);
    assert_int_equal(day_start_ms(parsed("2026-11-21")), INT64_C(1795219200000));
}

static void what_is_no_day_is_refused(void **state)
{
    static const char *const wrong[] = { "",           "2026-11-2",  "2026-11-211", "2026-02-29", "2026-13-01", "2026-00-10",
                                         "2026-01-00", "2026-04-31", "26-11-2026",  "2026/11/21", "2026-1a-21", " 026-11-21" };
    int64_t day;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(day_parse(wrong[i], &day));
}

static void a_month_back_ends_on_a_day_that_there_is(void **state)
{
    static const struct {
        const char *from;
        int64_t months;
        const char *to;
    } cases[] = {
        { "2026-11-21", 25, "2024-10-21" }, { "2026-11-21", 0, "2026-11-21" },  { "2026-01-15", 1, "2025-12-15" },
        { "2024-03-31", 1, "2024-02-29" },  { "2026-03-31", 1, "2026-02-28" },  { "2026-12-31", 13, "2025-11-30" },
        { "2026-02-28", 12, "2025-02-28" }, { "2024-02-29", 12, "2023-02-28" }, { "2025-01-31", 2, "2024-11-30" },
    };
    char text[DAY_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        day_text(text, day_months_before(parsed(cases[i].from), cases[i].months));
        assert_string_equal(text, cases[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_nine_thousand_years_agrees_with_the_library),
        cmocka_unit_test(a_day_begins_at_midnight_utc_also_before_1970),
        cmocka_unit_test(what_is_no_day_is_refused),
        cmocka_unit_test(a_month_back_ends_on_a_day_that_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
