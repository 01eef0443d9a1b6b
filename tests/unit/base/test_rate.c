/* base/rate.c: token buckets as one number, and how people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rate.h"

#define S INT64_C(1000000000)

static void assert_rate(const char *text, int64_t step_ns, int64_t burst)
{
    struct rate rate;

    assert_int_equal(rate_parse(text, &rate), 0);
    assert_int_equal(rate.step_ns, step_ns);
    assert_int_equal(rate.burst, burst);
}

static void rates_are_read_as_people_write_them(void **state)
{
    (void)state;
    assert_rate("10/s burst 100", S / 10, 100);
    assert_rate("30/m", 2 * S, 30);
    assert_rate("1/h burst 1", 3600 * S, 1);
    assert_rate("4/d burst 2", 6 * 3600 * S, 2);
    assert_rate("3/s", S / 3 + 1, 3); /* never more than was said */
    assert_rate("off", 0, 0);
    assert_rate("1000000/s burst 1000000", 1000, 1000000);
    assert_rate("1/d burst 366", 86400 * S, 366);
}

static void what_is_no_rate_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",       "10",      "10/",      "10/w",    "10/s ",        "10/s burst",    "/s",            "0/s",
        "-1/s",   "1000001/s", "10/s burst 0", "10/s burst x", " 10/s", "10 /s",     "10/s burst 1x", "10/s  burst 1",
        "10/ss",  "on",      "1.5/s",    "OFF",     "10/s,burst 1", "1/d burst 367", "99999999999999999999/s",
        "1/s burst 1000001",
    };
    struct rate rate;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(rate_parse(wrong[i], &rate), -1);
}

static void a_bucket_gives_its_burst_and_then_one_at_a_time(void **state)
{
    const struct rate rate = { .step_ns = 2 * S, .burst = 3 };
    int64_t full = 0, now = 1000 * S;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rate_wait_ns(&rate, full, now), 0);
        full = rate_take(&rate, full, now);
    }
    assert_int_equal(rate_wait_ns(&rate, full, now), 2 * S);
    assert_int_equal(rate_wait_ns(&rate, full, now + 2 * S - 1), 1);
    assert_int_equal(rate_wait_ns(&rate, full, now + 2 * S), 0);
    full = rate_take(&rate, full, now + 2 * S);
    assert_int_equal(rate_wait_ns(&rate, full, now + 2 * S), 2 * S);
    /* An hour later it is full, and no fuller than that. */
    now += 3600 * S;
    for (int i = 0; i < 3; i++)
        full = rate_take(&rate, full, now);
    assert_int_equal(rate_wait_ns(&rate, full, now), 2 * S);
}

static void a_debt_is_paid_before_the_next_token_and_has_a_bound(void **state)
{
    const struct rate rate = { .step_ns = S, .burst = 5 };
    int64_t full = 0;

    (void)state;
    for (int i = 0; i < 7; i++)
        full = rate_take(&rate, full, 100 * S);
    assert_int_equal(rate_wait_ns(&rate, full, 100 * S), 3 * S);
    for (int i = 0; i < 1000; i++)
        full = rate_take(&rate, full, 100 * S);
    assert_int_equal(rate_wait_ns(&rate, full, 100 * S), 6 * S);
}

static void off_is_no_limit(void **state)
{
    const struct rate rate = { 0 };

    (void)state;
    assert_int_equal(rate_take(&rate, 0, 5 * S), 0);
    assert_int_equal(rate_wait_ns(&rate, 0, 5 * S), 0);
    assert_int_equal(rate_wait_ns(&rate, 500 * S, 5 * S), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_rate_is_refused),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_one_at_a_time),
        cmocka_unit_test(a_debt_is_paid_before_the_next_token_and_has_a_bound),
        cmocka_unit_test(off_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
