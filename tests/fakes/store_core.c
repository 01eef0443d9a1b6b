/* What the tests of records/ start from; see store_core.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "store_core.h"

void store_core_open(struct store_core *s, int64_t busy_timeout_ms)
{
    *s = (struct store_core){ 0 };
    s->loop = loop_new(NULL);
    assert_non_null(s->loop);
    s->instance.in = (struct cs_instance){ .name = "main", .role = "store", .who = "store.main", .loop = s->loop };
    s->f.in = &s->instance.in;
    store_file_open(&s->f, busy_timeout_ms);
    store_file_migrate(&s->f);
    s->instance.plugin.store = *s->f.ops;
    s->instance.self = s->f.self;
}

void store_core_start(struct store_core *s, size_t readers)
{
    struct cs_error err = { 0 };

    s->store = store_open(s->loop, &s->instance, CS_STATE_WRITER, CS_STATE_READER, readers, &err);
    assert_string_equal(err.text, "");
    assert_non_null(s->store);
}

void store_core_close(struct store_core *s)
{
    store_close(s->store);
    loop_run_once(s->loop, 0);
    store_file_close(&s->f);
    loop_free(s->loop);
}

void on_answer(void *arg, const struct cs_error *err)
{
    struct answers *a = arg;

    assert_true(on_loop_thread());
    if ((size_t)a->n < sizeof a->order - 1)
        a->order[a->n] = err ? err->text[strlen(err->text) - 1] : '.';
    a->n++;
    if (err) {
        a->failed++;
        a->last = *err;
    }
}

void await_answers(struct store_core *s, const struct answers *a, int n)
{
    int64_t began_ms = cs_now_ms();

    while (a->n < n && cs_now_ms() - began_ms < 20000)
        loop_run_once(s->loop, 50);
    assert_int_equal(a->n, n);
}

static int wait_for_go(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct plug *p = arg;

    sem_post(&p->running);
    while (sem_wait(&p->go) < 0)
        continue;
    return c->ops->keep_put(c->conn, "test", "plug", "plug", "", 0, err);
}

void plug_writer(struct store_core *s, struct plug *p)
{
    *p = (struct plug){ 0 };
    sem_init(&p->running, 0, 0);
    sem_init(&p->go, 0, 0);
    store_write(s->store, wait_for_go, p, on_answer, &p->answer);
    while (sem_wait(&p->running) < 0)
        continue;
}

void unplug_writer(struct plug *p)
{
    sem_post(&p->go);
}
