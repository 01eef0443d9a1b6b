/* engine/op.c: the life of a pending call. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "pending.h"

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void finish_inside(struct cs_op *op, void *inputs)
{
    struct inputs *in = inputs;

    in->pending->called++;
    cs_op_ok(op);
    assert_int_equal(in->pending->told, 0);
    assert_string_equal(in->text, "the inputs");
}

static void a_finish_inside_the_call_continues_later(void **state)
{
    struct pending p;

    pending_new(&p, *state, 1000);
    op_run(p.op, NULL, finish_inside);
    assert_int_equal(p.told, 0);
    assert_int_equal(p.inputs_freed, 0);
    loop_run_once(*state, 1000);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.outcome[0].code, CS_OK);
    assert_false(p.outcome[0].late);
    assert_int_equal(p.inputs_freed, 1);
}

static void leave_open(struct cs_op *op, void *inputs)
{
    struct inputs *in = inputs;

    (void)op;
    in->pending->called++;
}

static void a_call_may_be_finished_long_after_it_returned(void **state)
{
    struct pending p;

    pending_new(&p, *state, 60000);
    op_run(p.op, NULL, leave_open);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 0);
    assert_false(op_is_finished(p.op));
    assert_true(op_owner(p.op) == &p);
    assert_true(op_loop(p.op) == *state);
    assert_string_equal(((struct inputs *)op_inputs(p.op))->text, "the inputs");
    cs_op_ok(p.op);
    assert_true(op_is_finished(p.op));
    loop_run_once(*state, 1000);
    assert_int_equal(p.told, 1);
}

static void use_inputs_after_the_finish(struct cs_op *op, void *inputs)
{
    struct inputs *in = inputs;
    struct pending *p = in->pending;

    cs_op_ok_data(op, "from a worker", 13);
    for (int i = 0; i < 1000 && p->called == 0; i++) /* until the loop has told it */
        sleep_ms(1);
    in->text[0] = 'T';
}

static void a_worker_may_return_long_after_the_finish(void **state)
{
    struct workers *workers = workers_new("test", 1, NULL);
    struct pending p;

    pending_new(&p, *state, 10000);
    op_run(p.op, workers, use_inputs_after_the_finish);
    pending_wait(&p, 1);
    assert_int_equal(p.told, 1);
    assert_string_equal(p.outcome[0].data, "from a worker");
    assert_int_equal(p.inputs_freed, 0);
    p.called = 1;
    workers_free(workers);
    assert_int_equal(p.inputs_freed, 1);
}

static void at_the_deadline_the_call_ends_and_a_late_answer_is_told(void **state)
{
    struct pending p;

    pending_new(&p, *state, 60000);
    op_run(p.op, NULL, leave_open);
    clock_move(*state, 59000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 0);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.outcome[0].code, CS_ETIMEDOUT);
    assert_string_equal(p.outcome[0].error, "ca.test did not finish in time");
    assert_true(p.outcome[0].cancelled);
    assert_false(p.outcome[0].late);
    assert_int_equal(p.inputs_freed, 0);
    assert_int_equal(op_cancelled(p.op), CS_DEADLINE);
    clock_move(*state, 600000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    cs_op_ok_chain(p.op, &(struct cs_chain){ .size = sizeof(struct cs_chain), .pem = "late", .len = 4 });
    loop_run_once(*state, 1000);
    assert_int_equal(p.told, 2);
    assert_true(p.outcome[1].late);
    assert_false(p.outcome[1].cancelled);
    assert_int_equal(p.outcome[1].code, CS_OK);
    assert_string_equal(p.outcome[1].pem, "late");
    assert_int_equal(p.inputs_freed, 1);
}

static void a_finish_just_before_the_deadline_wins(void **state)
{
    struct pending p;

    pending_new(&p, *state, 1000);
    op_run(p.op, NULL, leave_open);
    cs_op_ok(p.op);
    clock_move(*state, 5000); /* mail and timer are both due in the same turn */
    loop_run_once(*state, 0);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.outcome[0].code, CS_OK);
    assert_false(p.outcome[0].late);
}

