/* records/store.c: the writer and the readers over a real store-sqlite, and over one that fails on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../../fakes/store_core.h"
#include "engine/clock.h"

static struct store_core s;
static char event[] = "{}", event_1[] = "{\"n\":1}", event_2[] = "{\"n\":2}", event_3[] = "{\"n\":3}";

static int set_up(void **state)
{
    (void)state;
    store_core_open(&s, 200);
    store_core_start(&s, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_core_close(&s);
    return 0;
}

/* ---- pieces of work; the argument is the JSON of an event ---- */

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

/* As a full disk does: the transaction is gone before the piece has failed. */
static int lose_the_transaction(const struct store_conn *c, void *arg, struct cs_error *err)
{
    assert_int_equal(add_event(c, arg, err), 0);
    c->ops->rollback(c->conn);
    return cs_fail(err, CS_EBUSY, "the disk is full");
}

static int64_t events(void)
{
    return store_file_number(&s.f, "SELECT count(*) FROM outbox");
}

/* ---- */

static void a_write_is_told_after_its_commit(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write(s.store, add_event, event, on_answer, &a);
    assert_int_equal(a.n, 0);
    await_answers(&s, &a, 1);
    assert_int_equal(a.failed, 0);
    assert_int_equal(events(), 1);
    assert_int_equal(store_commits(s.store), 1);
    assert_null(store_trouble(s.store));
}

static void what_piled_up_during_a_commit_is_one_commit(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    for (int i = 0; i < 100; i++)
        store_write(s.store, add_event, event, on_answer, &a);
    loop_run_once(s.loop, 20);
    assert_int_equal(a.n, 0);
    unplug_writer(&plug);
    await_answers(&s, &a, 100);
    assert_int_equal(a.failed, 0);
    assert_int_equal(events(), 100);
    assert_int_equal(store_commits(s.store), 2);
}

static void a_piece_that_fails_is_undone_and_the_others_stand(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    store_write(s.store, add_event, event_1, on_answer, &a);
    store_write(s.store, add_event_and_fail, event_2, on_answer, &a);
    store_write(s.store, add_event, event_3, on_answer, &a);
    unplug_writer(&plug);
    await_answers(&s, &a, 3);
    assert_string_equal(a.order, ".x.");
    assert_int_equal(a.last.code, CS_EDENIED);
    assert_string_equal(a.last.text, "on purpose: x");
    assert_int_equal(events(), 2);
    assert_int_equal(store_file_number(&s.f, "SELECT count(*) FROM outbox WHERE json = '{\"n\":2}'"), 0);
    assert_int_equal(store_file_number(&s.f, "SELECT number FROM outbox WHERE json = '{\"n\":3}'"), 2);
    assert_null(store_trouble(s.store));
}

static void so_is_one_that_fails_before_any_other(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    store_write(s.store, add_event_and_fail, event_1, on_answer, &a);
    store_write(s.store, add_event_and_fail, event_2, on_answer, &a);
    store_write(s.store, add_event, event_3, on_answer, &a);
    store_write(s.store, add_event_and_fail, event_2, on_answer, &a);
    unplug_writer(&plug);
    await_answers(&s, &a, 4);
    assert_string_equal(a.order, "xx.x");
    assert_int_equal(events(), 1);
    assert_int_equal(store_file_number(&s.f, "SELECT number FROM outbox WHERE json = '{\"n\":3}'"), 1);
    assert_null(store_trouble(s.store));
}

static void without_anything_to_keep_there_is_no_commit(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_write(s.store, add_event_and_fail, event, on_answer, &a);
    await_answers(&s, &a, 1);
    assert_int_equal(a.failed, 1);
    assert_int_equal(store_commits(s.store), 0);
    assert_int_equal(events(), 0);
}

