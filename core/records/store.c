/*
 * The threads over the store plugin: one that writes, a few that read. See store.h; the transactions themselves are in
 * batch.c. Made by command/serve.c; commands use store_with() instead.
 */
#include "records/store.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "records/health.h"
#include "records/queue.h"
#include "records/stock.h"

/* A write that failed as a whole is tried again this often with a harmless row, and a disk without room is looked at, so that
 * the server heals without a client; a disk that is well is looked at more rarely. */
enum { PROBE_MS = 1000, LOOK_MS = 10000 };
/* No piece waits longer for its turn, whatever the disk does. */
enum { WAIT_MOST_MS = 10000 };
enum { MOST_READERS = 64 };
/* A write that nobody waits for waits this long for company. */
enum { LAZY_MS = 500 };

struct reader {
    struct store *store;
    struct store_conn c;
    pthread_t thread;
    bool started;
};

struct store {
    struct loop *loop;
    struct instance *instance;
    enum cs_store_use use; /* the writer's */
    struct queue writes, reads;
    struct store_conn writer;
    pthread_t writer_thread;
    bool writer_started;
    struct timer lazy; /* the oldest lazy write has waited long enough */
    bool hurried;      /* nothing is lazy any more */
    atomic_int_fast64_t commits;
    struct histogram commit_times;
    atomic_bool audited;
    struct health health;
    struct stock stock;
    size_t n_readers;
    struct reader readers[];
};

static bool is_state(const struct store *store)
{
    return store->use == CS_STATE_WRITER;
}

/* ---- how it went, told on the loop ------------------------------------------------------------------------------- */

static void on_told(struct mail *mail)
{
    struct piece *piece = (struct piece *)mail;

    if (piece->done)
        piece->done(piece->done_arg, piece->failed ? &piece->err : NULL);
    free(piece);
}

static void tell(struct loop *loop, struct piece *first)
{
    for (struct piece *piece = first, *next; piece; piece = next) {
        next = piece->next;
        piece->mail.fn = on_told;
        loop_post(loop, &piece->mail);
    }
}

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

static void note_end(struct store *store, enum batch_end end, const struct cs_error *err)
{
    if (end == BATCH_EMPTY)
        return;
    if (end == BATCH_COMMITTED)
        atomic_fetch_add(&store->commits, 1);
    health_note(&store->health, HEALTH_WRITING, end == BATCH_LOST ? err : NULL);
}

static bool has_room_to_tell(const struct store *store)
{
    return is_state(store) && store->writer.ops->room;
}

/* Each new order asks for itself; this is for the log, /readyz and /metrics. */
static void look_for_room(struct store *store)
{
    struct cs_error err = { 0 };

    if (has_room_to_tell(store))
        health_note(&store->health, HEALTH_ROOM, store->writer.ops->room(store->writer.conn, &err) < 0 ? &err : NULL);
}

const char *store_trouble(const struct store *store)
{
    return health_text(&((struct store *)store)->health);
}

void store_want_events(struct store *store, bool wanted)
{
    atomic_store(&store->audited, wanted);
}

int64_t store_commits(const struct store *store)
{
    return atomic_load(&store->commits);
}

static void measure_queue(const struct queue *q, struct metrics *metrics, const char *records, const char *kind)
{
    char labels[64];

    snprintf(labels, sizeof labels, "records=\"%s\",kind=\"%s\"", records, kind);
    metrics_gauge(metrics, "countersign_store_waiting", "Pieces of work that wait for a thread of the store.", labels,
                  (int64_t)queue_len((struct queue *)q));
}

void store_measure(const struct store *store, struct metrics *metrics, const char *records)
{
    char labels[64];

    snprintf(labels, sizeof labels, "records=\"%s\"", records);
    metrics_total(metrics, "countersign_store_commits_total", "Commits of the store since the start.", labels,
                  store_commits(store));
    metrics_histogram(metrics, "countersign_store_commit_seconds", "How long transactions took that were committed.", labels,
                      &store->commit_times);
    health_measure(&((struct store *)store)->health, metrics, labels);
    measure_queue(&store->writes, metrics, records, "write");
    measure_queue(&store->reads, metrics, records, "read");
}

/* ---- the threads ------------------------------------------------------------------------------------------------- */

/* Those that waited too long fail at once; the rest of the list is returned. They go to the loop in order all the same. */
static struct piece *drop_stale(struct store *store, struct piece *first)
{
    int64_t now_ms = cs_now_ms();
    struct piece *next;

    while (first && now_ms - first->since_ms > WAIT_MOST_MS) {
        next = first->next;
        first->next = NULL;
        first->failed = true;
        cs_fail(&first->err, CS_EBUSY,
                "the database was busy for more than %d s: is its disk slow, or held by another process?", WAIT_MOST_MS / 1000);
        tell(store->loop, first);
        first = next;
    }
    return first;
}

