/* request/resume.c, job_run.c: what a stop leaves behind and a start takes up again; blocking CA plugins, too. */
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

static void stop(void)
{
    heart_stop(rig.heart);
    instances_stop(rig.instances);
}

static void a_chain_that_comes_while_the_server_stops_is_kept(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("late");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_until_true(&rig, rig_at_step(&rig, "late") == 1);
    rig_down(&rig);
    rig_up(&rig, "");
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_assert_calls(&rig, 1);
    free(csr);
}

/* The CA would hand the other one the same order, which it would then finalize with its own key. */
static void of_two_jobs_for_the_same_names_the_one_whose_order_the_ca_has_goes_first(void **state)
{
    char *first = rig_csr("a.x.example"), *second = rig_csr("a.x.example"), resumed[80], *calls;

    (void)state;
    rig_zone(&rig, "x.example", 2);
    subject("save:order+pause+ok");
    rig_submit(&rig, first, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    rig_submit(&rig, second, 3600 * 1000, true, false, &two);
    rig_until(&rig, &two.came);
    snprintf(resumed, sizeof resumed, "resume %s order", one.job);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    rig_down(&rig); /* both may have been stored in one millisecond, and then either may be read first */
    rig_sql(&rig, "UPDATE job SET created_ms = created_ms + 1000 WHERE step <> ''");
    rig_up(&rig, "");
    rig_until_true(&rig, rig_calls_have(&rig, two.job));
    calls = rig_calls(&rig);
    assert_non_null(strstr(calls, resumed));
    assert_true(strstr(calls, resumed) < strstr(calls, two.job));
    free(calls);
    free(first);
    free(second);
}

static void a_blocking_plugin_that_saved_goes_on_after_a_start(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64], *served;

    (void)state;
    rig_down(&rig);
    rig.ca = "fake-blocking-ca";
    rig_up(&rig, "delay = \"3600s\";");
    subject("");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_post(&rig, csr, &two);
    rig_until_true(&rig, rig_dns_calls(&rig) == 1 && rig_waiters(&rig) == 1);
    assert_false(two.came);
    assert_int_equal(rig_challenges(&rig), 1);
    stop();
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_ESHUTDOWN);
    assert_true(two.running);
    rig_down(&rig);
    assert_true(rig_calls_have(&rig, "put failed"));
    rig_up(&rig, "");
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, "resume order"));
    rig_answer_free(&two);
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    served = rig_served(&rig, OWNER);
    assert_null(served);
    assert_int_equal(rig_challenges(&rig), 0);
    rig.ca = NULL;
    free(csr);
}

static void a_blocking_plugin_is_told_that_its_time_is_over(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig.ca = "fake-blocking-ca";
    rig_up(&rig, "failures = 3;");
    subject("");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
    rig_hurry_until(&rig, 10 * 1000, heart_busy(rig.heart) == 0);
    assert_true(rig_calls_have(&rig, "put failed"));
    assert_int_equal(rig_challenges(&rig), 0);
    rig.ca = NULL;
    free(csr);
}

static void a_plugin_that_is_ca_and_dns_does_not_wait_for_itself(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig.ca = "fake-blocking-ca";
    rig_up(&rig, "");
    rig_zone_as(&rig, "x.example", "both", CS_VISIBLE_OFF, "");
    subject("");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came); /* in its only thread for orders */
    assert_non_null(one.chain);
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, "set " OWNER));
    assert_true(rig_calls_have(&rig, "cleared " OWNER));
    rig.ca = NULL;
    free(csr);
}

