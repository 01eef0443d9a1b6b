/* request/breaker.c: every way between closed, open and half-open, and when the next probe is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "request/breaker.h"

#define T0 INT64_C(1000000)

static struct breaker b;

static int set_up(void **state)
{
    (void)state;
    b = (struct breaker){ 0 };
    return 0;
}

/* The time of the last of them. */
static int64_t faults(int n, int64_t at_ms, int64_t apart_ms)
{
    for (int i = 0; i < n; i++, at_ms += apart_ms)
        assert_false(breaker_fault(&b, at_ms, 0, 0));
    return at_ms;
}

static void open_it(void)
{
    assert_true(breaker_fault(&b, faults(BREAKER_FAULTS - 1, T0 - 4, 1), 0, 0));
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void half_open_it(void)
{
    open_it();
    assert_true(breaker_try(&b, b.probe_ms));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
}

static void five_faults_in_a_row_open_it(void **state)
{
    (void)state;
    open_it();
    assert_int_equal(b.since_ms, T0);
    assert_int_equal(b.probe_ms, T0 + BREAKER_FIRST_MS);
}

static void an_answer_between_them_keeps_it_closed(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        faults(BREAKER_FAULTS - 1, T0, 1);
        breaker_answer(&b);
    }
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void faults_that_take_more_than_a_minute_keep_it_closed(void **state)
{
    const int64_t end_ms = faults(40, T0, BREAKER_WITHIN_MS / 4 + 1);

    (void)state;
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_true(breaker_fault(&b, end_ms - 8, 0, 0)); /* the last five within a minute, whatever was before */
}

static void four_pauses_of_a_quarter_of_a_minute_are_a_minute(void **state)
{
    (void)state;
    assert_true(breaker_fault(&b, faults(BREAKER_FAULTS - 1, T0, BREAKER_WITHIN_MS / 4), 0, 0));
}

static void it_is_half_open_when_its_time_has_come_and_not_before(void **state)
{
    (void)state;
    assert_false(breaker_try(&b, T0));
    open_it();
    assert_false(breaker_try(&b, b.probe_ms - 1));
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_true(breaker_try(&b, b.probe_ms));
    assert_false(breaker_try(&b, b.probe_ms)); /* one probe at a time */
}

static void a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit(void **state)
{
    int64_t wait_ms = BREAKER_FIRST_MS;

    (void)state;
    open_it();
    for (int i = 0; i < 10; i++) {
        const int64_t now_ms = b.probe_ms + 100;

        assert_true(breaker_try(&b, now_ms));
        assert_true(breaker_fault(&b, now_ms, 0, 0));
        wait_ms = 2 * wait_ms < BREAKER_MOST_MS ? 2 * wait_ms : BREAKER_MOST_MS;
        assert_int_equal(b.probe_ms, now_ms + wait_ms);
    }
    assert_int_equal(wait_ms, BREAKER_MOST_MS);
    assert_int_equal(b.since_ms, T0);
}

static void jitter_adds_up_to_a_fifth_and_takes_nothing_away(void **state)
{
    (void)state;
    for (uint32_t chance = 0; chance < 100000; chance += 997) {
        b = (struct breaker){ 0 };
        faults(BREAKER_FAULTS - 1, T0, 0);
        assert_true(breaker_fault(&b, T0, 0, chance));
        assert_in_range(b.probe_ms - T0, BREAKER_FIRST_MS, BREAKER_FIRST_MS + BREAKER_FIRST_MS / 5);
    }
}

static void the_ca_s_own_word_rules_within_limits(void **state)
{
    static const struct {
        int64_t said_ms, wait_ms;
    } words[] = { { 1, BREAKER_RETRY_AFTER_LEAST },
                  { BREAKER_RETRY_AFTER_LEAST, BREAKER_RETRY_AFTER_LEAST },
                  { 600000, 600000 },
                  { BREAKER_RETRY_AFTER_MOST, BREAKER_RETRY_AFTER_MOST },
                  { INT64_C(7) * 24 * 3600 * 1000, BREAKER_RETRY_AFTER_MOST } };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        b = (struct breaker){ 0 };
        faults(BREAKER_FAULTS - 1, T0, 0);
        assert_true(breaker_fault(&b, T0, words[i].said_ms, 0));
        assert_int_equal(b.probe_ms, T0 + words[i].wait_ms);
    }
}

