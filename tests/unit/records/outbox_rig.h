/*
 * The rig of test_outbox.c: sinks that do as they are told, an outbox over a store of its own, and waiting for what comes.
 * Include after cmocka.h.
 */
#ifndef TESTS_OUTBOX_RIG_H
#define TESTS_OUTBOX_RIG_H

#include "../../fakes/store_core.h"
#include "engine/clock.h"
#include "records/outbox.h"

/* ---- sinks: what they were given, as "1 2 3 |4 " (a bar behind each batch); called in their own threads ---- */

struct instances {
    size_t n;
};

static struct fake_sink {
    struct instance instance;
    pthread_mutex_t lock;
    char got[32768];
    int calls, fail; /* fail: so many calls fail; -1: all */
    atomic_bool held;
    sem_t gate; /* a call waits here while `held` */
    int64_t called_ms[64];
} sinks[2];
static struct instances all;

struct instance *instances_at(struct instances *instances, enum role role, size_t index)
{
    assert_int_equal(role, ROLE_AUDIT);
    return index < instances->n ? &sinks[index].instance : NULL;
}

int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err)
{
    struct fake_sink *sink = instance == &sinks[0].instance ? &sinks[0] : &sinks[1];
    int rc = 0;

    pthread_mutex_lock(&sink->lock);
    if (sink->calls < 64)
        sink->called_ms[sink->calls] = cs_now_ms();
    sink->calls++;
    if (sink->held) {
        pthread_mutex_unlock(&sink->lock);
        sem_wait(&sink->gate);
        pthread_mutex_lock(&sink->lock);
    }
    if (sink->fail) {
        sink->fail -= sink->fail > 0;
        rc = cs_fail(err, CS_EUPSTREAM, "the sink is down");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len = strlen(sink->got);

        snprintf(sink->got + len, sizeof sink->got - len, "%d%s%s%s", (int)events[i].number,
                 strcmp(events[i].kind, "issued") ? events[i].kind : "",
                 strcmp(events[i].json, "{}") ? events[i].json : "", i + 1 < n ? " " : "|");
    }
    pthread_mutex_unlock(&sink->lock);
    return rc;
}

void instance_audit_reopen(struct instance *instance)
{
    (void)instance;
}

static struct store_core s;
static struct outbox *outbox;

static void open_outbox(size_t n_sinks, int64_t most)
{
    struct cs_error err = { 0 };

    all.n = n_sinks;
    outbox = outbox_open(s.loop, s.store, &all, most, &err);
    assert_string_equal(err.text, "");
    assert_non_null(outbox);
}

static int set_up(void **state)
{
    static const char *const names[] = { "siem", "file" }, *const who[] = { "audit.siem", "audit.file" };

    (void)state;
    store_core_open(&s, 1000);
    store_core_start(&s, 2);
    for (size_t i = 0; i < 2; i++) {
        sinks[i] = (struct fake_sink){ .instance.in = { .name = names[i], .role = "audit", .who = who[i], .loop = s.loop } };
        pthread_mutex_init(&sinks[i].lock, NULL);
        sem_init(&sinks[i].gate, 0, 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    outbox_close(outbox);
    outbox = NULL;
    store_core_close(&s);
    return 0;
}

static bool got(struct fake_sink *sink, const char *text)
{
    bool same;

    pthread_mutex_lock(&sink->lock);
    same = strcmp(sink->got, text) == 0;
    pthread_mutex_unlock(&sink->lock);
    return same;
}

static int calls_of(struct fake_sink *sink)
{
    int calls;

    pthread_mutex_lock(&sink->lock);
    calls = sink->calls;
    pthread_mutex_unlock(&sink->lock);
    return calls;
}

static void set_fail(struct fake_sink *sink, int fail)
{
    pthread_mutex_lock(&sink->lock);
    sink->fail = fail;
    pthread_mutex_unlock(&sink->lock);
}

static void await_text(struct fake_sink *sink, const char *text)
{
    for (int i = 0; i < 1000 && !got(sink, text); i++)
        loop_run_once(s.loop, 10);
    assert_string_equal(sink->got, text);
}

static void await_calls(struct fake_sink *sink, int n)
{
    for (int i = 0; i < 1000 && calls_of(sink) < n; i++)
        loop_run_once(s.loop, 10);
    assert_int_equal(calls_of(sink), n);
}

/*
 * The clock goes on in small steps until the sink was called `n` times, or more. Each step leaves the sink's thread some real
 * time, or the clock of a busy machine would run away from it.
 */
static void pass_time_until(struct fake_sink *sink, int n)
{
    for (int i = 0; i < 5000 && calls_of(sink) < n; i++) {
        clock_move(s.loop, 200);
        loop_run_once(s.loop, 1);
        nanosleep(&(struct timespec){ .tv_nsec = 2 * 1000 * 1000 }, NULL);
    }
    assert_true(calls_of(sink) >= n);
}

static void pass_time_until_text(struct fake_sink *sink, const char *text)
{
    for (int i = 0; i < 5000 && !got(sink, text); i++) {
        clock_move(s.loop, 200);
        loop_run_once(s.loop, 1);
    }
    assert_string_equal(sink->got, text);
}

static void turn(int64_t ms)
{
    int64_t until_ms = cs_now_ms() + ms;

    while (cs_now_ms() < until_ms)
        loop_run_once(s.loop, 5);
}

/* Collects what was written to a pipe until `text` is there. */
static void await_line(int fd, char *seen, size_t size, const char *text)
{
    size_t len = 0;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 2000 && !strstr(seen, text); i++) {
        ssize_t n = read(fd, seen + len, size - 1 - len);

        len += n > 0 ? (size_t)n : 0;
        loop_run_once(s.loop, 10);
    }
}

static int64_t count(const char *sql)
{
    return store_file_number(&s.f, sql);
}

/* Until the store says so; upkeep comes by itself a second after the last change. */
static void await_number(const char *sql, int64_t number)
{
    for (int i = 0; i < 500 && count(sql) != number; i++) {
        clock_move(s.loop, 100);
        loop_run_once(s.loop, 10);
    }
    assert_int_equal(count(sql), number);
}

/* ---- events inside a write ---- */

static int add_some(const struct store_conn *c, void *arg, struct cs_error *err)
{
    for (int i = 0; i < *(const int *)arg; i++)
        if (outbox_add(c, "issued", "{}", 2, err) < 0)
            return -1;
    return 0;
}

static int add_and_fail(const struct store_conn *c, void *arg, struct cs_error *err)
{
    assert_int_equal(add_some(c, arg, err), 0);
    return cs_fail(err, CS_ECONFLICT, "on purpose");
}

static void add(int n)
{
    struct answers a = { 0 };

    store_write(s.store, add_some, &n, on_answer, &a);
    await_answers(&s, &a, 1);
    assert_int_equal(a.failed, 0);
    outbox_wake(outbox);
}

#endif
