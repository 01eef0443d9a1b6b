/* request/revocation_run.c, revocations.c: a revocation from its intent to its end, whatever CA, store and server do
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "base/text.h"
#include "engine/clock.h"
#include "fakes/revoking.h"

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

static struct revoking r;

static int set_up(void **state)
{
    (void)state;
    revoking_up(&r);
    revoking_store_usual(&r, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    revoking_down(&r);
    return 0;
}

static void assert_error(const struct revoking_answer *answer, const char *reason, const char *words)
{
    assert_true(answer->came);
    assert_string_equal(answer->reason, reason);
    if (!strstr(answer->text, words))
        fail_msg("\"%s\" does not say \"%s\"", answer->text, words);
}

static void fail_with(enum cs_code code, const char *before)
{
    char words[64];

    snprintf(words, sizeof words, "%sfail:%d", before, (int)code);
    revoking_ca(&r, words);
}

static struct instance *ca(void)
{
    return instances_find(r.rig.instances, ROLE_CA, "fake");
}

static void restart(void)
{
    rig_down(&r.rig);
    rig_up(&r.rig, "");
}

/* The CA is asked once more, and not before `ms` have passed. */
static void assert_asked_after(int64_t ms)
{
    const size_t calls = revoking_calls(&r);

    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_WAITING) == 1);
    clock_move(r.rig.loop, ms - SECOND_MS);
    rig_settle(&r.rig);
    assert_int_equal(revoking_calls(&r), calls);
    clock_move(r.rig.loop, SECOND_MS);
    rig_until_true(&r.rig, revoking_calls(&r) == calls + 1);
}

/* ---- The CA cannot, for now ---- */

static void a_ca_that_is_out_is_asked_again_with_growing_pauses(void **state)
{
    static const int64_t pauses_s[] = { 30, 60, 120, 240, 480, 960, 1920, 3600, 3600 };

    (void)state;
    clock_freeze(true);
    fail_with(CS_EUPSTREAM, "");
    revoking_ask(&r, 0, &r.one);
    assert_error(&r.one, "revocation-pending", "goes on by itself, but the CA has not confirmed it yet: fake failure");
    assert_int_equal(r.one.code, CS_EBUSY);
    assert_int_equal(r.one.retry_after_ms, 30 * SECOND_MS);
    assert_int_equal(revoking_rows(&r, "open"), 1);
    assert_int_equal(revoking_keys(&r), 1); /* from the written intent on */
    for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++)
        assert_asked_after(pauses_s[i] * SECOND_MS);
    revoking_ca(&r, NULL);
    assert_asked_after(3600 * SECOND_MS);
    rig_rest(&r.rig);
    clock_freeze(false);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revocations_open(r.rig.heart->revocations), 0);
}

static void who_asks_during_the_pause_hears_why_and_the_ca_nothing(void **state)
{
    (void)state;
    fail_with(CS_EUPSTREAM, "problem+");
    revoking_ask(&r, 0, &r.one);
    clock_move(r.rig.loop, 10 * SECOND_MS);
    revoking_ask(&r, 0, &r.two);
    assert_error(&r.two, "revocation-pending", "fake failure");
    assert_string_equal(r.two.problem, "{\"type\":\"fake\"}");
    assert_in_range(r.two.retry_after_ms, 15 * SECOND_MS, 20 * SECOND_MS);
    assert_int_equal(revoking_calls(&r), 1);
    assert_int_equal(revocations_busy(r.rig.heart->revocations), 0);
    assert_int_equal(revocations_open(r.rig.heart->revocations), 1);
}

static void a_ca_that_says_when_is_left_alone_until_then(void **state)
{
    (void)state;
    clock_freeze(true);
    revoking_ca(&r, "retry:back+ok");
    revoking_ask(&r, 0, &r.one);
    assert_int_equal(r.one.retry_after_ms, 20 * MINUTE_MS);
    assert_asked_after(20 * MINUTE_MS);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_WAITING) == 1);
    clock_freeze(false);
}

static void a_refusal_without_a_word_of_the_ca_is_not_its_no(void **state)
{
    (void)state;
    fail_with(CS_EREFUSED, "");
    revoking_ask(&r, 0, &r.one);
    assert_error(&r.one, "revocation-pending", "fake failure");
    assert_int_equal(revoking_rows(&r, "open"), 1);
}

static void a_ca_that_is_not_configured_is_waited_for_and_the_client_not_told_why(void **state)
{
    (void)state;
    revoking_store(&r, 1, "elsewhere", "gone", cs_wall_ms() + DAY_MS);
    revoking_ask(&r, 1, &r.one);
    assert_error(&r.one, "revocation-pending", "the reason is in the server's log, for its operator");
    assert_null(strstr(r.one.text, "gone"));
    assert_int_equal(revoking_rows(&r, "open"), 1);
}

