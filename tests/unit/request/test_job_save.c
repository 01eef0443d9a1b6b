/* request/job_save.c, job_save_step.c, job_write.c, job_run.c: a store that is locked while orders run, rows that operators
 * edit, saves that come late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "order_scene.h"
#include "request/job.h"

static int no_room(void *conn, struct cs_error *err)
{
    (void)conn;
    return cs_fail_as(err, CS_EBUSY, "storage-unavailable", "the disk is full");
}

/* In the thread that asks for it. */
static int take_room(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct cs_store_ops *ops = arg;

    (void)c;
    (void)err;
    ops->room = no_room;
    return 0;
}

static void on_taken(void *arg, const struct cs_error *err)
{
    assert_null(err);
    *(bool *)arg = true;
}

/* What is under way goes on, what is new is refused, and the CA never hears of it. */
static void a_store_without_room_takes_no_new_order_and_ends_those_it_has(void **state)
{
    struct cs_store_ops *ops = &instances_at(rig.instances, ROLE_STORE, 0)->plugin.store;
    char *csr = rig_csr("a.x.example"), *other = rig_csr("b.x.example");
    bool taken = false;

    (void)state;
    subject("gate:go+save:order+ok");
    rig_subject(&rig, "CN=b.x.example", "x.example", "b.x.example", "ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    store_write(rig.store, take_room, ops, on_taken, &taken);
    rig_until(&rig, &taken);
    rig_post(&rig, other, &two);
    rig_hurry(&rig, 5, &two.came);
    assert_int_equal(two.code, CS_EBUSY);
    assert_string_equal(two.reason, "storage-unavailable");
    assert_int_equal(rig_count(&rig, "job"), 1);
    rig_open_gate(&rig, "go");
    rig_hurry(&rig, 500, &one.came);
    assert_int_equal(one.code, CS_OK);
    assert_non_null(one.chain);
    rig_assert_calls(&rig, 1);
    free(csr);
    free(other);
}

static void a_step_waits_for_a_store_that_is_locked(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+save:order+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    assert_false(one.came);
    rig_unlock(&rig);
    rig_hurry(&rig, 500, &one.came);
    assert_int_equal(one.code, CS_OK);
    assert_non_null(one.chain);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_value_that_was_withdrawn_leaves_a_store_that_was_locked(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_lock(&rig);
    rig_until_true(&rig, store_trouble(rig.store));
    assert_int_equal(rig_challenges(&rig), 1);
    clock_move(rig.loop, 15000); /* longer than a piece of work waits for the store */
    rig_settle(&rig);
    rig_unlock(&rig);
    rig_hurry_until(&rig, 500, heart_busy(rig.heart) == 0);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

/* The clock goes in small steps, so that no step is committed because it has waited for long. */
static void a_step_that_nobody_waits_for_is_committed_with_the_challenge(void **state)
{
    char *csr = rig_csr("a.x.example");
    int64_t commits;

    (void)state;
    subject("note:order+gate:on+put+gate:end+ok");
    clock_freeze(true);
    rig_post(&rig, csr, &one);
    rig_hurry_until(&rig, 5, rig_at_step(&rig, "gate:on") == 1);
    rig_settle(&rig);
    commits = store_commits(rig.store);
    assert_int_equal(rig_count(&rig, "job WHERE step = 'order'"), 0);
    rig_open_gate(&rig, "on");
    rig_hurry_until(&rig, 5, rig_at_step(&rig, "gate:end") == 1);
    assert_int_equal(store_commits(rig.store), commits + 1);
    assert_int_equal(rig_count(&rig, "job WHERE step = 'order'"), 1);
    assert_int_equal(rig_challenges(&rig), 1);
    rig_open_gate(&rig, "end");
    rig_hurry(&rig, 5, &one.came);
    assert_int_equal(one.code, CS_OK);
    clock_freeze(false);
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_step_that_nobody_waits_for_is_there_after_a_stop(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("note:order+pause+ok");
    clock_freeze(true);
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    clock_freeze(false);
    rig_down(&rig);
    assert_int_equal(rig_count(&rig, "job WHERE step = 'order'"), 1);
    rig_up(&rig, "");
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, " order"));
    assert_int_equal(rig_count(&rig, "job WHERE state = 'done'"), 1);
    free(csr);
}

static void a_step_that_nobody_waits_for_waits_for_a_store_that_is_locked(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+note:order+gate:end+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    assert_int_equal(rig_at_step(&rig, "gate:end"), 1);
    rig_unlock(&rig);
    rig_hurry_until(&rig, 500, rig_count(&rig, "job WHERE step = 'order'") == 1);
    rig_open_gate(&rig, "end");
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_OK);
    free(csr);
}

/* What was to be tried again in a second must not be overtaken by the row of the challenge. */
static void a_step_that_could_not_be_written_is_committed_before_the_challenge(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+note:order+gate:on+put+gate:end+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    clock_freeze(true);
    rig_settle(&rig);
    rig_unlock(&rig);
    assert_int_equal(rig_at_step(&rig, "gate:on"), 1);
    assert_int_equal(rig_count(&rig, "job WHERE step = 'order'"), 0);
    rig_open_gate(&rig, "on");
    rig_hurry_until(&rig, 5, rig_at_step(&rig, "gate:end") == 1);
    assert_int_equal(rig_challenges(&rig), 1);
    assert_int_equal(rig_count(&rig, "job WHERE step = 'order'"), 1);
    clock_freeze(false);
    rig_open_gate(&rig, "end");
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_OK);
    rig_rest(&rig);
    free(csr);
}