static void a_cancel_works_later_and_once(void **state)
{
    struct pending p;

    pending_new(&p, *state, 60000);
    op_run(p.op, NULL, leave_open);
    op_cancel(p.op, CS_SHUTDOWN);
    op_cancel(p.op, CS_DEADLINE);
    assert_int_equal(p.told, 0);
    loop_run_once(*state, 1000);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.outcome[0].code, CS_ESHUTDOWN);
    op_cancel(p.op, CS_SHUTDOWN);
    clock_move(*state, 120000);
    loop_run_once(*state, 0);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    cs_op_err(p.op, NULL);
    op_cancel(p.op, CS_SHUTDOWN);
    loop_run_once(*state, 1000);
    assert_int_equal(p.told, 2);
    assert_true(p.outcome[1].late);
    assert_int_equal(p.outcome[1].code, CS_EINTERNAL);
}

static void do_nothing(struct cs_op *op, void *inputs)
{
    (void)op, (void)inputs;
}

static void a_call_without_deadline_waits(void **state)
{
    struct pending p = { 0 };
    struct op_setup setup = {
        .loop = *state, .who = "dns.x", .about = "", .deadline_ms = INT64_MAX, .done = pending_done, .arg = &p
    };
    struct cs_op *op = op_new(&setup, NULL);

    op_run(op, NULL, do_nothing);
    clock_move(*state, INT64_C(1000) * 86400 * 365);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 0);
    cs_op_ok(op);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
}

static void stay_until_told(struct cs_op *op, void *inputs)
{
    struct inputs *in = inputs;

    in->pending->called++;
    while (!op_cancelled(op))
        sleep_ms(1);
    cs_op_ok(op);
}

static void a_call_that_found_no_worker_in_time_is_not_made(void **state)
{
    struct workers *workers = workers_new("test", 1, NULL);
    struct pending busy, queued;

    pending_new(&busy, *state, 500); /* long enough for a worker to start on a machine that is busy, too */
    pending_new(&queued, *state, 5);
    op_run(busy.op, workers, stay_until_told);
    op_run(queued.op, workers, stay_until_told);
    pending_wait(&queued, 2);
    pending_wait(&busy, 2);
    assert_int_equal(queued.called, 0);
    assert_int_equal(queued.outcome[0].code, CS_ETIMEDOUT);
    assert_true(queued.outcome[1].late);
    assert_string_equal(queued.outcome[1].error, "ca.test was not asked: no worker was free in time (`max_parallel`)");
    assert_int_equal(busy.called, 1);
    workers_free(workers);
}

static void be_slow(struct cs_op *op, void *inputs)
{
    struct inputs *in = inputs;

    in->pending->called++;
    sleep_ms(in->text[15] % 3 * 6);
    if (strcmp(in->text, "the inputs") != 0)
        abort();
    cs_op_ok_chain(op, &(struct cs_chain){ .size = sizeof(struct cs_chain), .pem = in->text, .len = 10 });
    if (strcmp(in->text, "the inputs") != 0)
        abort();
}

#define CROWD 2000

