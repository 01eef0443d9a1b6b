/* records/store.c: writes that nobody waits for. What they share, how long they wait, and what a crash leaves of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fakes/store_core.h"
#include "engine/clock.h"

static struct store_core s;
static char event_1[] = "{\"n\":1}", event_2[] = "{\"n\":2}", event_3[] = "{\"n\":3}";

static int set_up(void **state)
{
    (void)state;
    store_core_open(&s, 200);
    store_core_start(&s, 2);
    clock_freeze(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clock_freeze(false);
    store_core_close(&s);
    return 0;
}

static int add_event(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct cs_event e = { .size = sizeof e, .kind = "issued", .json = arg, .json_len = strlen(arg) };

    return c->ops->outbox_put(c->conn, &e, err);
}

static int add_event_and_fail(const struct store_conn *c, void *arg, struct cs_error *err)
{
    assert_int_equal(add_event(c, arg, err), 0);
    return cs_fail(err, CS_EDENIED, "on purpose: x");
}

static int64_t events(void)
{
    return store_file_number(&s.f, "SELECT count(*) FROM outbox");
}

/* The clock stands still, so that what is lazy has no reason to come. */
static void nothing_comes(const struct answers *a, int n)
{
    for (int i = 0; i < 20; i++)
        loop_run_once(s.loop, 2);
    assert_int_equal(a->n, n);
}

static void pass(int64_t ms)
{
    clock_move(s.loop, ms);
    loop_run_once(s.loop, 0);
}

/* ---- */

static void lazy_writes_share_the_next_commit_in_order(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    store_write_lazily(s.store, add_event_and_fail, event_2, on_answer, &a);
    nothing_comes(&a, 0);
    assert_int_equal(events(), 0);
    store_write(s.store, add_event, event_3, on_answer, &a);
    await_answers(&s, &a, 3);
    assert_string_equal(a.order, ".x.");
    assert_int_equal(store_commits(s.store), 1);
    assert_int_equal(store_file_number(&s.f, "SELECT number FROM outbox WHERE json = '{\"n\":1}'"), 1);
    assert_int_equal(store_file_number(&s.f, "SELECT number FROM outbox WHERE json = '{\"n\":3}'"), 2);
}

static void alone_they_are_committed_after_half_a_second(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    pass(300);
    store_write_lazily(s.store, add_event, event_2, on_answer, &a);
    pass(199);
    nothing_comes(&a, 0);
    pass(1);
    await_answers(&s, &a, 2);
    assert_int_equal(a.failed, 0);
    assert_int_equal(store_commits(s.store), 1);
    assert_int_equal(events(), 2);
}

static void each_waits_its_own_time(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    pass(100);
    store_write(s.store, add_event, event_2, on_answer, &a);
    await_answers(&s, &a, 2);
    pass(300);
    store_write_lazily(s.store, add_event, event_3, on_answer, &a);
    pass(499); /* the first one's time is over, but that is written already */
    nothing_comes(&a, 2);
    pass(1);
    await_answers(&s, &a, 3);
    assert_int_equal(store_commits(s.store), 2);
}

static void a_read_does_not_wait_for_them(void **state)
{
    struct answers a = { 0 }, reads = { 0 };

    (void)state;
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    store_read(s.store, add_event, event_2, on_answer, &reads); /* a reader cannot write */
    await_answers(&s, &reads, 1);
    nothing_comes(&a, 0);
    pass(500);
    await_answers(&s, &a, 1);
}

static void when_the_server_stops_nothing_is_lazy(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    nothing_comes(&a, 0);
    store_hurry(s.store);
    await_answers(&s, &a, 1);
    store_write_lazily(s.store, add_event, event_2, on_answer, &a);
    await_answers(&s, &a, 2);
    assert_int_equal(a.failed, 0);
    assert_int_equal(events(), 2);
}

static void a_locked_database_fails_them_as_well(void **state)
{
    struct answers a = { 0 };
    struct store_holder h;

    (void)state;
    store_file_hold(&s.f, &h);
    store_write_lazily(s.store, add_event, event_1, on_answer, &a);
    pass(500);
    await_answers(&s, &a, 1);
    assert_int_equal(a.last.code, CS_EBUSY);
    assert_non_null(strstr(a.last.text, "is locked by another process"));
    store_file_let_go(&h);
    assert_int_equal(events(), 0);
}

static void closing_commits_them(void **state)
{
    struct store_core own;
    struct answers a = { 0 };

    (void)state;
    store_core_open(&own, 1000);
    store_core_start(&own, 1);
    store_write_lazily(own.store, add_event, event_1, on_answer, &a);
    store_write_lazily(own.store, add_event, event_2, on_answer, &a);
    store_close(own.store);
    own.store = NULL;
    assert_int_equal(store_file_number(&own.f, "SELECT count(*) FROM outbox"), 2);
    await_answers(&own, &a, 2);
    assert_int_equal(a.failed, 0);
    store_core_close(&own);
}

/* ---- kill -9 ---- */

static void write_and_die(struct store_core *own)
{
    struct answers a = { 0 };

    clock_freeze(true);
    store_core_start(own, 1);
    store_write_lazily(own->store, add_event, event_1, on_answer, &a);
    store_write(own->store, add_event, event_2, on_answer, &a);
    while (a.n < 2)
        loop_run_once(own->loop, 10);
    store_write_lazily(own->store, add_event, event_3, on_answer, &a);
    loop_run_once(own->loop, 10);
    kill(getpid(), SIGKILL);
}

static void a_crash_takes_only_what_nothing_that_was_told_came_after(void **state)
{
    struct store_core own;
    int status;
    pid_t pid;

    (void)state;
    store_core_open(&own, 1000);
    pid = fork();
    if (pid == 0)
        write_and_die(&own);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(store_file_number(&own.f, "SELECT count(*) FROM outbox"), 2);
    assert_int_equal(store_file_number(&own.f, "SELECT number FROM outbox WHERE json = '{\"n\":1}'"), 1);
    assert_int_equal(store_file_number(&own.f, "SELECT number FROM outbox WHERE json = '{\"n\":2}'"), 2);
    store_core_close(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_takes_only_what_nothing_that_was_told_came_after), /* first: a fork before any thread */
        cmocka_unit_test_setup_teardown(lazy_writes_share_the_next_commit_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(alone_they_are_committed_after_half_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_waits_its_own_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_does_not_wait_for_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(when_the_server_stops_nothing_is_lazy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_database_fails_them_as_well, set_up, tear_down),
        cmocka_unit_test(closing_commits_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
