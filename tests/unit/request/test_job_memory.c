/* request/job_save_step.c: a CA plugin saves a step, and there is no memory for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "engine/op.h"
#include "order_scene.h"
#include "request/job_write.h"

/* Stand in for want of memory. */
struct op_ticket *__real_op_ticket_new(struct cs_op *op);
struct op_ticket *__wrap_op_ticket_new(struct cs_op *op);
int __real_job_write_snapshot(struct job_write *write);
int __wrap_job_write_snapshot(struct job_write *write);
void __real_store_write(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);
void __wrap_store_write(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);
static bool no_ticket, no_snapshot, no_piece;

struct op_ticket *__wrap_op_ticket_new(struct cs_op *op)
{
    return no_ticket ? NULL : __real_op_ticket_new(op);
}

int __wrap_job_write_snapshot(struct job_write *write)
{
    return no_snapshot && write->is_step ? -1 : __real_job_write_snapshot(write);
}

/* As records/store.c does it without any memory: at once. */
void __wrap_store_write(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    const struct cs_error err = { .code = CS_EBUSY, .text = "there is no memory for a record" };

    if (no_piece)
        done(done_arg, &err);
    else
        __real_store_write(store, fn, arg, done, done_arg);
}

static int begin(void **state)
{
    no_ticket = no_snapshot = no_piece = false;
    return set_up(state);
}

/* The next order is a good one: nothing of the one that failed holds it up. */
static void assert_goes_on(char *csr)
{
    no_ticket = no_snapshot = no_piece = false;
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_OK);
    rig_rest(&rig);
    free(csr);
}

/* fake-ca aborts when it hears of it within its call. */
static void the_plugin_hears_of_it_later(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("save:order+ok");
    for (int i = 0; i < 2; i++) {
        no_ticket = i == 0;
        no_snapshot = i == 1;
        one.came = false;
        rig_post(&rig, csr, &one);
        rig_until(&rig, &one.came);
        assert_int_equal(one.code, CS_EBUSY);
        assert_string_equal(one.text, "out of memory");
        rig_answer_free(&one);
    }
    assert_goes_on(csr);
}

/* While the order is under way it waits for a store that has; while the server stops it does not. */
static void nor_within_its_call_when_the_store_has_none(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:on+save:order+gate:go+latesave");
    rig_submit(&rig, csr, 24 * 3600 * 1000, true, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:on") == 1);
    no_piece = true;
    rig_open_gate(&rig, "on");
    rig_until_true(&rig, rig_at_step(&rig, "save:order") == 1);
    rig_settle(&rig);
    no_piece = false;
    rig_hurry_until(&rig, 100, rig_at_step(&rig, "gate:go") == 1);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_at_step(&rig, "latesave") == 1);
    heart_stop(rig.heart);
    no_piece = true;
    instances_stop(rig.instances);
    rig_until_true(&rig, rig_calls_have(&rig, "late save refused"));
    no_piece = false;
    free(csr);
}

/* What comes next must not become durable without it. */
static void a_step_that_nobody_waits_for_ends_the_call(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("gate:on+note:order+gate:go+ok");
    rig_open_gate(&rig, "on");
    no_snapshot = true;
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EBUSY);
    assert_non_null(strstr(one.text, "no memory"));
    rig_open_gate(&rig, "go");
    assert_goes_on(csr);
}

/* Its deadline has passed, so it is not cancelled once more: it would wait for ever. */
static void a_plugin_that_was_cancelled_hears_of_it_too(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("latesave");
    rig_submit(&rig, csr, 24 * 3600 * 1000, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "latesave") == 1);
    no_snapshot = true;
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms + 1000);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ETIMEDOUT);
    rig_rest(&rig);
    assert_true(rig_calls_have(&rig, "late save refused"));
    free(csr);
}

/* In a worker. */
static void a_plugin_that_blocks_is_told_too(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_down(&rig);
    rig.ca = "fake-blocking-ca";
    rig_up(&rig, "");
    subject("");
    no_snapshot = true;
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EBUSY);
    assert_true(rig_calls_have(&rig, "save failed out of memory"));
    assert_goes_on(csr);
    rig.ca = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_plugin_hears_of_it_later),
        TEST(nor_within_its_call_when_the_store_has_none),
        TEST(a_step_that_nobody_waits_for_ends_the_call),
        TEST(a_plugin_that_was_cancelled_hears_of_it_too),
        TEST(a_plugin_that_blocks_is_told_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