static void pieces_run_and_are_told_in_order(void **state)
{
    static char json[500][16];
    struct answers a = { 0 };

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(json[i], sizeof json[i], "{\"n\":%d}", i + 1);
        store_write(s.store, add_event, json[i], on_answer, &a);
    }
    await_answers(&s, &a, 500);
    assert_int_equal(events(), 500);
    assert_int_equal(store_file_number(&s.f, "SELECT count(*) FROM outbox WHERE json ->> 'n' = number"), 500);
}

static void a_lost_transaction_fails_every_piece_with_the_reason(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    store_write(s.store, add_event, event, on_answer, &a);
    store_write(s.store, add_event_and_fail, event, on_answer, &a);
    store_write(s.store, lose_the_transaction, event, on_answer, &a);
    store_write(s.store, add_event, event, on_answer, &a);
    unplug_writer(&plug);
    await_answers(&s, &a, 4);
    assert_string_equal(a.order, "lxll");
    assert_string_equal(a.last.text, "the disk is full");
    assert_int_equal(a.last.code, CS_EBUSY);
    assert_int_equal(events(), 0);
    assert_string_equal(store_trouble(s.store), "the disk is full");
    store_write(s.store, add_event, event, on_answer, &a);
    await_answers(&s, &a, 5);
    assert_int_equal(a.order[4], '.');
    assert_null(store_trouble(s.store));
    assert_int_equal(events(), 1);
    store_write(s.store, lose_the_transaction, event, on_answer, &a); /* the first and only piece */
    await_answers(&s, &a, 6);
    assert_string_equal(store_trouble(s.store), "the disk is full");
}

static void the_lock_of_another_process_is_named_and_heals_by_itself(void **state)
{
    struct answers a = { 0 };
    struct store_holder h;
    int64_t began_ms;

    (void)state;
    store_file_hold(&s.f, &h);
    for (int i = 0; i < 3; i++)
        store_write(s.store, add_event, event, on_answer, &a);
    await_answers(&s, &a, 3);
    assert_int_equal(a.failed, 3);
    assert_int_equal(a.last.code, CS_EBUSY);
    assert_non_null(strstr(a.last.text, "is locked by another process for more than 0.2 s"));
    assert_non_null(strstr(store_trouble(s.store), "is locked by another process"));
    store_file_let_go(&h);
    began_ms = cs_now_ms();
    while (store_trouble(s.store) && cs_now_ms() - began_ms < 10000)
        loop_run_once(s.loop, 50);
    assert_null(store_trouble(s.store));
    assert_int_equal(events(), 0);
}

static void a_piece_does_not_wait_for_ever(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    store_write(s.store, add_event, event, on_answer, &a);
    store_write(s.store, add_event, event, on_answer, &a);
    clock_move(s.loop, 11000);
    store_write(s.store, add_event, event, on_answer, &a);
    unplug_writer(&plug);
    await_answers(&s, &a, 3);
    assert_string_equal(a.order, "??.");
    assert_int_equal(a.last.code, CS_EBUSY);
    assert_string_equal(a.last.text,
                        "the database was busy for more than 10 s: is its disk slow, or held by another process?");
    assert_int_equal(events(), 1);
}

static void the_queue_is_bounded(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    plug_writer(&s, &plug);
    for (int i = 0; i < 10000; i++)
        store_write(s.store, add_event_and_fail, event, NULL, NULL);
    store_write(s.store, add_event, event, on_answer, &a);
    assert_int_equal(a.n, 0);
    await_answers(&s, &a, 1);
    assert_int_equal(a.last.code, CS_EBUSY);
    assert_true(a.last.retry_after_ms > 0);
    assert_string_equal(a.last.text, "10000 pieces of work wait for the database already: it cannot keep up");
    unplug_writer(&plug);
    await_answers(&s, &plug.answer, 1);
}

