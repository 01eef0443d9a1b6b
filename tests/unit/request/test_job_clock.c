/* request/job.c: somebody sets the wall clock while orders run, wait, or lie in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/clock.h"
#include "fakes/rig.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static struct rig rig;
static struct rig_answer one, two;
static int64_t stepped_ms;

static void step_wall(int64_t ms)
{
    stepped_ms += ms;
    clock_step_wall(ms);
}

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_answer_free(&one);
    rig_answer_free(&two);
    rig_down(&rig);
    rig_remove(&rig);
    step_wall(-stepped_ms);
    return 0;
}

static void subject(const char *name, const char *profile)
{
    char text[64];

    snprintf(text, sizeof text, "CN=%s", name);
    rig_subject(&rig, text, "x.example", ".x.example", profile);
}

/* `two` waits behind `one`, whose order is at the gate. */
static void let_one_wait(const char *profile_of_two)
{
    char *csr_one = rig_csr("a.x.example"), *csr_two = rig_csr("b.x.example");

    subject("a.x.example", "gate:go+ok");
    subject("b.x.example", profile_of_two);
    rig_submit(&rig, csr_one, DAY_MS, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_submit(&rig, csr_two, DAY_MS, false, false, &two);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 1);
    free(csr_one);
    free(csr_two);
}

static void a_step_ahead_takes_no_time_from_an_order(void **state)
{
    (void)state;
    let_one_wait("ok");
    step_wall(rig.setup.settings.job_deadline_ms + 60 * 1000);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    rig_until(&rig, &two.came);
    assert_non_null(one.chain);
    assert_non_null(two.chain);
}

static void a_step_back_gives_no_time_to_an_order(void **state)
{
    (void)state;
    let_one_wait("hang");
    step_wall(-30 * 60 * 1000);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_until_true(&rig, rig_at_step(&rig, "hang") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ETIMEDOUT);
}

static void stop_with_one_open(const char *profile)
{
    char *csr = rig_csr("a.x.example");

    subject("a.x.example", profile);
    rig_submit(&rig, csr, DAY_MS, true, false, &one);
    rig_until(&rig, &one.came);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_SIGNING) == 1);
    rig_down(&rig);
    free(csr);
}

static void an_order_of_an_earlier_run_has_no_more_time_than_a_new_one_after_a_step_back(void **state)
{
    (void)state;
    stop_with_one_open("save:order+hang");
    step_wall(-DAY_MS);
    rig_up(&rig, "");
    rig_until_true(&rig, rig_at_step(&rig, "hang") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'failed'") == 1);
}

static void an_order_of_an_earlier_run_still_has_a_minute_after_a_step_ahead(void **state)
{
    (void)state;
    stop_with_one_open("save:order+gate:go+ok");
    step_wall(DAY_MS);
    rig_up(&rig, "");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    clock_move(rig.loop, 50 * 1000);
    rig_settle(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'done'") == 1);
}

static void an_order_of_an_earlier_run_that_the_ca_has_gets_the_whole_time_anew(void **state)
{
    (void)state;
    stop_with_one_open("save:order+gate:go+ok");
    step_wall(DAY_MS);
    rig_up(&rig, "");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms - 10 * 1000);
    rig_settle(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'done'") == 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_ahead_takes_no_time_from_an_order),
        TEST(a_step_back_gives_no_time_to_an_order),
        TEST(an_order_of_an_earlier_run_has_no_more_time_than_a_new_one_after_a_step_back),
        TEST(an_order_of_an_earlier_run_still_has_a_minute_after_a_step_ahead),
        TEST(an_order_of_an_earlier_run_that_the_ca_has_gets_the_whole_time_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