static void a_certificate_that_ends_during_the_pause_is_not_revoked_any_more(void **state)
{
    (void)state;
    revoking_store(&r, 1, "short", "fake", cs_wall_ms() + 20 * SECOND_MS);
    fail_with(CS_EUPSTREAM, "");
    revoking_ask(&r, 1, &r.one);
    clock_move(r.rig.loop, 30 * SECOND_MS);
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_calls(&r), 1);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE state = 'failed' AND problem LIKE '%certificate-ended%'"), 1);
}

/* ---- The CA says no ---- */

static void a_no_of_the_ca_is_told_and_the_next_who_asks_makes_it_be_asked_anew(void **state)
{
    (void)state;
    fail_with(CS_EREFUSED, "problem+");
    revoking_ask(&r, 0, &r.one);
    assert_int_equal(r.one.code, CS_EREFUSED);
    assert_string_equal(r.one.problem, "{\"type\":\"fake\"}");
    rig_rest(&r.rig);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE state = 'failed' AND problem LIKE '%fake failure%'"), 1);
    assert_int_equal(revoking_keys(&r), 1); /* the key stays refused */
    revoking_ca(&r, NULL);
    revoking_ask(&r, 0, &r.two);
    assert_int_equal(r.two.code, CS_OK);
    assert_false(r.two.again);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revoking_calls(&r), 2);
}

static void what_asking_again_cannot_mend_is_final(void **state)
{
    static const enum cs_code codes[] = { CS_EINPUT, CS_EDENIED, CS_ENOTFOUND, CS_ECONFLICT };

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        fail_with(codes[i], "");
        revoking_ask(&r, 0, &r.one);
        assert_int_equal(r.one.code, codes[i]);
        assert_int_equal(revoking_rows(&r, "failed"), 1);
    }
    assert_int_equal(revoking_calls(&r), sizeof codes / sizeof *codes);
}

static void a_plugin_that_cannot_revoke_is_not_asked(void **state)
{
    (void)state;
    ca()->plugin.ca.revoke = NULL;
    revoking_ask(&r, 0, &r.one);
    assert_int_equal(r.one.code, CS_EREFUSED);
    assert_error(&r.one, "ca-no-revocation", "the CA \"fake\" cannot revoke certificates");
    assert_int_equal(revoking_rows(&r, "failed"), 1);
}

/* ---- The CA takes its time ---- */

static void a_late_yes_ends_it(void **state)
{
    (void)state;
    revoking_ca(&r, "later");
    r.wait_ms = HOUR_MS;
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    clock_move(r.rig.loop, MINUTE_MS); /* the call's own deadline */
    rig_until(&r.rig, &r.one.came);
    assert_error(&r.one, "revocation-pending", "");
    revoking_ca(&r, NULL);
    clock_move(r.rig.loop, 30 * SECOND_MS);
    rig_until_true(&r.rig, r.rig.heart->revocations->first->pause_ms == MINUTE_MS);
    revoking_ask(&r, 0, &r.two);
    assert_error(&r.two, "revocation-pending", "has not finished the call that was cancelled");
    assert_int_equal(revoking_calls(&r), 1);
    rig_open_gate(&r.rig, "later");
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revoking_calls(&r), 1);
}

static void while_a_late_yes_is_written_the_ca_is_not_asked_again(void **state)
{
    (void)state;
    revoking_ca(&r, "later");
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    clock_move(r.rig.loop, MINUTE_MS);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_WAITING) == 1);
    rig_lock(&r.rig);
    rig_open_gate(&r.rig, "later");
    rig_until_true(&r.rig, r.rig.heart->revocations->first->writing);
    clock_move(r.rig.loop, HOUR_MS); /* the next question would have been due */
    rig_settle(&r.rig);
    assert_int_equal(revoking_in_phase(&r, REVOCATION_COMMITTING), 1);
    assert_int_equal(revoking_calls(&r), 1);
    rig_unlock(&r.rig);
    rig_hurry_until(&r.rig, SECOND_MS, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_rows(&r, "done"), 1);
}

static void a_late_no_changes_nothing_and_the_ca_is_asked_again(void **state)
{
    (void)state;
    fail_with(CS_EDENIED, "later+");
    r.wait_ms = HOUR_MS;
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    clock_move(r.rig.loop, MINUTE_MS);
    rig_until(&r.rig, &r.one.came);
    rig_open_gate(&r.rig, "later");
    rig_until_true(&r.rig, !r.rig.heart->revocations->first->op_is_out);
    assert_int_equal(revoking_in_phase(&r, REVOCATION_WAITING), 1);
    revoking_ca(&r, NULL);
    clock_move(r.rig.loop, 30 * SECOND_MS);
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revoking_calls(&r), 2);
}