static void closing_runs_what_is_queued(void **state)
{
    struct store_core own;
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    store_core_open(&own, 1000);
    store_core_start(&own, 1);
    plug_writer(&own, &plug);
    for (int i = 0; i < 50; i++)
        store_write(own.store, add_event, event, on_answer, &a);
    unplug_writer(&plug);
    store_close(own.store);
    own.store = NULL;
    assert_int_equal(a.n, 0);
    assert_int_equal(store_file_number(&own.f, "SELECT count(*) FROM outbox"), 50);
    await_answers(&own, &a, 50);
    assert_int_equal(a.failed, 0);
    store_core_close(&own);
}

/* ---- readers ---- */

struct reading {
    pthread_barrier_t both;
    int64_t last;
};

static int read_last(const struct store_conn *c, void *arg, struct cs_error *err)
{
    int64_t first;

    return c->ops->outbox_range(c->conn, &first, &((struct reading *)arg)->last, err);
}

static int meet(const struct store_conn *c, void *arg, struct cs_error *err)
{
    int64_t first, last;

    pthread_barrier_wait(&((struct reading *)arg)->both);
    return c->ops->outbox_range(c->conn, &first, &last, err);
}

static int fail_to_read(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)c, (void)arg;
    return cs_fail(err, CS_ENOTFOUND, "nothing here");
}

static int write_in_a_read(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return add_event(c, arg, err);
}

static void a_read_sees_the_write_that_was_told(void **state)
{
    struct answers a = { 0 };
    struct reading r = { 0 };

    (void)state;
    store_write(s.store, add_event, event, on_answer, &a);
    await_answers(&s, &a, 1);
    store_read(s.store, read_last, &r, on_answer, &a);
    await_answers(&s, &a, 2);
    assert_int_equal(a.failed, 0);
    assert_int_equal(r.last, 1);
}

static void two_reads_run_at_the_same_time_and_beside_a_write(void **state)
{
    struct answers a = { 0 };
    struct reading r = { 0 };
    struct plug plug;

    (void)state;
    pthread_barrier_init(&r.both, NULL, 2);
    plug_writer(&s, &plug);
    store_read(s.store, meet, &r, on_answer, &a);
    store_read(s.store, meet, &r, on_answer, &a);
    await_answers(&s, &a, 2);
    assert_int_equal(a.failed, 0);
    unplug_writer(&plug);
    await_answers(&s, &plug.answer, 1);
    pthread_barrier_destroy(&r.both);
}

static void a_read_fails_with_its_own_words_and_cannot_write(void **state)
{
    struct answers a = { 0 };

    (void)state;
    store_read(s.store, fail_to_read, NULL, on_answer, &a);
    await_answers(&s, &a, 1);
    assert_int_equal(a.last.code, CS_ENOTFOUND);
    assert_string_equal(a.last.text, "nothing here");
    store_read(s.store, write_in_a_read, event, on_answer, &a);
    await_answers(&s, &a, 2);
    assert_int_equal(a.failed, 2);
    assert_int_equal(events(), 0);
    assert_null(store_trouble(s.store));
}

/* ---- a store that fails on demand ---- */

static int commits_to_fail;

static int failing_commit(void *conn, struct cs_error *err)
{
    if (commits_to_fail > 0) {
        commits_to_fail--;
        return cs_fail(err, CS_ECONFIG, "commit: the disk is broken");
    }
    return s.f.ops->commit(conn, err);
}

static void a_commit_that_fails_fails_every_piece(void **state)
{
    struct answers a = { 0 };
    struct plug plug;

    (void)state;
    store_core_open(&s, 200);
    s.instance.plugin.store.commit = failing_commit;
    store_core_start(&s, 1);
    plug_writer(&s, &plug);
    store_write(s.store, add_event, event, on_answer, &a);
    store_write(s.store, add_event_and_fail, event, on_answer, &a);
    unplug_writer(&plug);
    await_answers(&s, &a, 2);
    commits_to_fail = 1;
    plug_writer(&s, &plug);
    unplug_writer(&plug);
    await_answers(&s, &plug.answer, 1);
    assert_int_equal(plug.answer.failed, 1);
    assert_string_equal(plug.answer.last.text, "commit: the disk is broken");
    assert_string_equal(store_trouble(s.store), "commit: the disk is broken");
    assert_int_equal(events(), 1);
    store_write(s.store, add_event, event, on_answer, &a);
    await_answers(&s, &a, 3);
    assert_int_equal(events(), 2);
    store_core_close(&s);
}