static void a_zone_that_moved_to_another_dns_instance_is_cleaned_at_both(void **state)
{
    char *csr = rig_csr("a.x.example"), *served;

    (void)state;
    subject("save:order+put+pause+gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    served = rig_served(&rig, OWNER);
    assert_non_null(served);
    free(served);
    rig_zone_as(&rig, "x.example", "other", CS_VISIBLE_OFF, "");
    rig_down(&rig);
    assert_int_equal(one.code, CS_ESHUTDOWN);
    rig_up(&rig, "");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    served = rig_served_other(&rig, OWNER);
    assert_non_null(served);
    free(served);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_null(rig_served_other(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_stop_while_the_jobs_are_read_starts_none(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:order+pause+ok");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    rig_down(&rig);
    rig_up_stopped(&rig);
    assert_int_equal(heart_orders(rig.heart), 0);
    rig_assert_calls(&rig, 1);
    free(csr);
}

/* dns-builtin answers from the next turn of the loop on. */
static void all_values_of_a_name_are_set_in_one_change(void **state)
{
    char *csr = rig_csr("a.x.example"), *calls;

    (void)state;
    subject("put+save:order+pause+gate:go+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    rig_down(&rig);
    rig_sql(&rig, "INSERT INTO job_challenge SELECT job, name, dns, owner, zone, 'another', expires_ms FROM job_challenge");
    rig_up(&rig, "");
    calls = rig_served(&rig, "calls");
    assert_string_equal(calls, OWNER " want=1 gone=0\n" OWNER " want=2 gone=0\n");
    free(calls);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    free(csr);
}

/* Left after finalize; then `sql` takes the permission away. */
static void leave_after_finalize(const char *sql)
{
    char *csr = rig_csr("a.x.example");

    subject("save:finalize+pause+ok");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    rig_sql(&rig, sql);
    rig_down(&rig);
    rig_up(&rig, "");
    rig_rest(&rig);
    free(csr);
}

static void assert_recorded(void)
{
    assert_int_equal(rig_count(&rig, "job WHERE state = 'done'"), 1);
    assert_int_equal(rig_count(&rig, "certificate WHERE zone = 'x.example' AND subject = 'CN=a.x.example'"), 1);
    rig_assert_calls(&rig, 2);
}

static void after_finalize_the_certificate_of_a_subject_that_is_gone_is_recorded(void **state)
{
    (void)state;
    leave_after_finalize("DELETE FROM subject");
    assert_recorded();
}

static void after_finalize_the_certificate_of_a_zone_that_is_disabled_is_recorded(void **state)
{
    (void)state;
    leave_after_finalize("UPDATE zone SET enabled = 0");
    assert_recorded();
}

/* Nobody could post it again: the CA has it all the same. */
static void after_finalize_an_order_whose_csr_would_be_refused_by_now_goes_on(void **state)
{
    (void)state;
    leave_after_finalize("UPDATE job SET csr = CAST(csr || x'05' AS BLOB)");
    assert_recorded();
}

static void after_finalize_an_order_without_its_ca_keeps_what_its_plugin_saved(void **state)
{
    (void)state;
    leave_after_finalize("UPDATE job SET ca = 'elsewhere'");
    rig_until_true(&rig, rig_count(&rig, "job WHERE state = 'open'") == 0);
    assert_int_equal(rig_count(&rig, "job WHERE state = 'failed' AND step = 'finalize' AND data = x'64617461'"), 1);
    rig_assert_calls(&rig, 1);
}

/* ---- May a chain still be fetched by its ID? ---- */

struct change {
    const char *sql, *back;
    bool takes_permission;
};

static const struct change changes[] = {
    { "UPDATE subject SET enabled = 0", "UPDATE subject SET enabled = 1", true },
    { "UPDATE zone SET enabled = 0", "UPDATE zone SET enabled = 1", true },
    { "UPDATE subject SET subject = 'CN=else'", "UPDATE subject SET subject = 'CN=a.x.example'", true },
    { "UPDATE subject SET zone = 'y.example', names = '.y.example'",
      "UPDATE subject SET zone = 'x.example', names = '.x.example'", true },
    { "UPDATE subject SET names = 'b.x.example'", "UPDATE subject SET names = 'a.x.example'", false },
    { "UPDATE subject SET access = 'token'", "UPDATE subject SET access = 'open'", false },
};

static void look(const char *job)
{
    rig_answer_free(&two);
    two = (struct rig_answer){ 0 };
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
}

static void assert_told(const struct change *change)
{
    if (!change->takes_permission) {
        assert_non_null(two.chain);
        return;
    }
    assert_null(two.chain);
    assert_int_equal(two.code, CS_EDENIED);
    assert_string_equal(two.reason, "not-granted");
    assert_memory_equal(two.text, "the certificate is not handed out: ", 35);
}

static void a_chain_is_told_while_its_subject_may_have_it(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    rig_zone(&rig, "y.example", 1);
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_rest(&rig);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rig_sql(&rig, changes[i].sql);
        look(job);
        assert_told(&changes[i]);
        rig_sql(&rig, changes[i].back);
        look(job);
        assert_non_null(two.chain);
    }
    free(csr);
}

/* Its finalize was sent, so there is a certificate: it was finished without a permission. */
static void a_chain_that_came_after_the_permission_was_taken_is_not_told(void **state)
{
    char job[64];

    (void)state;
    rig_zone(&rig, "y.example", 1);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rig_answer_free(&one);
        one = (struct rig_answer){ 0 };
        leave_after_finalize(changes[i].sql);
        memcpy(job, one.job, sizeof job);
        assert_int_equal(rig_count(&rig, "job WHERE state = 'done'"), i + 1);
        look(job);
        assert_told(&changes[i]);
        rig_sql(&rig, changes[i].back);
        look(job);
        assert_non_null(two.chain);
    }
}

static void a_stored_retry_after_ages(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("fail:10"); /* CS_EREFUSED */
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_rest(&rig);
    rig_sql(&rig, "UPDATE job SET problem = '{\"code\":\"limit\",\"retry_after_ms\":3600000}', "
                  "updated_ms = updated_ms - 3000000");
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_in_range(two.retry_after_ms, 1, 600000);
    rig_answer_free(&two);
    rig_sql(&rig, "UPDATE job SET updated_ms = updated_ms - 3000000");
    rig_look(&rig, job, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.retry_after_ms, 0);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_that_comes_while_the_server_stops_is_kept),
        TEST(of_two_jobs_for_the_same_names_the_one_whose_order_the_ca_has_goes_first),
        TEST(a_blocking_plugin_that_saved_goes_on_after_a_start),
        TEST(a_blocking_plugin_is_told_that_its_time_is_over),
        TEST(a_plugin_that_is_ca_and_dns_does_not_wait_for_itself),
        TEST(a_zone_that_moved_to_another_dns_instance_is_cleaned_at_both),
        TEST(a_stop_while_the_jobs_are_read_starts_none),
        TEST(all_values_of_a_name_are_set_in_one_change),
        TEST(after_finalize_the_certificate_of_a_subject_that_is_gone_is_recorded),
        TEST(after_finalize_the_certificate_of_a_zone_that_is_disabled_is_recorded),
        TEST(after_finalize_an_order_whose_csr_would_be_refused_by_now_goes_on),
        TEST(after_finalize_an_order_without_its_ca_keeps_what_its_plugin_saved),
        TEST(a_chain_is_told_while_its_subject_may_have_it),
        TEST(a_chain_that_came_after_the_permission_was_taken_is_not_told),
        TEST(a_stored_retry_after_ages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