static void a_challenge_waits_for_a_store_that_is_locked(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    assert_false(one.came);
    rig_unlock(&rig);
    rig_hurry(&rig, 500, &one.came);
    assert_int_equal(one.code, CS_OK);
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_store_that_stays_locked_ends_the_order_at_its_deadline(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+save:order+ok");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    rig_hurry(&rig, 60 * 1000, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
    rig_unlock(&rig);
    clock_move(rig.loop, 1100);
    rig_rest(&rig);
    free(csr);
}

/* What was to be saved is not what is saved: finalize may be sent, and asked for again, only once its record is durable. */
static void an_order_whose_finalize_could_not_be_recorded_is_not_taken_for_one_that_was_sent(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:order+gate:go+save:finalize+ok");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    rig_hurry(&rig, 60 * 1000, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
    rig_unlock(&rig);
    clock_move(rig.loop, 1100);
    rig_rest(&rig);
    rig_assert_calls(&rig, 1);
    assert_int_equal(rig_count(&rig, "job WHERE state = 'failed' AND step = 'order'"), 1);
    free(csr);
}

static void a_chain_is_stored_as_soon_as_the_store_takes_it(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, store_trouble(rig.store));
    assert_false(one.came);
    rig_unlock(&rig);
    rig_hurry(&rig, 500, &one.came);
    assert_non_null(one.chain);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_failure_that_cannot_be_stored_does_not_block_its_key(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("gate:go+fail:10");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EREFUSED);
    memcpy(job, one.job, sizeof job);
    rig_unlock(&rig);
    clock_move(rig.loop, 1100);
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_EREFUSED);
    rig_answer_free(&two);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_EREFUSED);
    rig_assert_calls(&rig, 2);
    free(csr);
}

static void a_failure_that_cannot_be_stored_does_not_block_its_zone(void **state)
{
    char *csr = rig_csr("a.x.example"), *other = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+fail:10");
    rig_post(&rig, csr, &one);
    rig_post(&rig, other, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1 && rig_in_phase(&rig, JOB_QUEUED) == 1);
    rig_assert_calls(&rig, 1);
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &two.came);
    rig_assert_calls(&rig, 2);
    rig_unlock(&rig);
    clock_move(rig.loop, 1100);
    rig_rest(&rig);
    free(csr);
    free(other);
}

