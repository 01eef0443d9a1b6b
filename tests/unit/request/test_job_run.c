/* request/job_run.c, job_commit.c, challenge.c, resume.c: challenges, DNS faults, stops, starts, late chains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "order_scene.h"

static void restart(void)
{
    rig_down(&rig);
    rig_up(&rig, "");
}

static void a_challenge_is_set_and_taken_away(void **state)
{
    char *csr = rig_csr("a.x.example"), *served;

    (void)state;
    subject("put+gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    served = rig_served(&rig, OWNER);
    assert_string_equal(served, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0\n");
    assert_int_equal(rig_challenges(&rig), 1);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
    free(served);
    free(csr);
}

static void a_dns_failure_is_tried_again(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig_up(&rig, "failures = 2;");
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    rig_hurry_until(&rig, 1100, rig_dns_calls(&rig) >= 3);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    free(csr);
}

/* Less than a write may be late before the store refuses it. */
enum { STEP_MS = 4000 };

static void a_dns_that_stays_down_fails_the_order(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig_up(&rig, "failures = 5;");
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    rig_hurry_until(&rig, 8000, rig_dns_calls(&rig) >= 5);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EUPSTREAM);
    assert_non_null(strstr(one.text, "fake DNS failure"));
    rig_hurry_until(&rig, STEP_MS, heart_busy(rig.heart) == 0);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

/* Its value stays on the books, and is tried to be taken away about once a minute by now. */
static void an_order_after_one_that_the_dns_failed_is_tried_at_the_usual_pace(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig_up(&rig, "failures = 13;");
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_hurry_until(&rig, STEP_MS, one.came && rig_dns_calls(&rig) == 12);
    assert_int_equal(one.code, CS_EUPSTREAM);
    rig_settle(&rig);
    rig_post(&rig, csr, &two);
    rig_until_true(&rig, rig_dns_calls(&rig) == 13);
    rig_settle(&rig);
    clock_move(rig.loop, 1000);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_stop_suspends_and_a_start_goes_on(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("save:order+put+pause+ok");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_post(&rig, csr, &two);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1 && rig_waiters(&rig) == 1);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ESHUTDOWN);
    assert_true(two.running);
    assert_int_equal(rig_challenges(&rig), 1);
    restart();
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, "resume"));
    rig_answer_free(&two);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_step_the_plugin_does_not_know_starts_anew(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("fail:13");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "order-lost");
    rig_assert_calls(&rig, 4); /* CS_ERESTART for ever is given up */
    free(csr);
}

static void a_step_after_finalize_never_starts_anew(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:finalize+fail:13");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "order-lost");
    rig_assert_calls(&rig, 1);
    free(csr);
}

/* How often the CA plugin was asked to go on. */
static size_t resumes(void)
{
    char *calls = rig_calls(&rig);
    size_t n = 0;

    for (const char *at = calls; (at = strstr(at, "resume ")); at++)
        n++;
    free(calls);
    return n;
}

static void an_order_that_lacks_memory_after_finalize_goes_on_at_its_step_until_its_time_is_over(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig.setup.settings.outage_wait_ms = 3600 * 1000;
    rig.setup.settings.job_deadline_ms = 3600 * 1000;
    subject("save:finalize+fail:6"); /* CS_EBUSY */
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_hurry_until(&rig, 1000, resumes() >= 3);
    assert_false(one.came);
    rig_hurry_until(&rig, STEP_MS, one.came);
    assert_int_equal(one.code, CS_EBUSY);
    assert_in_range(resumes(), 3, 900);
    free(csr);
}

static void an_order_at_its_deadline_after_finalize_stays_open_and_gets_its_chain_later(void **state)
{
    char *csr = rig_csr("a.x.example"), *calls;

    (void)state;
    subject("save:finalize+gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    for (int i = 0; i < 3; i++) {
        clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
        rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 1);
        assert_int_equal(rig_in_zone(&rig), 0); /* others need not wait for it */
        rig_settle(&rig);
        clock_move(rig.loop, 5000);
        rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    }
    assert_false(one.came);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    calls = rig_calls(&rig);
    assert_null(strstr(strstr(calls, "sign ") + 1, "sign ")); /* never anew */
    free(calls);
    free(csr);
}

