/* request/job*.c, request.c, resume.c: orders from the post to the chain, across hang-ups, deadlines, stops and starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"

#define SUBJECT "CN=a.x.example"
#define OWNER   "_acme-challenge.a.x.example."

static struct rig rig;
static struct rig_answer one, two;

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
    return 0;
}

static void subject(const char *profile)
{
    rig_subject(&rig, SUBJECT, "x.example", ".x.example a.x.example", profile);
}

static void restart(void)
{
    rig_down(&rig);
    rig_up(&rig, "");
}

static size_t lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void assert_calls(size_t n)
{
    char *calls = rig_calls(&rig);

    assert_int_equal(lines(calls), n);
    free(calls);
}

static bool calls_have(const char *word)
{
    char *calls = rig_calls(&rig);
    const bool has = strstr(calls, word) != NULL;

    free(calls);
    return has;
}

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
    assert_string_equal(one.text, "Invalid subject");
    assert_calls(0);
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
    subject("wait:50+ok");
    rig_post(&rig, csr, &one);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &one.came);
    rig_until(&rig, &two.came);
    assert_string_equal(one.chain, two.chain);
    assert_string_equal(one.job, two.job);
    assert_calls(1);
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
    assert_calls(1);
    rig_answer_free(&two);
    rig_submit(&rig, csr, 5000, false, true, &two);
    rig_until(&rig, &two.came);
    assert_string_not_equal(one.job, two.job);
    assert_calls(2);
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
    assert_calls(2);
    free(csr);
}

static void one_order_at_a_time_in_a_zone(void **state)
{
    char *csr = rig_csr("a.x.example"), *other = rig_csr("a.x.example");

    (void)state;
    subject("wait:150+ok");
    rig_post(&rig, csr, &one);
    rig_post(&rig, other, &two);
    rig_turn(&rig, 75);
    assert_calls(1);
    rig_until(&rig, &two.came);
    assert_true(one.came);
    assert_calls(2);
    free(csr);
    free(other);
}

static void a_client_that_hangs_up_leaves_the_job_alone(void **state)
{
    char *csr = rig_csr("a.x.example");
    struct request *request;

    (void)state;
    subject("wait:100+ok");
    request = rig_post(&rig, csr, &one);
    rig_turn(&rig, 50);
    request_detach(request);
    rig_rest(&rig);
    assert_false(one.came);
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    assert_calls(1);
    free(csr);
}

static void a_deadline_answers_with_the_place_of_the_job(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("wait:300+ok");
    rig_submit(&rig, csr, 100, false, false, &one);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "still-running");
    assert_true(one.running);
    assert_int_equal(strlen(one.job), 26);
    memcpy(job, one.job, sizeof job);
    rig_answer_free(&one);
    rig_look(&rig, job, &one);
    rig_until(&rig, &one.came);
    assert_true(one.running);
    assert_string_equal(one.step, "wait:300");
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
    rig_submit(&rig, csr, 5000, true, false, &one);
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

static void a_challenge_is_set_and_taken_away(void **state)
{
    char *csr = rig_csr("a.x.example"), *served;

    (void)state;
    subject("put+wait:100+ok");
    rig_post(&rig, csr, &one);
    rig_turn(&rig, 60);
    served = rig_served(&rig, OWNER);
    assert_string_equal(served, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0\n");
    assert_int_equal(rig_challenges(&rig), 1);
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
    for (int i = 0; i < 4; i++) {
        rig_turn(&rig, 30);
        clock_move(rig.loop, 1100);
    }
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    free(csr);
}

static void a_dns_that_stays_down_fails_the_order(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig_up(&rig, "failures = 5;");
    subject("put+ok");
    rig_post(&rig, csr, &one);
    for (int i = 0; i < 8 && !one.came; i++) {
        rig_turn(&rig, 30);
        clock_move(rig.loop, 8000);
    }
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EUPSTREAM);
    assert_non_null(strstr(one.text, "fake DNS failure"));
    for (int i = 0; i < 8; i++) {
        rig_turn(&rig, 10);
        clock_move(rig.loop, 30000);
    }
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_stop_suspends_and_a_start_goes_on(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("save:order+put+pause+ok");
    rig_submit(&rig, csr, 5000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_post(&rig, csr, &two);
    rig_turn(&rig, 60);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ESHUTDOWN);
    assert_true(two.running);
    assert_int_equal(rig_challenges(&rig), 1);
    restart();
    rig_rest(&rig);
    assert_true(calls_have("resume"));
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
    assert_calls(4); /* CS_ERESTART for ever is given up */
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
    assert_calls(1);
    free(csr);
}

static void a_late_chain_turns_a_failed_job_into_a_done_one(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("late");
    rig_submit(&rig, csr, 3600 * 1000, false, false, &one);
    rig_turn(&rig, 60);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
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
    rig_submit(&rig, csr, 5000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_turn(&rig, 60);
    rig_subject(&rig, "CN=other.x.example", "x.example", "", "");
    assert_int_equal(store_with(instances_at(rig.instances, ROLE_STORE, 0), CS_STATE_WRITER, drop, (void *)SUBJECT, &err), 0);
    restart();
    rig_rest(&rig);
    rig_turn(&rig, 50);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_string_equal(two.reason, "not-granted");
    assert_calls(1);
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
        TEST(a_client_that_hangs_up_leaves_the_job_alone),
        TEST(a_deadline_answers_with_the_place_of_the_job),
        TEST(who_does_not_wait_hears_as_soon_as_it_is_stored),
        TEST(a_failure_is_kept_with_the_words_of_the_ca),
        TEST(a_failed_one_is_ordered_anew_when_asked_again),
        TEST(a_chain_for_another_key_is_not_handed_out),
        TEST(a_challenge_is_set_and_taken_away),
        TEST(a_dns_failure_is_tried_again),
        TEST(a_dns_that_stays_down_fails_the_order),
        TEST(a_stop_suspends_and_a_start_goes_on),
        TEST(a_step_the_plugin_does_not_know_starts_anew),
        TEST(a_step_after_finalize_never_starts_anew),
        TEST(a_late_chain_turns_a_failed_job_into_a_done_one),
        TEST(an_order_whose_subject_is_gone_does_not_go_on),
        TEST(a_request_that_is_not_there),
        TEST(a_stopping_server_takes_no_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
