/* engine/timer.c: our heap of timers, with a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/host.h"
#include "engine/timer.h"

#define MANY 1000

struct ringer {
    struct timer timer;
    struct journal *journal;
    size_t number, again;
    struct ringer *victim;
};

struct journal {
    struct loop *loop;
    size_t n;
    size_t order[4 * MANY];
};

static int begin(void **state)
{
    struct journal *journal = calloc(1, sizeof *journal);

    if (journal)
        journal->loop = loop_new(NULL);
    *state = journal;
    return journal && journal->loop ? 0 : -1;
}

static int end(void **state)
{
    struct journal *journal = *state;

    loop_free(journal->loop);
    free(journal);
    return 0;
}

static void pass(struct journal *journal, int64_t ms)
{
    clock_move(journal->loop, ms);
    loop_run_once(journal->loop, 0);
}

static void on_ring(void *arg)
{
    struct ringer *ringer = arg;

    ringer->journal->order[ringer->journal->n++] = ringer->number;
    if (ringer->victim)
        timer_clear(&ringer->victim->timer);
    if (ringer->again && --ringer->again)
        timer_set_in(ringer->journal->loop, &ringer->timer, 0, on_ring, ringer);
}

static void set(struct ringer *ringer, struct journal *journal, size_t number, int64_t ms)
{
    ringer->journal = journal;
    ringer->number = number;
    timer_set_in(journal->loop, &ringer->timer, ms, on_ring, ringer);
}

static void a_timer_fires_once_when_its_time_has_come(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { 0 };

    set(&a, journal, 7, 60000);
    assert_true(timer_is_set(&a.timer));
    pass(journal, 59000);
    assert_int_equal(journal->n, 0);
    pass(journal, 1000);
    assert_int_equal(journal->n, 1);
    assert_int_equal(journal->order[0], 7);
    assert_false(timer_is_set(&a.timer));
    pass(journal, 3600000);
    assert_int_equal(journal->n, 1);
}

static void the_real_clock_fires_it_too(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { 0 };
    int64_t before_ms = cs_now_ms();

    set(&a, journal, 1, 10);
    while (journal->n == 0 && cs_now_ms() - before_ms < 20000)
        loop_run_once(journal->loop, 1000);
    assert_int_equal(journal->n, 1);
    assert_true(cs_now_ms() - before_ms >= 10);
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
    static struct ringer ringers[MANY];
    struct journal *journal = *state;
    size_t at[MANY], n_left = 0;

    memset(ringers, 0, sizeof ringers);
    srandom(1);
    for (size_t i = 0; i < MANY; i++) {
        at[i] = (size_t)random() % 400;
        set(&ringers[i], journal, i, 100000 + 100 * (int64_t)at[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            timer_clear(&ringers[i].timer);
        if (i % 7 == 0) {
            at[i] = (size_t)random() % 400;
            set(&ringers[i], journal, i, 100000 + 100 * (int64_t)at[i]);
        }
        n_left += timer_is_set(&ringers[i].timer);
    }
    pass(journal, 120000);
    assert_true(journal->n > 0);
    assert_true(journal->n < n_left);
    for (int i = 0; i < 100; i++)
        pass(journal, 500);
    assert_int_equal(journal->n, n_left);
    for (size_t i = 1; i < journal->n; i++) /* setting took some milliseconds of the real clock */
        assert_true(ringers[journal->order[i - 1]].timer.at_ms <= ringers[journal->order[i]].timer.at_ms);
}

static void timers_of_one_millisecond_fire_in_the_order_of_setting(void **state)
{
    static struct ringer ringers[MANY];
    struct journal *journal = *state;
    int64_t at_ms = cs_now_ms() + 500;

    memset(ringers, 0, sizeof ringers);
    for (size_t i = 0; i < MANY; i++) {
        ringers[i].journal = journal;
        ringers[i].number = i;
        timer_set_at(journal->loop, &ringers[i].timer, at_ms, on_ring, &ringers[i]);
    }
    pass(journal, 500);
    assert_int_equal(journal->n, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(journal->order[i], i);
}

static void a_timer_never_fires_inside_the_setting(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { .again = 3 };

    set(&a, journal, 1, -50);
    assert_int_equal(journal->n, 0);
    for (size_t turn = 1; turn <= 3; turn++) {
        loop_run_once(journal->loop, 1000);
        assert_int_equal(journal->n, turn);
    }
    loop_run_once(journal->loop, 0);
    assert_int_equal(journal->n, 3);
}

static void a_callback_may_clear_a_timer_that_is_due_as_well(void **state)
{
    struct journal *journal = *state;
    struct ringer b = { 0 }, a = { .victim = &b };

    set(&a, journal, 1, 100);
    set(&b, journal, 2, 100);
    pass(journal, 200);
    assert_int_equal(journal->n, 1);
    assert_false(timer_is_set(&b.timer));
    timer_clear(&b.timer);
}

static void setting_anew_moves_a_timer(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { 0 };

    set(&a, journal, 1, 100);
    set(&a, journal, 2, 100000);
    pass(journal, 50000);
    assert_int_equal(journal->n, 0);
    set(&a, journal, 3, 10);
    pass(journal, 10);
    assert_int_equal(journal->n, 1);
    assert_int_equal(journal->order[0], 3);
}

static void a_timer_of_the_end_of_time_does_not_fire(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { 0 };

    set(&a, journal, 1, INT64_MAX);
    pass(journal, INT64_C(1000) * 86400 * 365);
    assert_int_equal(journal->n, 0);
    timer_clear(&a.timer);
}

static void a_wall_clock_that_steps_fires_nothing(void **state)
{
    struct journal *journal = *state;
    struct ringer a = { 0 };
    int64_t wall_ms = cs_wall_ms();

    set(&a, journal, 1, 100000);
    clock_step_wall(3600000);
    loop_run_once(journal->loop, 0);
    assert_true(cs_wall_ms() - wall_ms >= 3600000);
    assert_int_equal(journal->n, 0);
    clock_step_wall(-3600000);
    timer_clear(&a.timer);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void a_plugin_starts_and_stops_timers(void **state)
{
    struct journal *journal = *state;
    struct cs_instance in = { .who = "dns.test", .loop = journal->loop };
    struct cs_timer *stopped;
    int fired = 0;

    assert_true(cs_timer_start(&in, 1000, count, &fired) != NULL);
    stopped = cs_timer_start(&in, 1000, count, &fired);
    assert_true(stopped != NULL);
    cs_timer_stop(stopped);
    cs_timer_stop(NULL);
    pass(journal, 999);
    assert_int_equal(fired, 0);
    pass(journal, 1);
    assert_int_equal(fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_timer_fires_once_when_its_time_has_come, begin, end),
        cmocka_unit_test_setup_teardown(the_real_clock_fires_it_too, begin, end),
        cmocka_unit_test_setup_teardown(timers_fire_in_the_order_of_their_times, begin, end),
        cmocka_unit_test_setup_teardown(timers_of_one_millisecond_fire_in_the_order_of_setting, begin, end),
        cmocka_unit_test_setup_teardown(a_timer_never_fires_inside_the_setting, begin, end),
        cmocka_unit_test_setup_teardown(a_callback_may_clear_a_timer_that_is_due_as_well, begin, end),
        cmocka_unit_test_setup_teardown(setting_anew_moves_a_timer, begin, end),
        cmocka_unit_test_setup_teardown(a_timer_of_the_end_of_time_does_not_fire, begin, end),
        cmocka_unit_test_setup_teardown(a_wall_clock_that_steps_fires_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_plugin_starts_and_stops_timers, begin, end),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