static void an_order_at_its_deadline_after_finalize_takes_the_chain_that_comes_late(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:finalize+late");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "late") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_rest(&rig);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_retry_after_past_the_deadline_is_waited_for_after_finalize(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:finalize+retry:ca+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_calls_have(&rig, "sign"));
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 1);
    rig_open_gate(&rig, "ca");
    clock_move(rig.loop, 19 * 60 * 1000);
    rig_settle(&rig);
    rig_assert_calls(&rig, 1);
    clock_move(rig.loop, 5 * 60 * 1000 + 1000); /* with its jitter */
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_assert_calls(&rig, 2);
    free(csr);
}

static void what_the_operator_can_mend_ends_no_order_after_finalize(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:finalize+mend:ca+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_calls_have(&rig, "sign"));
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 1);
    rig_open_gate(&rig, "ca");
    clock_move(rig.loop, 24 * 60 * 1000 + 1000);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_assert_calls(&rig, 2);
    free(csr);
}

static void an_order_that_lacks_memory_before_finalize_fails_at_once(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:order+fail:6");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EBUSY);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_late_chain_turns_a_failed_job_into_a_done_one(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("later");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "later") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
    memcpy(job, one.job, sizeof job);
    rig_open_gate(&rig, "later");
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(csr);
}

static void a_chain_that_comes_before_the_failure_is_told_is_handed_out(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("late");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "late") == 1);
    rig_lock(&rig); /* the failure is on its way into the store when the chain comes */
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until_true(&rig, rig_at_step(&rig, "late") == 0 && rig_in_state(&rig, CS_JOB_DONE) == 1);
    assert_false(one.came);
    rig_unlock(&rig);
    rig_hurry(&rig, 500, &one.came);
    assert_non_null(one.chain);
    memcpy(job, one.job, sizeof job);
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(csr);
}

static int drop(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->subject_remove(c->conn, arg, err);
}

static void an_order_whose_subject_is_gone_does_not_go_on(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];
    struct cs_error err;

    (void)state;
    subject("save:order+hang");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_until_true(&rig, rig_at_step(&rig, "hang") == 1);
    rig_subject(&rig, "CN=other.x.example", "x.example", "", "");
    assert_int_equal(store_with(instances_at(rig.instances, ROLE_STORE, 0), CS_STATE_WRITER, drop, (void *)SUBJECT, &err), 0);
    restart();
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'open'") == 0);
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(two.reason, "not-granted");
    rig_assert_calls(&rig, 1);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_challenge_is_set_and_taken_away),
        TEST(a_dns_failure_is_tried_again),
        TEST(a_dns_that_stays_down_fails_the_order),
        TEST(an_order_after_one_that_the_dns_failed_is_tried_at_the_usual_pace),
        TEST(a_stop_suspends_and_a_start_goes_on),
        TEST(a_step_the_plugin_does_not_know_starts_anew),
        TEST(a_step_after_finalize_never_starts_anew),
        TEST(an_order_that_lacks_memory_after_finalize_goes_on_at_its_step_until_its_time_is_over),
        TEST(an_order_at_its_deadline_after_finalize_stays_open_and_gets_its_chain_later),
        TEST(an_order_at_its_deadline_after_finalize_takes_the_chain_that_comes_late),
        TEST(a_retry_after_past_the_deadline_is_waited_for_after_finalize),
        TEST(what_the_operator_can_mend_ends_no_order_after_finalize),
        TEST(an_order_that_lacks_memory_before_finalize_fails_at_once),
        TEST(a_late_chain_turns_a_failed_job_into_a_done_one),
        TEST(a_chain_that_comes_before_the_failure_is_told_is_handed_out),
        TEST(an_order_whose_subject_is_gone_does_not_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