static int probe(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)arg;
    return c->ops->keep_put(c->conn, "core", "store", "probe", "", 0, err);
}

/* Cuts the list behind the pieces that share a transaction, or behind the first one if it wants none; returns the rest. */
static struct piece *cut(struct piece *first)
{
    struct piece *last = first, *rest;

    while (!first->alone && last->next && !last->next->alone)
        last = last->next;
    rest = last->next;
    last->next = NULL;
    return rest;
}

static void write_together(struct store *store, struct piece *first)
{
    const int64_t began_us = histogram_now_us();
    struct cs_error err = { 0 };
    enum batch_end end;

    store->writer.audited = atomic_load(&store->audited);
    end = batch_write(&store->writer, first, &err);
    if (end == BATCH_COMMITTED)
        histogram_add(&store->commit_times, histogram_now_us() - began_us);
    note_end(store, end, &err);
}

static void write_batch(struct store *store, struct piece *first)
{
    struct piece *rest;

    for (first = drop_stale(store, first); first; first = rest) {
        rest = cut(first);
        if (first->alone)
            batch_alone(&store->writer, first);
        else
            write_together(store, first);
        tell(store->loop, first);
    }
}

static void write_probe(struct store *store)
{
    struct piece piece = { .fn = probe };
    struct cs_error err = { 0 };
    enum batch_end end;

    if (!health_is_bad(&store->health, HEALTH_WRITING))
        return;
    end = batch_write(&store->writer, &piece, &err);
    note_end(store, end == BATCH_EMPTY ? BATCH_LOST : end, end == BATCH_EMPTY ? &piece.err : &err);
}

static int64_t patience_ms(struct store *store)
{
    if (!is_state(store))
        return -1; /* visits are tried again by whoever has them */
    if (health_is_bad(&store->health, HEALTH_WRITING) || health_is_bad(&store->health, HEALTH_ROOM))
        return PROBE_MS;
    return has_room_to_tell(store) ? LOOK_MS : -1;
}

static void *write_all(void *arg)
{
    struct store *store = arg;
    struct piece *first;

    look_for_room(store);
    pthread_setname_np(pthread_self(), is_state(store) ? "store writer" : "visits writer");
    for (;;) {
        switch (queue_take(&store->writes, false, patience_ms(store), &first)) {
        case QUEUE_PIECES:
            write_batch(store, first);
            look_for_room(store);
            break;
        case QUEUE_TIMED_OUT:
            write_probe(store);
            look_for_room(store);
            break;
        case QUEUE_CLOSED:
            return NULL;
        }
    }
}

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    struct store *store = reader->store;
    struct piece *piece;

    pthread_setname_np(pthread_self(), is_state(store) ? "store reader" : "visits reader");
    while (queue_take(&store->reads, true, -1, &piece) == QUEUE_PIECES) {
        piece = drop_stale(store, piece);
        if (!piece)
            continue;
        if (piece->alone)
            batch_alone(&reader->c, piece);
        else
            batch_read(&reader->c, piece);
        tell(store->loop, piece);
    }
    return NULL;
}

/* ---- queueing ---------------------------------------------------------------------------------------------------- */

/* What does not fit is told in the same way: later, on the loop. Only without any memory is it told at once. */
static void queue_piece(struct store *store, struct queue *q, const struct piece *about)
{
    struct piece *piece = stock_take(&store->stock);
    struct cs_error err = { 0 };

    if (!piece) {
        cs_fail(&err, CS_EBUSY, "there is no memory for a record");
        if (about->done)
            about->done(about->done_arg, &err);
        return;
    }
    *piece = *about;
    piece->since_ms = cs_now_ms() + (piece->lazy ? LAZY_MS : 0);
    if (queue_add(q, piece, &piece->err) < 0) {
        piece->failed = true;
        tell(store->loop, piece);
    }
}

void store_write(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    queue_piece(store, &store->writes, &(struct piece){ .fn = fn, .arg = arg, .done = done, .done_arg = done_arg });
}

/* The timer is left alone when the writer takes a piece earlier: it looks whose turn it is. */
static void on_lazy_due(void *arg)
{
    struct store *store = arg;
    int64_t since_ms = queue_since_ms(&store->writes);

    if (since_ms >= 0 && cs_now_ms() >= since_ms)
        queue_hurry(&store->writes);
    else if (since_ms >= 0)
        timer_set_at(store->loop, &store->lazy, since_ms, on_lazy_due, store);
}

void store_write_lazily(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    assert(on_loop_thread());
    queue_piece(store, &store->writes,
                &(struct piece){ .fn = fn, .arg = arg, .done = done, .done_arg = done_arg, .lazy = !store->hurried });
    if (!store->hurried && !timer_is_set(&store->lazy))
        timer_set_in(store->loop, &store->lazy, LAZY_MS, on_lazy_due, store);
}

void store_hurry(struct store *store)
{
    assert(on_loop_thread());
    store->hurried = true;
    timer_clear(&store->lazy);
    queue_hurry(&store->writes);
}

