/* request/heart.c: what the store need not keep is forgotten; a stop comes to rest, whatever is under way. */
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
#include "records/visit_parts.h"

static _Atomic int purges; /* that the store was asked for */
static int (*real_purge)(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err);

static int counted_purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    purges++;
    return real_purge(conn, now_ms, most, n, err);
}

static void count_purges(void)
{
    struct cs_store_ops *ops = &instances_at(rig.instances, ROLE_STORE, 0)->plugin.store;

    purges = 0;
    real_purge = ops->purge;
    ops->purge = counted_purge;
}

/* An hour later: the next purge has come and gone. */
static void await_purge(void)
{
    const int before = purges;

    clock_move(rig.loop, 3600 * 1000);
    rig_until_true(&rig, purges > before);
    rig_rest(&rig);
}

static void purge_days_from_now(int64_t days)
{
    clock_step_wall(days * 24 * 3600 * 1000);
    await_purge();
    clock_step_wall(-days * 24 * 3600 * 1000);
}

static size_t rows(const char *table)
{
    return rig_count(&rig, table);
}

static void old_rows_are_removed_in_the_background(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    count_purges();
    subject("fail:10");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    assert_int_equal(rows("job"), 1);
    await_purge();
    assert_int_equal(rows("job"), 1);
    purge_days_from_now(8);
    assert_int_equal(rows("job"), 0);
    free(csr);
}

static void a_job_goes_with_its_certificates_end_and_the_certificate_a_month_later(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    count_purges();
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    assert_int_equal(rows("certificate"), 1);
    purge_days_from_now(91);
    assert_int_equal(rows("certificate"), 1);
    assert_int_equal(rows("job"), 0);
    purge_days_from_now(121);
    assert_int_equal(rows("certificate"), 0);
    free(csr);
}

static void nothing_is_removed_while_the_clock_is_doubted(void **state)
{
    struct visits doubting = { .must_confirm = true };
    char *csr = rig_csr("a.x.example");

    (void)state;
    count_purges();
    subject("fail:10");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    await_purge();
    clock_step_wall(8 * INT64_C(24) * 3600 * 1000);
    rig.heart->visits = &doubting;
    purges = 0;
    clock_move(rig.loop, 3600 * 1000);
    rig_rest(&rig);
    assert_int_equal(purges, 0);
    assert_int_equal(rows("job"), 1);
    rig.heart->visits = NULL;
    clock_move(rig.loop, 5000);
    rig_until_true(&rig, purges > 0);
    rig_rest(&rig);
    clock_step_wall(-8 * INT64_C(24) * 3600 * 1000);
    assert_int_equal(rows("job"), 0);
    free(csr);
}

static void a_stop_does_not_wait_for_a_dns_that_is_down(void **state)
{
    char *csr = rig_csr("a.x.example");
    size_t calls;

    (void)state;
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    rig_answer_free(&one);
    rig_down(&rig);
    rig_up(&rig, "failures = 1000;");
    rig_sql(&rig, "INSERT INTO job_challenge (job, name, dns, owner, zone, value, expires_ms) "
                  "SELECT id, 'a.x.example', 'fake', '" OWNER "', 'x.example.', 'left', 99999999999999 FROM job");
    rig_down(&rig);
    calls = rig_dns_calls(&rig);
    rig_up(&rig, "failures = 1000;");
    rig_until_true(&rig, rig_dns_calls(&rig) > calls);
    rig_settle(&rig);
    assert_true(heart_busy(rig.heart) > 0);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 1);
    rig_down(&rig);
    rig_up(&rig, "");
    rig_rest(&rig);
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

static void a_stop_finds_every_job_at_rest(void **state)
{
    char *csrs[6];
    struct rig_answer answers[6];

    (void)state;
    subject("save:order+put+hang");
    for (size_t i = 0; i < 6; i++) {
        csrs[i] = rig_csr("a.x.example");
        rig_post(&rig, csrs[i], &answers[i]);
    }
    rig_until_true(&rig, rig_at_step(&rig, "hang") == 1 && rig_in_phase(&rig, JOB_QUEUED) == 5);
    assert_int_equal(heart_orders(rig.heart), 6);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_rest(&rig);
    for (size_t i = 0; i < 6; i++) {
        assert_true(answers[i].came);
        assert_int_equal(answers[i].code, CS_ESHUTDOWN);
        assert_true(answers[i].running);
        rig_answer_free(&answers[i]);
        free(csrs[i]);
    }
    assert_int_equal(rows("job"), 6);
    rig_sql(&rig, "DELETE FROM job_challenge; DELETE FROM job");
}

static void a_stop_answers_those_who_are_being_looked_up(void **state)
{
    char *csr = rig_csr("a.x.example");
    struct request *gone;

    (void)state;
    subject("ok");
    rig_post(&rig, csr, &one);
    gone = rig_post(&rig, csr, &two);
    request_detach(gone);
    heart_stop(rig.heart);
    assert_int_equal(heart_busy(rig.heart), 2);
    rig_rest(&rig);
    assert_int_equal(one.code, CS_ESHUTDOWN);
    assert_false(two.came);
    assert_int_equal(rig.heart->in_flight, 0);
    assert_int_equal(rows("job"), 0);
    free(csr);
}

static void a_stop_with_a_locked_store_leaves_the_order_open(void **state)
{
    char *csr = rig_csr("a.x.example"), job[64];

    (void)state;
    subject("save:order+pause+ok");
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    memcpy(job, one.job, sizeof job);
    rig_until_true(&rig, rig_at_step(&rig, "pause") == 1);
    rig_lock(&rig);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_rest(&rig);
    rig_unlock(&rig);
    rig_down(&rig);
    rig_up(&rig, "");
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
        TEST(old_rows_are_removed_in_the_background),
        TEST(a_job_goes_with_its_certificates_end_and_the_certificate_a_month_later),
        TEST(nothing_is_removed_while_the_clock_is_doubted),
        TEST(a_stop_does_not_wait_for_a_dns_that_is_down),
        TEST(a_stop_finds_every_job_at_rest),
        TEST(a_stop_answers_those_who_are_being_looked_up),
        TEST(a_stop_with_a_locked_store_leaves_the_order_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
