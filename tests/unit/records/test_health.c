/* records/health.c: what is wrong with a store, said once in the log, and over as soon as the store is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "../../fakes/store_core.h"
#include "../engine/stderr_text.h"
#include "engine/clock.h"

static struct store_core s;
static char event[] = "{}";

static int add_event(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct cs_event e = { .size = sizeof e, .kind = "issued", .json = arg, .json_len = strlen(arg) };

    return c->ops->outbox_put(c->conn, &e, err);
}

static atomic_bool no_room;
static atomic_int asked;

static int room(void *conn, struct cs_error *err)
{
    (void)conn;
    atomic_fetch_add(&asked, 1);
    return no_room ? cs_fail_as(err, CS_EBUSY, "storage-unavailable", "the disk is full: make room there") : 0;
}

static void await_room(bool wanted)
{
    const int64_t began_ms = cs_now_ms();

    while ((store_trouble(s.store) == NULL) != wanted && cs_now_ms() - began_ms < 10000)
        loop_run_once(s.loop, 20);
    assert_true(cs_now_ms() - began_ms < 5000);
}

static void room_that_is_missing_is_said_once_and_heals_without_a_client(void **state)
{
    struct answers a = { 0 };
    struct stderr_text seen;
    const char *log;

    (void)state;
    store_core_open(&s, 200);
    s.instance.plugin.store.room = room;
    no_room = false;
    stderr_watch(&seen);
    store_core_start(&s, 2);
    no_room = true;
    for (int i = 0; i < 20; i++) {
        store_write(s.store, add_event, event, on_answer, &a);
        await_answers(&s, &a, i + 1);
    }
    await_room(false);
    assert_string_equal(store_trouble(s.store), "the disk is full: make room there");
    asked = 0;
    no_room = false;
    await_room(true);
    log = stderr_seen(&seen);
    assert_in_range(asked, 1, 5); /* no hot loop */
    assert_int_equal(a.failed, 0); /* what is under way is written all the same */
    assert_non_null(strstr(log, "new orders are refused: the disk is full: make room there"));
    assert_null(strstr(strstr(log, "new orders are refused") + 1, "new orders are refused"));
    assert_non_null(strstr(log, "new orders are taken again"));
    store_core_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_that_is_missing_is_said_once_and_heals_without_a_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