static void a_fault_while_open_may_put_the_probe_off_but_never_forward(void **state)
{
    int64_t probe_ms;

    (void)state;
    open_it();
    probe_ms = b.probe_ms;
    assert_false(breaker_fault(&b, T0 + 10, 0, 0));
    assert_false(breaker_fault(&b, T0 + 10, BREAKER_RETRY_AFTER_LEAST, 0));
    assert_int_equal(b.probe_ms, probe_ms);
    assert_false(breaker_fault(&b, T0 + 10, 300000, 0));
    assert_int_equal(b.probe_ms, T0 + 10 + 300000);
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void a_probe_that_works_closes_it_on_trial(void **state)
{
    int64_t now_ms;

    (void)state;
    half_open_it();
    now_ms = b.probe_ms;
    breaker_close(&b, now_ms);
    assert_int_equal(b.state, BREAKER_CLOSED);
    breaker_answer(&b); /* answers alone do not end the trial */
    assert_true(breaker_fault(&b, now_ms, 0, 0));
    assert_int_equal(b.probe_ms, now_ms + 2 * BREAKER_FIRST_MS);
    assert_int_equal(b.since_ms, T0); /* it is the same outage */
}

static void an_order_that_came_through_ends_the_trial(void **state)
{
    int64_t now_ms;

    (void)state;
    half_open_it();
    now_ms = b.probe_ms;
    breaker_close(&b, now_ms);
    breaker_order(&b);
    assert_true(breaker_fault(&b, faults(BREAKER_FAULTS - 1, now_ms, 1), 0, 0));
    assert_int_equal(b.probe_ms, now_ms + 4 + BREAKER_FIRST_MS); /* and the wait begins anew */
    assert_int_equal(b.since_ms, now_ms + 4);
}

static void some_quiet_minutes_end_the_trial(void **state)
{
    int64_t now_ms;

    (void)state;
    half_open_it();
    now_ms = b.probe_ms;
    breaker_close(&b, now_ms);
    assert_false(breaker_fault(&b, now_ms + BREAKER_TRIAL_MS, 0, 0));
    b = (struct breaker){ 0 };
    half_open_it();
    now_ms = b.probe_ms;
    breaker_close(&b, now_ms);
    assert_true(breaker_fault(&b, now_ms + BREAKER_TRIAL_MS - 1, 0, 0));
}

static void a_probe_that_said_nothing_is_put_off_and_the_wait_stays(void **state)
{
    int64_t then_ms;

    (void)state;
    half_open_it();
    then_ms = b.probe_ms + 1000;
    breaker_put_off(&b, then_ms);
    assert_false(breaker_try(&b, then_ms - 1));
    assert_true(breaker_try(&b, then_ms));
    assert_true(breaker_fault(&b, then_ms, 0, 0));
    assert_int_equal(b.probe_ms, then_ms + 2 * BREAKER_FIRST_MS);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(five_faults_in_a_row_open_it),
        TEST(an_answer_between_them_keeps_it_closed),
        TEST(faults_that_take_more_than_a_minute_keep_it_closed),
        TEST(four_pauses_of_a_quarter_of_a_minute_are_a_minute),
        TEST(it_is_half_open_when_its_time_has_come_and_not_before),
        TEST(a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit),
        TEST(jitter_adds_up_to_a_fifth_and_takes_nothing_away),
        TEST(the_ca_s_own_word_rules_within_limits),
        TEST(a_fault_while_open_may_put_the_probe_off_but_never_forward),
        TEST(a_probe_that_works_closes_it_on_trial),
        TEST(an_order_that_came_through_ends_the_trial),
        TEST(some_quiet_minutes_end_the_trial),
        TEST(a_probe_that_said_nothing_is_put_off_and_the_wait_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