static void a_crowd_of_slow_calls_with_short_deadlines_each_end_once(void **state)
{
    struct workers *workers = workers_new("test", 32, NULL);
    struct pending *crowd = calloc(CROWD, sizeof *crowd);
    int in_time = 0, late = 0, unmade = 0;

    for (int i = 0; i < CROWD; i++) {
        pending_new(&crowd[i], *state, 5);
        ((struct inputs *)op_inputs(crowd[i].op))->text[15] = (char)(i % 100);
        op_run(crowd[i].op, workers, be_slow);
        if (i % 50 == 0)
            loop_run_once(*state, 1);
    }
    for (int i = 0; i < CROWD; i++)
        pending_wait(&crowd[i], crowd[i].outcome[0].code == CS_ETIMEDOUT ? 2 : 1);
    workers_free(workers);
    for (int i = 0; i < CROWD; i++)
        pending_wait(&crowd[i], crowd[i].outcome[0].code == CS_ETIMEDOUT ? 2 : 1);
    for (int i = 0; i < CROWD; i++) {
        const struct outcome *last = &crowd[i].outcome[crowd[i].told - 1];

        assert_int_equal(crowd[i].told, crowd[i].outcome[0].code == CS_ETIMEDOUT ? 2 : 1);
        assert_int_equal(crowd[i].inputs_freed, 1);
        assert_int_equal(last->late, crowd[i].told == 2);
        assert_int_equal(last->had_chain, crowd[i].called == 1);
        in_time += crowd[i].told == 1;
        late += crowd[i].told == 2 && crowd[i].called;
        unmade += !crowd[i].called;
    }
    assert_int_equal(in_time + late + unmade, CROWD);
    assert_true(late + unmade > 0); /* deadlines did pass */
    free(crowd);
}

static void finish_twice(void *arg)
{
    struct pending *p = arg;

    cs_op_ok(p->op);
    cs_op_err(p->op, NULL);
}

static void a_second_finish_ends_the_program_and_names_the_plugin(void **state)
{
    struct pending p;
    const char *words;

    pending_new(&p, *state, 1000);
    words = last_words(finish_twice, &p);
    assert_true(strstr(words, "error ca.test [job7]: the plugin finished one call twice") != NULL);
    assert_true(strstr(words, "with cs_op_err() after cs_op_ok()") != NULL);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void finish_again(void *arg)
{
    struct pending *p = arg;

    cs_op_ok_data(p->op, "x", 1);
}

static void a_second_finish_after_the_end_is_caught_as_well(void **state)
{
    struct pending p, others[50];
    const char *words;

    pending_new(&p, *state, 1000);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    for (int i = 0; i < 50; i++) {
        pending_new(&others[i], *state, 1000);
        cs_op_ok(others[i].op);
    }
    loop_run_once(*state, 0);
    words = last_words(finish_again, &p);
    assert_true(strstr(words, "with cs_op_ok_data() after cs_op_ok()") != NULL);
}

struct racer {
    struct cs_op *op;
    atomic_int *go;
};

static void *finish_when_told(void *arg)
{
    struct racer *racer = arg;

    while (*racer->go == 0)
        continue;
    cs_op_ok(racer->op);
    return NULL;
}

static void a_finish_that_races_with_the_deadline_is_told_either_way(void **state)
{
    int late = 0;

    for (int i = 0; i < 200; i++) {
        atomic_int go = 0;
        struct pending p;
        pthread_t thread;

        pending_new(&p, *state, 1000);
        pthread_create(&thread, NULL, finish_when_told, &(struct racer){ p.op, &go });
        clock_move(*state, 1000);
        go = 1;
        loop_run_once(*state, 0);
        pthread_join(thread, NULL);
        pending_wait(&p, p.outcome[0].code == CS_ETIMEDOUT ? 2 : 1);
        assert_int_equal(p.told, p.outcome[0].code == CS_ETIMEDOUT ? 2 : 1);
        assert_int_equal(p.inputs_freed, 1);
        late += p.told == 2;
    }
    assert_true(late <= 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_finish_inside_the_call_continues_later, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_call_may_be_finished_long_after_it_returned, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_worker_may_return_long_after_the_finish, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(at_the_deadline_the_call_ends_and_a_late_answer_is_told, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_finish_just_before_the_deadline_wins, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_cancel_works_later_and_once, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_call_without_deadline_waits, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_call_that_found_no_worker_in_time_is_not_made, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_crowd_of_slow_calls_with_short_deadlines_each_end_once, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_second_finish_ends_the_program_and_names_the_plugin, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_second_finish_after_the_end_is_caught_as_well, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_finish_that_races_with_the_deadline_is_told_either_way, loop_begin, loop_end),
    };

    return cmocka_run_group_tests_name("op", tests, NULL, NULL);
}