static void of_many_four_at_a_time_are_asked_for(void **state)
{
    static struct revoking_answer answers[REVOKING_HOLDERS];

    (void)state;
    revoking_ca(&r, "gate:go+ok");
    for (size_t i = 0; i < REVOKING_HOLDERS; i++) {
        if (i > 0)
            revoking_store_usual(&r, i);
        revoking_post(&r, i, NULL, "superseded", &answers[i]);
    }
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 4 && revoking_in_phase(&r, REVOCATION_WAITING) == 2);
    clock_move(r.rig.loop, SECOND_MS);
    rig_settle(&r.rig);
    assert_int_equal(revoking_calls(&r), 4);
    rig_open_gate(&r.rig, "go");
    rig_hurry_until(&r.rig, 100, revoking_rows(&r, "done") == REVOKING_HOLDERS);
    for (size_t i = 0; i < REVOKING_HOLDERS; i++) {
        rig_until(&r.rig, &answers[i].came);
        assert_int_equal(answers[i].code, CS_OK);
        revoking_answer_free(&answers[i]);
    }
}

/* ---- The store cannot ---- */

static void an_intent_that_is_not_stored_begins_nothing(void **state)
{
    (void)state;
    rig_lock(&r.rig);
    revoking_ask(&r, 0, &r.one);
    assert_int_equal(r.one.code, CS_EBUSY);
    assert_null(strstr(r.one.reason, "pending"));
    rig_unlock(&r.rig);
    rig_rest(&r.rig);
    assert_int_equal(revoking_calls(&r), 0);
    assert_int_equal(revoking_keys(&r), 0);
    assert_int_equal(rig_count(&r.rig, "revocation"), 0);
    revoking_ask(&r, 0, &r.two); /* and it can be asked for again */
    assert_int_equal(r.two.code, CS_OK);
}

/* The CA has said yes, and the store does not take it. */
static void end_unstored(void)
{
    revoking_ca(&r, "gate:go+ok");
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    rig_lock(&r.rig);
    rig_open_gate(&r.rig, "go");
    rig_until_true(&r.rig, r.rig.heart->revocations->first->told_unsaved);
}

static void an_end_that_is_not_stored_is_not_told_until_it_is(void **state)
{
    (void)state;
    end_unstored();
    clock_move(r.rig.loop, SECOND_MS);
    rig_settle(&r.rig);
    assert_false(r.one.came);
    rig_unlock(&r.rig);
    rig_hurry(&r.rig, SECOND_MS, &r.one.came);
    assert_int_equal(r.one.code, CS_OK);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revoking_calls(&r), 1);
}

/* ---- The server stops, and starts ---- */

static void a_stop_tells_who_waits_and_the_next_run_goes_on(void **state)
{
    (void)state;
    revoking_ca(&r, "hang");
    revoking_post(&r, 0, NULL, "superseded", &r.one);
    rig_until_true(&r.rig, revoking_in_phase(&r, REVOCATION_ASKING) == 1);
    rig_down(&r.rig);
    assert_int_equal(r.one.code, CS_ESHUTDOWN);
    assert_error(&r.one, "", "is written down and goes on after the next start");
    revoking_ca(&r, NULL);
    rig_up(&r.rig, "");
    assert_int_equal(revoking_keys(&r), 1);
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE state = 'done' AND reason = 4 AND asker = 'key-holder'"), 1);
    assert_int_equal(revoking_calls(&r), 2);
}

static void what_waits_at_a_stop_waits_no_more_after_the_start(void **state)
{
    (void)state;
    fail_with(CS_EUPSTREAM, "");
    revoking_ask(&r, 0, &r.one);
    heart_stop(r.rig.heart);
    assert_int_equal(revocations_open(r.rig.heart->revocations), 0);
    assert_int_equal(revoking_rows(&r, "open"), 1);
    revoking_ca(&r, NULL);
    restart();
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_rows(&r, "done"), 1);
}

static void stop_and_let_the_next_run_ask_again(void)
{
    heart_stop(r.rig.heart);
    rig_until(&r.rig, &r.one.came);
    assert_int_equal(r.one.code, CS_ESHUTDOWN);
    rig_unlock(&r.rig);
    restart();
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0);
    assert_int_equal(revoking_rows(&r, "done"), 1);
    assert_int_equal(revoking_calls(&r), 2);
}