static void who_times_out_in_the_line_has_left_it(void **state)
{
    char *csr = rig_csr("a.x.example"), *other = rig_csr("a.x.example");
    const struct job *job;

    (void)state;
    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig.setup.settings.job_deadline_ms = 60 * 1000;
    rig_submit(&rig, other, 3600 * 1000, true, false, &two);
    rig_until(&rig, &two.came);
    job = job_find(rig.heart, two.job);
    assert_int_equal(job->phase, JOB_QUEUED);
    assert_non_null(job->names_place.line);
    rig_lock(&rig);
    clock_move(rig.loop, 60 * 1000);
    rig_until_true(&rig, job->phase != JOB_QUEUED);
    assert_int_equal(job->phase, JOB_COMMITTING);
    assert_null(job->names_place.line); /* or its turn could come while its end is being stored */
    rig_answer_free(&two);
    rig_post(&rig, other, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(two.reason, "queue-timed-out");
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_in_zone(&rig) == 0); /* the next one's turn, if there were one */
    rig_settle(&rig);
    rig_unlock(&rig);
    rig_hurry(&rig, 500, &one.came);
    assert_non_null(one.chain);
    rig_rest(&rig);
    rig_assert_calls(&rig, 1);
    free(csr);
    free(other);
}

static void a_row_that_was_edited_meanwhile_does_not_lose_the_chain(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_sql(&rig, "UPDATE job SET version = version + 7");
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_look(&rig, one.job, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    free(csr);
}

static void a_row_that_was_removed_meanwhile_does_not_lose_the_chain(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_sql(&rig, "DELETE FROM job");
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_look(&rig, one.job, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    free(csr);
}

static void a_save_after_the_end_does_not_touch_the_row(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("latesave");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "latesave") == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, "late save refused"));
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ETIMEDOUT);
    assert_string_equal(two.text, one.text);
    free(csr);
}

static void a_late_chain_waits_for_a_store_that_is_locked(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("late");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_until_true(&rig, rig_at_step(&rig, "late") == 1);
    rig_lock(&rig);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until_true(&rig, rig_in_state(&rig, CS_JOB_DONE) == 1 && store_trouble(rig.store));
    rig_settle(&rig);
    rig_unlock(&rig);
    clock_move(rig.loop, 1100);
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_without_room_takes_no_new_order_and_ends_those_it_has),
        TEST(a_step_waits_for_a_store_that_is_locked),
        TEST(a_value_that_was_withdrawn_leaves_a_store_that_was_locked),
        TEST(a_step_that_nobody_waits_for_is_committed_with_the_challenge),
        TEST(a_step_that_nobody_waits_for_is_there_after_a_stop),
        TEST(a_step_that_nobody_waits_for_waits_for_a_store_that_is_locked),
        TEST(a_step_that_could_not_be_written_is_committed_before_the_challenge),
        TEST(a_challenge_waits_for_a_store_that_is_locked),
        TEST(a_store_that_stays_locked_ends_the_order_at_its_deadline),
        TEST(an_order_whose_finalize_could_not_be_recorded_is_not_taken_for_one_that_was_sent),
        TEST(a_chain_is_stored_as_soon_as_the_store_takes_it),
        TEST(a_failure_that_cannot_be_stored_does_not_block_its_key),
        TEST(a_failure_that_cannot_be_stored_does_not_block_its_zone),
        TEST(who_times_out_in_the_line_has_left_it),
        TEST(a_row_that_was_edited_meanwhile_does_not_lose_the_chain),
        TEST(a_row_that_was_removed_meanwhile_does_not_lose_the_chain),
        TEST(a_save_after_the_end_does_not_touch_the_row),
        TEST(a_late_chain_waits_for_a_store_that_is_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