/* begin is counted, so that a test sees who runs in a transaction. */
static _Atomic int begun;

static int counted_begin(void *conn, struct cs_error *err)
{
    begun++;
    return s.f.ops->begin(conn, err);
}

static int note_begun(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)err;
    assert_non_null(c->conn);
    *(int *)arg = begun;
    return 0;
}

static void what_runs_alone_has_no_transaction_but_its_turn(void **state)
{
    struct answers a = { 0 };
    struct plug plug;
    int at_write = 0, at_read = -1;

    (void)state;
    store_core_open(&s, 200);
    s.instance.plugin.store.begin = counted_begin;
    store_core_start(&s, 1);
    plug_writer(&s, &plug);
    store_write(s.store, add_event, event, on_answer, &a);
    store_write(s.store, add_event, event, on_answer, &a);
    store_write_alone(s.store, note_begun, &at_write, on_answer, &a);
    store_write(s.store, add_event_and_fail, event, on_answer, &a);
    store_write(s.store, add_event, event, on_answer, &a);
    begun = 0;
    unplug_writer(&plug);
    await_answers(&s, &a, 5);
    assert_int_equal(a.failed, 1);
    assert_int_equal(events(), 3);
    assert_int_equal(at_write, 1);
    assert_int_equal(begun, 3); /* the one that fails is first in its transaction, which begins anew */
    store_read_alone(s.store, note_begun, &at_read, on_answer, &a);
    await_answers(&s, &a, 6);
    assert_int_equal(at_read, 3);
    store_core_close(&s);
}

static void a_store_that_was_not_migrated_is_not_opened(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    store_core_open(&s, 200);
    store_file_sql(&s.f, "DROP TABLE outbox");
    assert_null(store_open(s.loop, &s.instance, CS_STATE_WRITER, CS_STATE_READER, 1, &err));
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "no such table"));
    store_core_close(&s);
}

/* ---- commands ---- */

static void a_command_writes_all_or_nothing(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(store_migrate(&s.instance, false, &err), 0);
    assert_int_equal(store_with(&s.instance, CS_STATE_WRITER, add_event_and_fail, event, &err), -1);
    assert_int_equal(err.code, CS_EDENIED);
    assert_int_equal(events(), 0);
    assert_int_equal(store_with(&s.instance, CS_STATE_WRITER, add_event, event, &err), 0);
    assert_int_equal(events(), 1);
    assert_int_equal(store_with(&s.instance, CS_VISITS_READER, add_event, event, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_is_told_after_its_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_piled_up_during_a_commit_is_one_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_piece_that_fails_is_undone_and_the_others_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_is_one_that_fails_before_any_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_anything_to_keep_there_is_no_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_run_and_are_told_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_transaction_fails_every_piece_with_the_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_lock_of_another_process_is_named_and_heals_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_piece_does_not_wait_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, set_up, tear_down),
        cmocka_unit_test(closing_runs_what_is_queued),
        cmocka_unit_test_setup_teardown(a_read_sees_the_write_that_was_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_reads_run_at_the_same_time_and_beside_a_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_fails_with_its_own_words_and_cannot_write, set_up, tear_down),
        cmocka_unit_test(a_commit_that_fails_fails_every_piece),
        cmocka_unit_test(what_runs_alone_has_no_transaction_but_its_turn),
        cmocka_unit_test(a_store_that_was_not_migrated_is_not_opened),
        cmocka_unit_test_setup_teardown(a_command_writes_all_or_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
