/* request/job_pause.c, and what of it job_line.c, job_waiter.c and job_run.c see: an order that waits for its CA after finalize
 * keeps its names, and says for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "order_scene.h"

#define MINUTE_MS     (60 * 1000)
#define PAUSE_MS      (20 * MINUTE_MS) /* the word retry of fake-ca */
#define PAUSE_MOST_MS (24 * MINUTE_MS) /* with its jitter */
#define LITTLE_MS     2000

static char *csr, *other;

static int set_up_two(void **state)
{
    csr = rig_csr("a.x.example");
    other = rig_csr("a.x.example"); /* another key */
    return set_up(state);
}

static int tear_down_two(void **state)
{
    free(csr);
    free(other);
    return tear_down(state);
}

static void until_it_pauses(void)
{
    rig_until_true(&rig, rig_calls_have(&rig, "sign"));
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) >= 1 && rig_in_zone(&rig) == 0);
    rig_settle(&rig);
}

static void no_other_order_for_its_names_is_made_meanwhile(void **state)
{
    (void)state;
    rig.setup.settings.job_deadline_ms = 2 * PAUSE_MOST_MS;
    subject("save:finalize+retry:ca+ok");
    rig_submit(&rig, csr, 24 * 60 * MINUTE_MS, false, false, &one);
    until_it_pauses();
    rig_submit(&rig, other, 24 * 60 * MINUTE_MS, false, false, &two);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 2);
    rig_settle(&rig);
    rig_assert_calls(&rig, 1);
    assert_int_equal(rig_in_zone(&rig), 0);
    rig_open_gate(&rig, "ca");
    clock_move(rig.loop, PAUSE_MOST_MS + LITTLE_MS);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_assert_calls(&rig, 3);
}

static void orders_for_other_names_of_its_zone_go_on_meanwhile(void **state)
{
    char *elsewhere = rig_csr("b.x.example");

    (void)state;
    rig_subject(&rig, "CN=b.x.example", "x.example", "b.x.example", "ok");
    subject("save:finalize+retry:ca+ok");
    rig_submit(&rig, csr, 24 * 60 * MINUTE_MS, false, false, &one);
    until_it_pauses();
    rig_post(&rig, elsewhere, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(elsewhere);
}

static void who_waits_for_its_names_in_vain_is_told_when_it_goes_on(void **state)
{
    (void)state;
    rig.setup.settings.job_deadline_ms = 15 * MINUTE_MS;
    subject("save:finalize+retry:ca+ok");
    rig_submit(&rig, csr, 24 * 60 * MINUTE_MS, false, false, &one);
    until_it_pauses();
    rig_submit(&rig, other, 24 * 60 * MINUTE_MS, false, false, &two);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 2);
    clock_move(rig.loop, 15 * MINUTE_MS);
    rig_until(&rig, &two.came);
    assert_string_equal(two.reason, "queue-timed-out");
    assert_in_range(two.retry_after_ms, 4 * MINUTE_MS, PAUSE_MOST_MS - 15 * MINUTE_MS + LITTLE_MS);
    assert_false(one.came);
}

static void it_tells_what_is_left_of_its_pause(void **state)
{
    (void)state;
    subject("save:finalize+retry:ca+ok");
    rig_submit(&rig, csr, 10 * MINUTE_MS, false, false, &one);
    until_it_pauses();
    clock_move(rig.loop, 5 * MINUTE_MS);
    rig_settle(&rig);
    assert_false(one.came);
    clock_move(rig.loop, 5 * MINUTE_MS + LITTLE_MS);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "still-running");
    assert_in_range(one.retry_after_ms, PAUSE_MS - 11 * MINUTE_MS, PAUSE_MOST_MS - 10 * MINUTE_MS + LITTLE_MS);
    rig_look(&rig, one.job, &two);
    rig_until(&rig, &two.came);
    assert_true(two.running);
    assert_string_equal(two.step, "waiting-for-ca");
    assert_in_range(two.retry_after_ms, PAUSE_MS - 11 * MINUTE_MS, PAUSE_MOST_MS - 10 * MINUTE_MS + LITTLE_MS);
}

/* Or all orders that one fault of the CA has stopped would come back in one moment. */
static void pauses_behind_the_same_retry_after_differ(void **state)
{
    const struct job *job;
    int64_t least_ms = INT64_MAX, most_ms = 0, ended_ms = 0;

    (void)state;
    subject("save:finalize+retry:ca+ok");
    rig_submit(&rig, csr, 24 * 60 * MINUTE_MS, true, false, &one);
    rig_until(&rig, &one.came);
    job = job_find(rig.heart, one.job);
    for (int i = 0; i < 20; i++) {
        int64_t pause_ms;

        rig_until_true(&rig, job->pausing && job->pause_ends_ms != ended_ms);
        ended_ms = job->pause_ends_ms;
        pause_ms = job->pause_ends_ms - cs_now_ms();
        assert_in_range(pause_ms, PAUSE_MS - LITTLE_MS, PAUSE_MOST_MS);
        least_ms = pause_ms < least_ms ? pause_ms : least_ms;
        most_ms = pause_ms > most_ms ? pause_ms : most_ms;
        clock_move(rig.loop, pause_ms);
    }
    assert_true(most_ms - least_ms > MINUTE_MS);
}

static void an_order_that_the_ca_gave_to_another_is_made_anew_after_finalize_too(void **state)
{
    char *calls;

    (void)state;
    subject("save:finalize+retry:ca+taken+ok");
    rig_submit(&rig, csr, 24 * 60 * MINUTE_MS, false, false, &one);
    until_it_pauses();
    rig_open_gate(&rig, "ca");
    clock_move(rig.loop, PAUSE_MOST_MS + LITTLE_MS);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    calls = rig_calls(&rig);
    assert_non_null(strstr(strstr(calls, "resume "), "sign "));
    free(calls);
    rig_assert_calls(&rig, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_two, tear_down_two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_other_order_for_its_names_is_made_meanwhile),
        TEST(orders_for_other_names_of_its_zone_go_on_meanwhile),
        TEST(who_waits_for_its_names_in_vain_is_told_when_it_goes_on),
        TEST(it_tells_what_is_left_of_its_pause),
        TEST(pauses_behind_the_same_retry_after_differ),
        TEST(an_order_that_the_ca_gave_to_another_is_made_anew_after_finalize_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
