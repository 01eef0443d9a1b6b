/* engine/op_services.c: timers, cancel functions, steps, problems and tickets of a pending call. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/log.h"
#include "pending.h"

static void count(void *arg)
{
    ++*(int *)arg;
}

static void finish_op(void *arg)
{
    cs_op_ok(arg);
}

static void several_timers_may_be_pending(void **state)
{
    int first = 0, second = 0;
    struct pending p;

    pending_new(&p, *state, 60000);
    cs_op_after(p.op, 1000, count, &first);
    cs_op_after(p.op, 2000, count, &second);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(first, 1);
    assert_int_equal(second, 0);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(second, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

/* Stands in for want of memory. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
static bool no_memory;

void *__wrap_calloc(size_t n, size_t size)
{
    return no_memory ? NULL : __real_calloc(n, size);
}

static void one_timer_at_a_time_needs_no_memory(void **state)
{
    int fired = 0;
    struct pending p;

    pending_new(&p, *state, 60000);
    no_memory = true;
    for (int i = 1; i <= 3; i++) {
        cs_op_after(p.op, 1000, count, &fired);
        clock_move(*state, 1000);
        loop_run_once(*state, 0);
        assert_int_equal(fired, i);
    }
    no_memory = false;
    assert_int_equal(p.told, 0);
    cs_op_ok(p.op);
    pending_wait(&p, 1);
}

static void without_memory_for_a_second_one_the_call_is_cancelled(void **state)
{
    int fired = 0;
    struct pending p;

    pending_new(&p, *state, 60000);
    cs_op_after(p.op, 1000, count, &fired);
    no_memory = true;
    cs_op_after(p.op, 1000, count, &fired);
    no_memory = false;
    assert_int_equal(p.told, 0);
    pending_wait(&p, 1);
    assert_true(p.outcome[0].cancelled);
    assert_int_equal(p.outcome[0].code, CS_EBUSY);
    cs_op_ok(p.op);
    pending_wait(&p, 2);
    assert_int_equal(fired, 0);
}

struct heard {
    int times;
    enum cs_code code;
};

static void hear(void *arg, const struct cs_error *err)
{
    struct heard *heard = arg;

    heard->times++;
    heard->code = err ? err->code : CS_OK;
}

static void who_waits_for_what_there_is_no_memory_for_hears_it_later(void **state)
{
    struct heard first = { 0 }, second = { 0 };
    struct pending p;

    pending_new(&p, *state, 60000);
    for (int i = 1; i <= 2; i++) {
        op_tell_no_memory(p.op, hear, &first);
        assert_int_equal(first.times, i - 1);
        loop_run_once(*state, 0);
        assert_int_equal(first.times, i);
        assert_int_equal(first.code, CS_EBUSY);
    }
    op_tell_no_memory(p.op, hear, &first);
    op_tell_no_memory(p.op, hear, &second); /* one too many: the call ends */
    pending_wait(&p, 1);
    assert_int_equal(p.outcome[0].code, CS_EBUSY);
    assert_true(p.outcome[0].cancelled);
    op_tell_no_memory(p.op, hear, &second); /* also after that: the plugin may wait for nothing else */
    loop_run_once(*state, 0);
    assert_int_equal(second.times, 1);
    op_tell_no_memory(p.op, hear, &second);
    cs_op_ok(p.op);
    op_tell_no_memory(p.op, hear, &second);
    pending_wait(&p, 2);
    loop_run_once(*state, 0);
    assert_int_equal(second.times, 1);
}

static void where_nobody_waits_the_call_is_cancelled(void **state)
{
    struct pending p;

    pending_new(&p, *state, 60000);
    op_tell_no_memory(p.op, NULL, NULL);
    pending_wait(&p, 1);
    assert_int_equal(p.outcome[0].code, CS_EBUSY);
    assert_true(p.outcome[0].cancelled);
    cs_op_ok(p.op);
    pending_wait(&p, 2);
}

