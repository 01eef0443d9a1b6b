/* records/visit_latency.c: the buckets are quarter-octaves, and no call gets lost between two batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "records/visit_latency.h"

static void a_bucket_ends_at_a_power_of_two_of_a_quarter_of_its_number(void **state)
{
    (void)state;
    for (int64_t ms = 2; ms < INT64_C(1) << 27; ms += ms / 97 + 1) {
        const int64_t bucket = visit_latency_bucket(ms);

        assert_true((double)ms <= exp2((double)bucket / 4) * (1 + 1e-12));
        assert_true((double)ms > exp2((double)(bucket - 1) / 4));
    }
    assert_int_equal(visit_latency_bucket(-5), 0);
    assert_int_equal(visit_latency_bucket(0), 0);
    assert_int_equal(visit_latency_bucket(1), 0);
    assert_int_equal(visit_latency_bucket(1024), 40);
    assert_int_equal(visit_latency_bucket(1025), 41);
    assert_int_equal(visit_latency_bucket(INT64_C(1) << 27), LATENCY_BUCKETS - 1);
    assert_int_equal(visit_latency_bucket(INT64_MAX), LATENCY_BUCKETS - 1);
}

static void what_was_taken_can_be_given_back(void **state)
{
    struct visit_latencies latencies = { 0 };
    struct cs_latency *taken, *again;
    size_t n, m;

    (void)state;
    assert_false(visit_latency_wait(&latencies));
    assert_null(visit_latency_take(&latencies, 5, &n));
    visit_latency_add(&latencies, "ca", "le", 100);
    visit_latency_add(&latencies, "ca", "le", 100);
    visit_latency_add(&latencies, "dns", "le", 100);
    taken = visit_latency_take(&latencies, 5, &n);
    assert_int_equal(n, 2);
    assert_int_equal(taken[0].day, 5);
    assert_false(visit_latency_wait(&latencies));
    visit_latency_add(&latencies, "ca", "le", 100);
    visit_latency_give_back(&latencies, taken, n);
    assert_true(visit_latency_wait(&latencies));
    again = visit_latency_take(&latencies, 6, &m);
    assert_int_equal(m, 2);
    for (size_t i = 0; i < m; i++)
        assert_int_equal(again[i].n, strcmp(again[i].role, "ca") == 0 ? 3 : 1);
    free(taken);
    free(again);
    visit_latency_free(&latencies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_ends_at_a_power_of_two_of_a_quarter_of_its_number),
        cmocka_unit_test(what_was_taken_can_be_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
