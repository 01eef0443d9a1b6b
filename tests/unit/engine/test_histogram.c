/* engine/histogram.c: times in buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/histogram.h"

static void a_time_is_counted_in_the_first_bucket_that_holds_it(void **state)
{
    struct histogram h = { .scale = &histogram_order };

    (void)state;
    histogram_add(&h, 0);
    histogram_add(&h, 5000);
    histogram_add(&h, 5001);
    histogram_add(&h, 900 * 1000000LL);
    histogram_add(&h, 900 * 1000000LL + 1);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[15], 1);
    assert_int_equal(h.counts[16], 1);
    assert_int_equal(h.sum_us, 2 * 900 * 1000000LL + 10002);
}

static void a_clock_that_stepped_back_takes_nothing_away(void **state)
{
    struct histogram h = { .scale = &histogram_disk };

    (void)state;
    histogram_add(&h, -7);
    assert_int_equal(h.counts[0], 1);
    assert_int_equal(h.sum_us, 0);
}

static void bounds_rise(void **state)
{
    const struct histogram_scale *scales[] = { &histogram_disk, &histogram_order };

    (void)state;
    for (size_t s = 0; s < 2; s++) {
        assert_in_range(scales[s]->n, 1, HISTOGRAM_BOUNDS);
        assert_true(scales[s]->bounds_us[0] > 0);
        for (size_t i = 1; i < scales[s]->n; i++)
            assert_true(scales[s]->bounds_us[i - 1] < scales[s]->bounds_us[i]);
    }
}

static void the_clock_goes_on_in_microseconds(void **state)
{
    const int64_t before_us = histogram_now_us();
    int64_t after_us = before_us;

    (void)state;
    while (after_us == before_us)
        after_us = histogram_now_us();
    assert_true(after_us > before_us && after_us - before_us < 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_counted_in_the_first_bucket_that_holds_it),
        cmocka_unit_test(a_clock_that_stepped_back_takes_nothing_away),
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(the_clock_goes_on_in_microseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