void store_read(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    queue_piece(store, &store->reads, &(struct piece){ .fn = fn, .arg = arg, .done = done, .done_arg = done_arg });
}

void store_write_alone(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    queue_piece(store, &store->writes,
                &(struct piece){ .fn = fn, .arg = arg, .done = done, .done_arg = done_arg, .alone = true });
}

void store_read_alone(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg)
{
    queue_piece(store, &store->reads,
                &(struct piece){ .fn = fn, .arg = arg, .done = done, .done_arg = done_arg, .alone = true });
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static int connect_one(struct instance *instance, enum cs_store_use use, struct store_conn *c, struct cs_error *err)
{
    c->ops = &instance->plugin.store;
    return c->ops->connect(instance->self, use, &c->conn, err);
}

static int connect_all(struct store *store, enum cs_store_use reader, struct cs_error *err)
{
    if (connect_one(store->instance, store->use, &store->writer, err) < 0)
        return -1;
    for (size_t i = 0; i < store->n_readers; i++) {
        store->readers[i].store = store;
        if (connect_one(store->instance, reader, &store->readers[i].c, err) < 0)
            return -1;
    }
    return 0;
}

/* Signals are the loop thread's business. */
static int start_thread(pthread_t *thread, bool *started, void *(*fn)(void *), void *arg, struct cs_error *err)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    *started = rc == 0;
    return rc ? cs_fail(err, CS_EBUSY, "cannot start a thread for the store: %s", strerrordesc_np(rc)) : 0;
}

static int start_threads(struct store *store, struct cs_error *err)
{
    if (start_thread(&store->writer_thread, &store->writer_started, write_all, store, err) < 0)
        return -1;
    for (size_t i = 0; i < store->n_readers; i++)
        if (start_thread(&store->readers[i].thread, &store->readers[i].started, read_all, &store->readers[i], err) < 0)
            return -1;
    return 0;
}

struct store *store_open(struct loop *loop, struct instance *instance, enum cs_store_use writer, enum cs_store_use reader,
                         size_t readers, struct cs_error *err)
{
    struct store *store;

    assert(readers >= 1 && readers <= MOST_READERS);
    store = calloc(1, sizeof *store + readers * sizeof store->readers[0]);
    if (!store || queue_open(&store->writes, err) < 0 || queue_open(&store->reads, err) < 0) {
        free(store);
        cs_fail(err, CS_EBUSY, "no memory for the store");
        return NULL;
    }
    store->loop = loop;
    store->instance = instance;
    store->use = writer;
    store->n_readers = readers;
    store->commit_times.scale = &histogram_disk;
    health_open(&store->health, is_state(store) ? "records" : "visits");
    stock_open(&store->stock);
    if (connect_all(store, reader, err) < 0 || start_threads(store, err) < 0) {
        store_close(store);
        return NULL;
    }
    return store;
}

static void disconnect(struct store *store, struct store_conn *c)
{
    if (c->conn)
        c->ops->disconnect(store->instance->self, c->conn);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    timer_clear(&store->lazy);
    queue_close(&store->writes);
    queue_close(&store->reads);
    if (store->writer_started)
        pthread_join(store->writer_thread, NULL);
    for (size_t i = 0; i < store->n_readers; i++) {
        if (store->readers[i].started)
            pthread_join(store->readers[i].thread, NULL);
        disconnect(store, &store->readers[i].c);
    }
    disconnect(store, &store->writer);
    queue_free(&store->writes);
    queue_free(&store->reads);
    health_close(&store->health);
    stock_close(&store->stock);
    free(store);
}

/* ---- without threads --------------------------------------------------------------------------------------------- */

int store_migrate(struct instance *instance, bool may_change, struct cs_error *err)
{
    return instance->plugin.store.migrate(instance->self, may_change, err);
}

static int in_transaction(const struct store_conn *c, store_fn *fn, void *arg, struct cs_error *err)
{
    if (c->ops->begin(c->conn, err) < 0)
        return -1;
    if (fn(c, arg, err) == 0 && c->ops->commit(c->conn, err) == 0)
        return 0;
    c->ops->rollback(c->conn);
    return -1;
}

int store_with(struct instance *instance, enum cs_store_use use, store_fn *fn, void *arg, struct cs_error *err)
{
    struct store_conn c = { 0 };
    int rc;

    if (connect_one(instance, use, &c, err) < 0)
        return -1;
    rc = in_transaction(&c, fn, arg, err);
    c.ops->disconnect(instance->self, c.conn);
    return rc;
}

int store_with_alone(struct instance *instance, enum cs_store_use use, store_fn *fn, void *arg, struct cs_error *err)
{
    struct store_conn c = { 0 };
    int rc;

    if (connect_one(instance, use, &c, err) < 0)
        return -1;
    rc = fn(&c, arg, err);
    c.ops->disconnect(instance->self, c.conn);
    return rc;
}
