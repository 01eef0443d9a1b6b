/* request/job_again.c: orders that failed though their CA may have a certificate of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"

#define HOUR_MS (3600 * 1000)

static struct rig rig;
static struct rig_answer answer;
static char *csr;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    rig_answer_free(&answer);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void subject(const char *profile)
{
    rig_subject(&rig, "CN=a.x.example", "x.example", "a.x.example", profile);
    rig_sql(&rig, "UPDATE subject SET no_cache = 'always'");
}

/* The calls of the CA's plugin so far, as letters: s(ign), r(esume). */
static void assert_calls(const char *wanted)
{
    char *calls = rig_calls(&rig), seen[64] = "";
    size_t n = 0;

    for (const char *at = calls; at && *at && n < sizeof seen - 1; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        seen[n++] = *at;
    free(calls);
    assert_string_equal(seen, wanted);
}

static void post(bool fresh)
{
    rig_answer_free(&answer);
    answer = (struct rig_answer){ 0 };
    rig_submit(&rig, csr, 24 * HOUR_MS, false, fresh, &answer);
    rig_until(&rig, &answer.came);
    rig_rest(&rig);
}

static void assert_bad_chain(int64_t retry_after_ms)
{
    assert_null(answer.chain);
    assert_string_equal(answer.reason, "bad-chain");
    assert_in_range(answer.retry_after_ms, retry_after_ms - 1, retry_after_ms + 60 * 1000);
}

static void a_chain_that_is_mended_is_downloaded_not_ordered_again(void **state)
{
    (void)state;
    subject("save:finalize+foreign:mended");
    post(false);
    assert_bad_chain(HOUR_MS);
    post(false);
    assert_bad_chain(HOUR_MS);
    rig_open_gate(&rig, "mended");
    post(false);
    assert_non_null(answer.chain);
    assert_calls("srr");
    post(true); /* what failed before that is past */
    assert_non_null(answer.chain);
    assert_calls("srrs");
}

static void it_is_downloaded_after_a_restart_too(void **state)
{
    (void)state;
    subject("save:finalize+foreign:mended");
    post(false);
    rig_down(&rig);
    rig_up(&rig, "");
    rig_open_gate(&rig, "mended");
    post(false);
    assert_non_null(answer.chain);
    assert_calls("sr");
}

static void the_wait_grows_and_after_a_day_and_a_half_it_is_ordered_anew(void **state)
{
    (void)state;
    subject("save:finalize+foreign:mended");
    post(false);
    clock_move(rig.loop, 4 * HOUR_MS);
    post(false);
    assert_bad_chain(4 * HOUR_MS);
    clock_move(rig.loop, 31 * HOUR_MS);
    post(false);
    assert_bad_chain(35 * HOUR_MS);
    assert_calls("srr");
    clock_move(rig.loop, 2 * HOUR_MS);
    post(false);
    assert_calls("srrrs");
    assert_bad_chain(HOUR_MS);
}

static void an_order_that_the_ca_has_ended_is_made_anew_at_once(void **state)
{
    (void)state;
    subject("save:finalize+fail:9"); /* CS_EUPSTREAM */
    post(false);
    assert_int_equal(answer.code, CS_EUPSTREAM);
    post(false);
    assert_calls("srs");
}

static void a_limit_or_a_set_up_that_an_order_ended_by_is_no_end_of_its_key(void **state)
{
    (void)state;
    subject("save:finalize+fail:5"); /* CS_ELIMIT, without a Retry-After */
    post(false);
    assert_int_equal(answer.code, CS_ELIMIT);
    post(false);
    assert_calls("srs");
    subject("save:finalize+fail:11"); /* CS_ECONFIG */
    post(false);
    post(false);
    assert_calls("srssrs");
}

static void an_order_that_the_ca_refused_is_not_asked_for_again(void **state)
{
    (void)state;
    subject("save:finalize+fail:10"); /* CS_EREFUSED */
    post(false);
    assert_int_equal(answer.code, CS_EREFUSED);
    post(false);
    assert_calls("ss");
}

static void an_order_of_another_ca_is_not_taken_up(void **state)
{
    (void)state;
    subject("save:finalize+foreign:mended");
    post(false);
    rig_sql(&rig, "UPDATE job SET ca = 'elsewhere', key = randomblob(32)"); /* the key has the CA in it */
    post(false);
    assert_calls("ss");
}

static void a_bad_chain_of_a_plugin_that_saves_nothing_has_the_same_wait(void **state)
{
    (void)state;
    subject("foreign");
    post(false);
    assert_bad_chain(HOUR_MS);
    post(false);
    assert_calls("ss");
}

/* ---- A restart while such an order is asked for ---- */

static void restart_while_it_is_asked_for(void)
{
    rig_close_gate(&rig, "go");
    rig_answer_free(&answer);
    answer = (struct rig_answer){ 0 };
    rig_submit(&rig, csr, 24 * HOUR_MS, true, false, &answer);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_down(&rig);
    rig_open_gate(&rig, "go");
    rig_up(&rig, "");
    rig_rest(&rig);
}

static void after_a_restart_too_it_is_made_anew_when_the_ca_has_ended_it(void **state)
{
    (void)state;
    rig_open_gate(&rig, "go");
    subject("save:finalize+gate:go+fail:9"); /* CS_EUPSTREAM */
    post(false);
    restart_while_it_is_asked_for();
    assert_calls("srrs");
}

static void the_day_and_a_half_goes_on_over_a_restart(void **state)
{
    (void)state;
    rig_open_gate(&rig, "go");
    subject("save:finalize+gate:go+foreign:mended");
    post(false);
    clock_move(rig.loop, 37 * HOUR_MS);
    restart_while_it_is_asked_for();
    assert_calls("srrs");
}

/* ---- Limits on orders ---- */

static void limit_the_zone(int64_t a_day)
{
    rig.setup.settings.limits.orders.day[CS_ORDERS_OF_ZONE] = a_day;
}

static void assert_over_the_limit(void)
{
    assert_int_equal(answer.code, CS_ELIMIT);
    assert_string_equal(answer.reason, "too-many-orders-zone");
    assert_true(answer.retry_after_ms > 0);
}

/* It costs the CA no certificate, and its own order was counted when that was made. */
static void what_is_only_downloaded_counts_as_no_order(void **state)
{
    (void)state;
    limit_the_zone(1);
    subject("save:finalize+foreign:mended");
    post(false);
    assert_int_equal(rig_count(&rig, "counted_order"), 2); /* subject and zone */
    post(false);
    assert_bad_chain(HOUR_MS);
    rig_open_gate(&rig, "mended");
    post(false);
    assert_non_null(answer.chain);
    assert_calls("srr");
    assert_int_equal(rig_count(&rig, "counted_order"), 2);
}

static void what_is_ordered_anew_counts(void **state)
{
    (void)state;
    subject("save:finalize+fail:9"); /* CS_EUPSTREAM */
    post(false);
    post(false);
    assert_calls("srs");
    assert_int_equal(rig_count(&rig, "counted_order"), 4);
}

/* The old order stays the one that is asked for first: it costs nothing. */
static void over_the_limit_nothing_is_ordered_anew(void **state)
{
    (void)state;
    limit_the_zone(1);
    subject("save:finalize+fail:9");
    post(false);
    for (int i = 0; i < 2; i++) {
        post(false);
        assert_over_the_limit();
    }
    assert_calls("srr");
    assert_int_equal(rig_count(&rig, "counted_order"), 2);
    clock_move(rig.loop, 24 * HOUR_MS);
    post(false);
    assert_int_equal(answer.code, CS_EUPSTREAM);
    assert_calls("srrrs");
}

static void what_is_ordered_anew_and_the_ca_never_had_is_given_back(void **state)
{
    (void)state;
    rig_open_gate(&rig, "early");
    subject("wants:early+save:finalize+fail:9");
    post(false);
    rig_close_gate(&rig, "early");
    post(false);
    assert_calls("srs");
    assert_int_equal(rig_count(&rig, "counted_order"), 2);
}

/* Written down as it is: a restart orders for it, and does not count it twice. */
static void an_order_that_was_begun_anew_goes_on_after_a_restart(void **state)
{
    (void)state;
    rig_open_gate(&rig, "go");
    subject("gate:go+save:finalize+fail:9");
    post(false);
    rig_close_gate(&rig, "go");
    rig_answer_free(&answer);
    answer = (struct rig_answer){ 0 };
    rig_submit(&rig, csr, 24 * HOUR_MS, true, false, &answer);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    assert_int_equal(rig_count(&rig, "job WHERE state = 'open' AND step = ''"), 1);
    rig_down(&rig);
    rig_up(&rig, "");
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'failed'") == 2);
    rig_rest(&rig);
    assert_calls("srss");
    assert_int_equal(rig_count(&rig, "counted_order"), 4);
}

static void assert_told_to_come_back(void)
{
    assert_null(answer.chain);
    assert_int_equal(answer.code, CS_EBUSY);
    assert_in_range(answer.retry_after_ms, 20 * 60 * 1000 - 1000, 20 * 60 * 1000);
}

/* The CA wants to be asked later than the order may take, before its finalize. */
static void an_order_that_its_ca_wants_to_be_asked_for_later_goes_on_then(void **state)
{
    (void)state;
    subject("save:order+busy:validated+save:finalize+ok");
    post(false);
    assert_told_to_come_back();
    post(false); /* too early */
    assert_told_to_come_back();
    rig_down(&rig);
    rig_up(&rig, "");
    rig_open_gate(&rig, "validated");
    post(false);
    assert_non_null(answer.chain);
    assert_calls("srr");
    post(true);
    assert_calls("srrs");
}

static void a_refusal_after_its_own_finalize_is_final(void **state)
{
    (void)state;
    subject("save:order+busy:validated+save:finalize+fail:10");
    post(false);
    assert_told_to_come_back();
    rig_open_gate(&rig, "validated");
    post(false);
    assert_int_equal(answer.code, CS_EREFUSED);
    assert_calls("sr");
    post(false);
    assert_calls("srs");
}

static void without_a_saved_step_or_a_time_to_come_back_nothing_goes_on(void **state)
{
    (void)state;
    subject("busy:validated+ok");
    post(false);
    assert_told_to_come_back();
    post(false);
    assert_calls("ss");
    subject("save:order+fail:6");
    post(false);
    post(false);
    assert_int_equal(answer.code, CS_EBUSY);
    assert_calls("ssss");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_that_is_mended_is_downloaded_not_ordered_again),
        TEST(it_is_downloaded_after_a_restart_too),
        TEST(the_wait_grows_and_after_a_day_and_a_half_it_is_ordered_anew),
        TEST(an_order_that_the_ca_has_ended_is_made_anew_at_once),
        TEST(a_limit_or_a_set_up_that_an_order_ended_by_is_no_end_of_its_key),
        TEST(an_order_that_the_ca_refused_is_not_asked_for_again),
        TEST(an_order_of_another_ca_is_not_taken_up),
        TEST(a_bad_chain_of_a_plugin_that_saves_nothing_has_the_same_wait),
        TEST(after_a_restart_too_it_is_made_anew_when_the_ca_has_ended_it),
        TEST(the_day_and_a_half_goes_on_over_a_restart),
        TEST(what_is_only_downloaded_counts_as_no_order),
        TEST(what_is_ordered_anew_counts),
        TEST(over_the_limit_nothing_is_ordered_anew),
        TEST(what_is_ordered_anew_and_the_ca_never_had_is_given_back),
        TEST(an_order_that_was_begun_anew_goes_on_after_a_restart),
        TEST(an_order_that_its_ca_wants_to_be_asked_for_later_goes_on_then),
        TEST(a_refusal_after_its_own_finalize_is_final),
        TEST(without_a_saved_step_or_a_time_to_come_back_nothing_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
