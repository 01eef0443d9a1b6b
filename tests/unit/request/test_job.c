/* request/request.c, job.c, job_waiter.c: from the post to the chain, across joins, hang-ups and deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "order_scene.h"

static void a_chain_comes_back(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("ok");
    assert_non_null(rig_post(&rig, csr, &one));
    assert_false(one.came);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_OK);
    assert_non_null(strstr(one.chain, "BEGIN CERTIFICATE"));
    assert_int_equal(strlen(one.job), 26);
    free(csr);
}

static void an_unknown_subject_is_refused(void **state)
{
    char *csr = rig_csr("b.x.example");

    (void)state;
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EINPUT);
    assert_string_equal(one.reason, "unknown-subject");
    assert_non_null(strstr(one.text, "nobody with the subject of this CSR is known here"));
    rig_assert_calls(&rig, 0);
    free(csr);
}

static void a_row_added_meanwhile_is_seen_at_the_next_request(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "unknown-subject");
    rig_answer_free(&one);
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_OK);
    free(csr);
}

static void two_posts_of_one_key_join_one_job(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_post(&rig, csr, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1 && rig_waiters(&rig) == 2);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    assert_string_equal(one.job, two.job);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_finished_one_is_answered_from_the_store(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    assert_string_equal(one.job, two.job);
    rig_assert_calls(&rig, 1);
    rig_answer_free(&two);
    rig_submit(&rig, csr, 3600 * 1000, false, true, &two); /* fresh, but it is too early for a new one */
    rig_until(&rig, &two.came);
    assert_string_equal(one.job, two.job);
    rig_sql(&rig, "UPDATE subject SET no_cache = 'always'");
    rig_answer_free(&two);
    rig_submit(&rig, csr, 3600 * 1000, false, true, &two);
    rig_until(&rig, &two.came);
    assert_string_not_equal(one.job, two.job);
    rig_assert_calls(&rig, 2);
    free(csr);
}

static void a_chain_with_less_than_a_third_left_is_ordered_anew(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    clock_step_wall(INT64_C(61) * 24 * 3600 * 1000);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    clock_step_wall(INT64_C(-61) * 24 * 3600 * 1000);
    assert_non_null(two.chain);
    rig_assert_calls(&rig, 2);
    free(csr);
}

static void one_after_the_other(const char *names, const char *other_names)
{
    char *csr = rig_csr_for("a.x.example", names), *other = rig_csr_for("a.x.example", other_names);

    subject("gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_post(&rig, other, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1 && rig_in_phase(&rig, JOB_QUEUED) == 1);
    rig_settle(&rig);
    rig_assert_calls(&rig, 1);
    assert_int_equal(rig_in_phase(&rig, JOB_QUEUED), 1);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    rig_until(&rig, &two.came);
    rig_assert_calls(&rig, 2);
    free(csr);
    free(other);
}

static void one_order_at_a_time_in_a_zone(void **state)
{
    (void)state;
    one_after_the_other("a.x.example", "b.x.example");
}

static void one_order_at_a_time_for_the_same_names(void **state)
{
    (void)state;
    rig_zone(&rig, "x.example", 2);
    one_after_the_other("a.x.example,DNS:b.x.example", "b.x.example,DNS:a.x.example");
}

static void a_client_that_hangs_up_leaves_the_job_alone(void **state)
{
    char *csr = rig_csr("a.x.example");
    struct request *request;

    (void)state;
    subject("gate:go+ok");
    request = rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    request_detach(request);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_false(one.came);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_assert_calls(&rig, 1);
    free(csr);
}

static void a_deadline_answers_with_the_place_of_the_job(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("gate:go+ok");
    rig_submit(&rig, csr, 60 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    assert_false(one.came);
    clock_move(rig.loop, 60 * 1000);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "still-running");
    assert_true(one.running);
    assert_int_equal(strlen(one.job), 26);
    memcpy(job, one.job, sizeof job);
    rig_answer_free(&one);
    rig_look(&rig, job, &one);
    rig_until(&rig, &one.came);
    assert_true(one.running);
    assert_string_equal(one.step, "gate:go");
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(csr);
}

static void who_does_not_wait_hears_as_soon_as_it_is_stored(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("hang");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_OK);
    assert_null(one.chain);
    assert_true(one.running);
    assert_int_equal(strlen(one.job), 26);
    free(csr);
}

static void a_failure_is_kept_with_the_words_of_the_ca(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("problem+fail:10");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EREFUSED);
    assert_string_equal(one.problem, "{\"type\":\"fake\"}");
    memcpy(job, one.job, sizeof job);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_EREFUSED);
    assert_string_equal(two.text, one.text);
    assert_string_equal(two.problem, "{\"type\":\"fake\"}");
    free(csr);
}

static void a_failed_one_is_ordered_anew_when_asked_again(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("fail:10");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    subject("ok");
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    free(csr);
}

static void a_chain_for_another_key_is_not_handed_out(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("foreign");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EUPSTREAM);
    assert_string_equal(one.reason, "bad-chain");
    assert_null(one.chain);
    free(csr);
}

static void a_request_that_is_not_there(void **state)
{
    (void)state;
    rig_look(&rig, "abcdefghijklmnopqrstuvwxyz", &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ENOTFOUND);
    assert_string_equal(one.reason, "no-such-request");
    rig_look(&rig, "../../etc/passwd", &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ENOTFOUND);
}

static void a_stopping_server_takes_no_requests(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("ok");
    heart_stop(rig.heart);
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ESHUTDOWN);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_comes_back),
        TEST(an_unknown_subject_is_refused),
        TEST(a_row_added_meanwhile_is_seen_at_the_next_request),
        TEST(two_posts_of_one_key_join_one_job),
        TEST(a_finished_one_is_answered_from_the_store),
        TEST(a_chain_with_less_than_a_third_left_is_ordered_anew),
        TEST(one_order_at_a_time_in_a_zone),
        TEST(one_order_at_a_time_for_the_same_names),
        TEST(a_client_that_hangs_up_leaves_the_job_alone),
        TEST(a_deadline_answers_with_the_place_of_the_job),
        TEST(who_does_not_wait_hears_as_soon_as_it_is_stored),
        TEST(a_failure_is_kept_with_the_words_of_the_ca),
        TEST(a_failed_one_is_ordered_anew_when_asked_again),
        TEST(a_chain_for_another_key_is_not_handed_out),
        TEST(a_request_that_is_not_there),
        TEST(a_stopping_server_takes_no_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
