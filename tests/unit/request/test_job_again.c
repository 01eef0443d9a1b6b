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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_that_is_mended_is_downloaded_not_ordered_again),
        TEST(it_is_downloaded_after_a_restart_too),
        TEST(the_wait_grows_and_after_a_day_and_a_half_it_is_ordered_anew),
        TEST(an_order_that_the_ca_has_ended_is_made_anew_at_once),
        TEST(an_order_that_the_ca_refused_is_not_asked_for_again),
        TEST(an_order_of_another_ca_is_not_taken_up),
        TEST(a_bad_chain_of_a_plugin_that_saves_nothing_has_the_same_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
