/* engine/wait.c: a worker that waits for the loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "engine/wait.h"
#include "pending.h"

/* What a service would keep for a waiting form. */
struct errand {
    struct timer timer;
    struct loop *loop;
    struct wait *wait;
    int64_t ms;
    const struct cs_error *answer;
    bool started_on_loop;
    atomic_int *freed;
};

struct waiter {
    struct loop *loop;
    struct cs_op *op;
    struct errand *errand;
    pthread_t thread;
    int rc;
    struct cs_error err;
    atomic_int freed;
    atomic_bool back;
};

static void on_time(void *arg)
{
    struct errand *errand = arg;

    wait_done(errand->wait, errand->answer);
}

static void start_errand(void *arg, struct wait *wait)
{
    struct errand *errand = arg;

    errand->started_on_loop = on_loop_thread();
    errand->wait = wait;
    if (errand->ms == 0)
        wait_done(wait, errand->answer);
    else if (errand->ms > 0)
        timer_set_in(errand->loop, &errand->timer, errand->ms, on_time, errand);
}

static void free_errand(void *arg)
{
    struct errand *errand = arg;

    ++*errand->freed;
    free(errand);
}

static void *wait_in_thread(void *arg)
{
    struct waiter *w = arg;

    w->rc = wait_for(w->loop, w->op, start_errand, w->errand, free_errand, &w->err);
    w->back = true;
    return NULL;
}

/* ms: when the errand is answered; -1: never. */
static void begin(struct waiter *w, struct loop *loop, struct cs_op *op, int64_t ms, const struct cs_error *answer)
{
    *w = (struct waiter){ .loop = loop, .op = op, .rc = 99 };
    w->errand = calloc(1, sizeof *w->errand);
    *w->errand = (struct errand){ .loop = loop, .ms = ms, .answer = answer, .freed = &w->freed };
    pthread_create(&w->thread, NULL, wait_in_thread, w);
}

static void run_until_back(struct waiter *w)
{
    for (int i = 0; i < 1000 && !w->back; i++)
        loop_run_once(w->loop, 10);
    pthread_join(w->thread, NULL);
}

static void the_worker_sleeps_until_the_loop_answers(void **state)
{
    struct waiter w;

    begin(&w, *state, NULL, 30, NULL);
    run_until_back(&w);
    assert_int_equal(w.rc, 0);
    assert_int_equal(w.freed, 1);
}

static void an_answer_at_once_is_fine(void **state)
{
    struct cs_error no = { .code = CS_ENOTFOUND, .text = "no such key" };
    struct waiter w;

    begin(&w, *state, NULL, 0, &no);
    run_until_back(&w);
    assert_int_equal(w.rc, -1);
    assert_int_equal(w.err.code, CS_ENOTFOUND);
    assert_string_equal(w.err.text, "no such key");
    assert_int_equal(w.freed, 1);
}

static void a_cancel_wakes_the_worker_at_once(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    begin(&w, *state, p.op, 500, NULL);
    loop_run_once(*state, 10000);
    op_cancel(p.op, CS_SHUTDOWN);
    loop_run_once(*state, 10000);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.rc, -1);
    assert_int_equal(w.err.code, CS_ESHUTDOWN);
    assert_int_equal(w.freed, 0); /* the loop is still about it */
    clock_move(*state, 500);
    loop_run_once(*state, 0);
    assert_int_equal(w.freed, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void a_deadline_wakes_the_worker_at_once(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    begin(&w, *state, p.op, 90000, NULL);
    loop_run_once(*state, 10000);
    clock_move(*state, 60000);
    loop_run_once(*state, 0);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.err.code, CS_ETIMEDOUT);
    assert_string_equal(w.err.text, "ca.test did not finish in time");
    clock_move(*state, 30000);
    loop_run_once(*state, 0);
    assert_int_equal(w.freed, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void in_a_cancelled_call_no_wait_begins(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    op_cancel(p.op, CS_SHUTDOWN);
    loop_run_once(*state, 0);
    begin(&w, *state, p.op, 0, NULL);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.rc, -1);
    assert_int_equal(w.err.code, CS_ESHUTDOWN);
    assert_int_equal(w.freed, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void when_the_call_is_finished_the_loops_side_is_over(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    begin(&w, *state, p.op, -1, NULL); /* its callback went through a ticket: it never comes */
    loop_run_once(*state, 10000);
    cs_op_ok(p.op);
    loop_run_once(*state, 10000);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.rc, -1);
    assert_int_equal(w.err.code, CS_EINTERNAL);
    assert_int_equal(w.freed, 1);
}

static void a_worker_that_gave_up_and_finished_leaves_nothing(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    begin(&w, *state, p.op, -1, NULL);
    loop_run_once(*state, 10000);
    op_cancel(p.op, CS_DEADLINE);
    loop_run_once(*state, 10000);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.freed, 0);
    cs_op_err(p.op, &w.err);
    loop_run_once(*state, 10000);
    assert_int_equal(p.told, 2);
    assert_int_equal(w.freed, 1);
}

static void a_wait_over_before_it_began_does_not_start(void **state)
{
    struct pending p;
    struct waiter w;

    pending_new(&p, *state, 60000);
    begin(&w, *state, p.op, -1, NULL);
    while (!w.back) /* the loop does not run meanwhile */
        waits_cancel(p.op, &(struct cs_error){ .code = CS_ETIMEDOUT });
    pthread_join(w.thread, NULL);
    assert_int_equal(w.err.code, CS_ETIMEDOUT);
    assert_int_equal(w.freed, 0);
    loop_run_once(*state, 10000);
    assert_int_equal(w.freed, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void when_the_server_stops_nobody_sleeps_on(void **state)
{
    struct waiter sleeping, later;

    begin(&sleeping, *state, NULL, -1, NULL);
    loop_run_once(*state, 10000);
    waits_end(*state);
    pthread_join(sleeping.thread, NULL);
    assert_int_equal(sleeping.err.code, CS_ESHUTDOWN);
    assert_int_equal(sleeping.freed, 0);
    begin(&later, *state, NULL, 0, NULL);
    pthread_join(later.thread, NULL);
    assert_int_equal(later.err.code, CS_ESHUTDOWN);
    assert_int_equal(later.freed, 1);
    loop_free(*state);
    assert_int_equal(sleeping.freed, 1);
    *state = NULL;
}

#define MANY 40

static void many_workers_wait_side_by_side(void **state)
{
    static struct waiter waiters[MANY];
    static const struct cs_error no = { .code = CS_EBUSY };

    for (int i = 0; i < MANY; i++)
        begin(&waiters[i], *state, NULL, i % 7, i % 2 ? &no : NULL);
    for (int i = 0; i < MANY; i++) {
        run_until_back(&waiters[i]);
        assert_int_equal(waiters[i].rc, i % 2 ? -1 : 0);
        assert_int_equal(waiters[i].freed, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_worker_sleeps_until_the_loop_answers, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(an_answer_at_once_is_fine, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_cancel_wakes_the_worker_at_once, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_deadline_wakes_the_worker_at_once, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(in_a_cancelled_call_no_wait_begins, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(when_the_call_is_finished_the_loops_side_is_over, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_worker_that_gave_up_and_finished_leaves_nothing, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_wait_over_before_it_began_does_not_start, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(when_the_server_stops_nobody_sleeps_on, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(many_workers_wait_side_by_side, loop_begin, loop_end),
    };

    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