static void a_yes_that_cannot_be_stored_before_the_stop_is_asked_for_again(void **state)
{
    (void)state;
    end_unstored();
    heart_stop(r.rig.heart);
    assert_true(r.one.came); /* at once: nothing is out */
    stop_and_let_the_next_run_ask_again();
}

static void so_is_one_that_is_being_stored_in_vain_when_the_stop_comes(void **state)
{
    (void)state;
    end_unstored();
    clock_move(r.rig.loop, SECOND_MS);
    rig_until_true(&r.rig, r.rig.heart->revocations->first->writing);
    stop_and_let_the_next_run_ask_again();
}

static void a_start_takes_up_each_that_is_open_and_whose_certificate_is_there(void **state)
{
    (void)state;
    revoking_store_usual(&r, 1);
    revoking_store_usual(&r, 2);
    rig_sql(&r.rig, "INSERT INTO revocation VALUES ('job-0', 3, 'operator', 'open', 2, 0, ''), "
                    "('job-1', 5, 'key-holder', 'open', 1, 0, ''), ('job-2', 1, 'operator', 'failed', 1, 2, '{}'), "
                    "('nobody', 1, 'operator', 'open', 1, 0, '')");
    restart();
    rig_until_true(&r.rig, revocations_open(r.rig.heart->revocations) == 0 && revoking_rows(&r, "done") == 2);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE job = 'nobody' AND state = 'open'"), 1);
    assert_int_equal(revoking_rows(&r, "failed"), 1);
    assert_int_equal(rig_count(&r.rig, "revocation WHERE job = 'job-0' AND asker = 'operator' AND asked_ms = 2"), 1);
    assert_true(rig_calls_have(&r.rig, "revoke 5\nrevoke 3\n")); /* the oldest first */
}

/* ---- The event ---- */

static void the_event_says_what_was_revoked_by_whom_and_what_failed(void **state)
{
    struct revocation_certificate of = { .job = (char[]){ "j" }, .zone = (char[]){ "z" }, .subject = (char[]){ "CN=a" },
                                         .names = (char[]){ "a  b" }, .ca = (char[]){ "c" }, .serial = (char[]){ "0a" },
                                         .reason = 4 };
    struct revocation revocation = { .certificate = &of };
    char *event = revocation_event(&revocation);

    (void)state;
    assert_string_equal(event, "{\"by\":\"key-holder\",\"ca\":\"c\",\"job\":\"j\",\"names\":[\"a\",\"b\"],"
                               "\"reason\":\"superseded\",\"serial\":\"0a\",\"subject\":\"CN=a\",\"zone\":\"z\"}");
    free(event);
    of.by_operator = true;
    revocation.failed = true;
    cs_fail_as(&revocation.why, CS_EREFUSED, "ca-no-revocation", "no");
    event = revocation_event(&revocation);
    assert_non_null(strstr(event, "\"by\":\"operator\""));
    assert_non_null(strstr(event, "\"error\":\"ca-no-revocation\""));
    free(event);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ca_that_is_out_is_asked_again_with_growing_pauses),
        TEST(who_asks_during_the_pause_hears_why_and_the_ca_nothing),
        TEST(a_ca_that_says_when_is_left_alone_until_then),
        TEST(a_refusal_without_a_word_of_the_ca_is_not_its_no),
        TEST(a_ca_that_is_not_configured_is_waited_for_and_the_client_not_told_why),
        TEST(a_certificate_that_ends_during_the_pause_is_not_revoked_any_more),
        TEST(a_no_of_the_ca_is_told_and_the_next_who_asks_makes_it_be_asked_anew),
        TEST(what_asking_again_cannot_mend_is_final),
        TEST(a_plugin_that_cannot_revoke_is_not_asked),
        TEST(a_late_yes_ends_it),
        TEST(while_a_late_yes_is_written_the_ca_is_not_asked_again),
        TEST(a_late_no_changes_nothing_and_the_ca_is_asked_again),
        TEST(of_many_four_at_a_time_are_asked_for),
        TEST(an_intent_that_is_not_stored_begins_nothing),
        TEST(an_end_that_is_not_stored_is_not_told_until_it_is),
        TEST(a_stop_tells_who_waits_and_the_next_run_goes_on),
        TEST(what_waits_at_a_stop_waits_no_more_after_the_start),
        TEST(a_yes_that_cannot_be_stored_before_the_stop_is_asked_for_again),
        TEST(so_is_one_that_is_being_stored_in_vain_when_the_stop_comes),
        TEST(a_start_takes_up_each_that_is_open_and_whose_certificate_is_there),
        cmocka_unit_test(the_event_says_what_was_revoked_by_whom_and_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