static void a_finished_call_has_no_timers(void **state)
{
    int fired = 0;
    struct pending p;

    pending_new(&p, *state, 60000);
    cs_op_after(p.op, 1000, count, &fired);
    cs_op_after(p.op, 1000, finish_op, p.op);
    cs_op_after(p.op, 1000, count, &fired);
    cs_op_after(p.op, 5000, count, &fired);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    pending_wait(&p, 1);
    clock_move(*state, 60000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    assert_int_equal(fired, 1); /* the one before the finish */
}

struct cancelled {
    struct pending *pending;
    int times, told_before;
    enum cs_cancel why;
};

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct cancelled *c = arg;

    c->times++;
    c->why = why;
    c->told_before = c->pending->told;
}

static void the_plugin_hears_of_the_deadline_after_the_core(void **state)
{
    struct pending p;
    struct cancelled c = { .pending = &p };

    pending_new(&p, *state, 1000);
    cs_op_on_cancel(p.op, on_cancel, &c);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(c.times, 1);
    assert_int_equal(c.why, CS_DEADLINE);
    assert_int_equal(c.told_before, 1);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(c.times, 1);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
    assert_true(p.outcome[1].late);
}

static void the_plugin_hears_of_a_shutdown(void **state)
{
    struct pending p;
    struct cancelled c = { .pending = &p };

    pending_new(&p, *state, 60000);
    cs_op_on_cancel(p.op, on_cancel, &c);
    op_cancel(p.op, CS_SHUTDOWN);
    assert_int_equal(c.times, 0);
    loop_run_once(*state, 0);
    assert_int_equal(c.times, 1);
    assert_int_equal(c.why, CS_SHUTDOWN);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void who_asks_after_the_cancel_is_told_all_the_same(void **state)
{
    struct pending p;
    struct cancelled c = { .pending = &p };

    pending_new(&p, *state, 1000);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    cs_op_on_cancel(p.op, on_cancel, &c);
    assert_int_equal(c.times, 0);
    loop_run_once(*state, 0);
    assert_int_equal(c.times, 1);
    assert_int_equal(c.why, CS_DEADLINE);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void a_finished_call_is_not_cancelled(void **state)
{
    struct pending p;
    struct cancelled c = { .pending = &p };

    pending_new(&p, *state, 1000);
    cs_op_on_cancel(p.op, on_cancel, &c);
    op_cancel(p.op, CS_SHUTDOWN);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
    loop_run_once(*state, 0);
    assert_int_equal(c.times, 0);
    assert_int_equal(p.told, 1);
    assert_int_equal(p.outcome[0].code, CS_OK);
}

static void steps_are_told_in_order_and_before_the_end(void **state)
{
    char name[] = "a-name-of-more-than-31-bytes-is-cut-there";
    struct pending p;

    pending_new(&p, *state, 1000);
    cs_op_step(p.op, "new-order");
    cs_op_step(p.op, name);
    memset(name, 'x', 10);
    cs_op_ok(p.op);
    assert_int_equal(p.steps, 0);
    loop_run_once(*state, 0);
    assert_int_equal(p.steps, 2);
    assert_string_equal(p.step[0], "new-order");
    assert_string_equal(p.step[1], "a-name-of-more-than-31-bytes-is");
    assert_int_equal(p.told, 1);
}

static void take_steps(struct cs_op *op, void *inputs)
{
    (void)inputs;
    cs_op_step(op, "one");
    cs_op_problem(op, "{\"a\":1}", 7);
    cs_op_step(op, "two");
    cs_op_ok(op);
}

static void steps_and_problems_come_from_workers_too(void **state)
{
    struct workers *workers = workers_new("test", 1, NULL);
    struct pending p;

    pending_new(&p, *state, 10000);
    op_run(p.op, workers, take_steps);
    pending_wait(&p, 1);
    workers_free(workers);
    assert_int_equal(p.steps, 2);
    assert_string_equal(p.step[1], "two");
    assert_string_equal(p.outcome[0].problem, "{\"a\":1}");
}

static void a_step_is_logged_with_its_job(void **state)
{
    static struct stderr_text seen;
    struct pending p;
    const char *text;

    log_setup(CS_LOG_DEBUG);
    pending_new(&p, *state, 1000);
    stderr_watch(&seen);
    cs_op_step(p.op, "finalize");
    cs_op_log(p.op, CS_LOG_INFO, "waiting ms=%d", 5);
    text = stderr_seen(&seen);
    log_setup(CS_LOG_INFO);
    assert_true(strstr(text, "debug ca.test [job7]: step step=finalize\n") != NULL);
    assert_true(strstr(text, "info  ca.test [job7]: waiting ms=5\n") != NULL);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void the_last_problem_is_kept_and_a_huge_one_dropped(void **state)
{
    static char huge[16385];
    struct pending p;

    memset(huge, 'x', sizeof huge);
    pending_new(&p, *state, 1000);
    cs_op_problem(p.op, "{\"first\":1}", 11);
    cs_op_problem(p.op, "{\"second\":2}garbage", 12);
    cs_op_problem(p.op, huge, sizeof huge);
    cs_op_problem(p.op, "a\0b", 3);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_string_equal(p.outcome[0].problem, "{\"second\":2}");
    cs_op_err(p.op, NULL);
    loop_run_once(*state, 0);
    assert_string_equal(p.outcome[1].problem, "{\"second\":2}");
}

static void a_ticket_gives_the_call_back_while_it_is_pending(void **state)
{
    struct op_ticket *a, *b, *c;
    struct pending p;

    pending_new(&p, *state, 1000);
    a = op_ticket_new(p.op);
    b = op_ticket_new(p.op);
    c = op_ticket_new(p.op);
    assert_true(op_ticket_use(b) == p.op);
    assert_true(op_ticket_use(a) == p.op);
    cs_op_ok(p.op);
    assert_true(op_ticket_use(c) == NULL);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
}

static void a_ticket_outlives_its_call(void **state)
{
    struct op_ticket *a, *b;
    struct pending p;

    pending_new(&p, *state, 1000);
    a = op_ticket_new(p.op);
    b = op_ticket_new(p.op);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
    assert_true(op_ticket_use(a) == NULL);
    assert_true(op_ticket_use(b) == NULL);
}

static void a_ticket_is_good_after_the_deadline(void **state)
{
    struct op_ticket *ticket;
    struct pending p;

    pending_new(&p, *state, 1000);
    ticket = op_ticket_new(p.op);
    clock_move(*state, 1000);
    loop_run_once(*state, 0);
    assert_int_equal(p.told, 1);
    assert_true(op_ticket_use(ticket) == p.op);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

static void use_a_timer_elsewhere(void *arg)
{
    struct loop *loop = loop_new(NULL);
    struct pending p;

    (void)arg;
    pending_new(&p, loop, 1000);
    loop_free(loop); /* this thread is no loop thread any more */
    cs_op_after(p.op, 1, finish_op, p.op);
}

static void a_loop_service_in_a_worker_ends_the_program(void **state)
{
    const char *words = last_words(use_a_timer_elsewhere, NULL);

    (void)state;
    assert_true(strstr(words, "error ca.test [job7]: the plugin called cs_op_after() in a worker") != NULL);
}

static void the_deadline_can_be_asked_for(void **state)
{
    int64_t before_ms = cs_now_ms();
    struct pending p;

    pending_new(&p, *state, 1000);
    assert_true(cs_op_deadline_ms(p.op) >= before_ms + 1000);
    assert_true(cs_op_deadline_ms(p.op) <= cs_now_ms() + 1000);
    cs_op_ok(p.op);
    loop_run_once(*state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_timers_may_be_pending, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(one_timer_at_a_time_needs_no_memory, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(without_memory_for_a_second_one_the_call_is_cancelled, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(who_waits_for_what_there_is_no_memory_for_hears_it_later, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(where_nobody_waits_the_call_is_cancelled, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_finished_call_has_no_timers, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(the_plugin_hears_of_the_deadline_after_the_core, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(the_plugin_hears_of_a_shutdown, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(who_asks_after_the_cancel_is_told_all_the_same, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_finished_call_is_not_cancelled, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(steps_are_told_in_order_and_before_the_end, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(steps_and_problems_come_from_workers_too, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_step_is_logged_with_its_job, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(the_last_problem_is_kept_and_a_huge_one_dropped, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_ticket_gives_the_call_back_while_it_is_pending, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_ticket_outlives_its_call, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_ticket_is_good_after_the_deadline, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_loop_service_in_a_worker_ends_the_program, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(the_deadline_can_be_asked_for, loop_begin, loop_end),
    };

    return cmocka_run_group_tests_name("op_services", tests, NULL, NULL);
}
