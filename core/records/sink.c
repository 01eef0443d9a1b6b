/*
 * One audit sink, see sink.h. Wait a little for more events, read, append; what happens in other threads touches the batch
 * only, which belongs to one of them at a time.
 */
#include "records/sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "engine/workers.h"
#include "records/sink_reopen.h"

enum { BATCH_MOST = 500, BATCH_BYTES = 1024 * 1024, PAUSE_FIRST_MS = 1000, PAUSE_MOST_MS = 60000 };
/* New events wait this long for others: a read, a thread's turn and an fsync for all of them. They are on the disk already. */
enum { GATHER_MS = 200 };

enum sink_state { SINK_IDLE = 1, SINK_READING, SINK_APPENDING, SINK_WAITING };

struct sink_batch {
    struct mail mail;
    struct instance *instance; /* that has it */
    struct cs_event events[BATCH_MOST];
    size_t n, bytes;
    int64_t after; /* -1: look the cursor up first */
    bool failed;
    struct cs_error err;
};

struct sink {
    struct loop *loop;
    struct store *store;
    struct instance *instance;
    const char *name; /* its name, for ever: for the store's threads, too */
    struct workers *workers;
    void (*on_moved)(void *arg);
    void *arg;
    enum sink_state state;
    bool again; /* woken while it was reading or appending: read once more */
    bool failing, last_chance, stopped;
    int64_t cursor, pause_ms;
    struct timer timer;
    struct sink_batch batch;
};

static void start_reading(struct sink *sink);
static void rest(struct sink *sink);

/* ---- the batch --------------------------------------------------------------------------------------------------- */

static void clear_batch(struct sink_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        free((char *)batch->events[i].kind);
        free((char *)batch->events[i].json);
    }
    batch->n = 0;
    batch->bytes = 0;
    batch->failed = false;
}

/* Then there may be more. */
static bool is_full(const struct sink_batch *batch)
{
    return batch->n == BATCH_MOST || batch->bytes >= BATCH_BYTES;
}

static int take_event(void *arg, const struct cs_event *row)
{
    struct sink_batch *batch = arg;
    struct cs_event *event = &batch->events[batch->n];

    *event = *row;
    event->kind = text_copy(row->kind);
    event->json = text_copy_n(row->json, row->json_len);
    batch->n++;
    batch->bytes += row->json_len;
    batch->failed = !event->kind || !event->json;
    event->json_len = batch->failed ? 0 : strlen(event->json);
    return batch->failed || is_full(batch);
}

/* In a reader's thread. */
static int read_batch(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct sink *sink = arg;
    struct sink_batch *batch = &sink->batch;

    if (batch->after < 0 && c->ops->cursor_get(c->conn, sink->name, &batch->after, err) < 0)
        return -1;
    if (c->ops->outbox_read(c->conn, batch->after, BATCH_MOST, take_event, batch, err) < 0)
        return -1;
    return batch->failed ? cs_fail(err, CS_EBUSY, "no memory for audit events") : 0;
}

/* ---- trying again ------------------------------------------------------------------------------------------------ */

static void on_pause_over(void *arg)
{
    start_reading(arg);
}

static void try_later(struct sink *sink)
{
    sink->state = SINK_WAITING;
    sink->pause_ms = sink->pause_ms ? sink->pause_ms * 2 : PAUSE_FIRST_MS;
    if (sink->pause_ms > PAUSE_MOST_MS)
        sink->pause_ms = PAUSE_MOST_MS;
    if (!sink->last_chance && !sink->stopped)
        timer_set_in(sink->loop, &sink->timer, sink->pause_ms, on_pause_over, sink);
}

/* One line when it begins to fail and one when it works again, not one for each try. */
static void note_failure(struct sink *sink, const struct cs_error *err)
{
    if (!sink->failing)
        log_line(CS_LOG_WARN, sink->instance->in.who, "", "audit events cannot be delivered and are kept: %s", err->text);
    sink->failing = true;
}

static void note_success(struct sink *sink)
{
    if (sink->failing)
        log_line(CS_LOG_INFO, sink->instance->in.who, "", "audit events are delivered again up_to=%" PRId64, sink->cursor);
    sink->failing = false;
    sink->pause_ms = 0;
}

/* ---- append ------------------------------------------------------------------------------------------------------ */

static void on_appended(struct mail *mail)
{
    struct sink_batch *batch = (struct sink_batch *)mail;
    struct sink *sink = (struct sink *)((char *)batch - offsetof(struct sink, batch));

    batch->instance->appends--;
    if (batch->failed) {
        note_failure(sink, &batch->err);
        try_later(sink);
        return;
    }
    sink->cursor = batch->events[batch->n - 1].number;
    note_success(sink);
    sink->on_moved(sink->arg);
    if (is_full(&sink->batch))
        start_reading(sink);
    else
        rest(sink);
}

/* In the sink's own thread. */
static void append_batch(void *arg)
{
    struct sink *sink = arg;
    struct sink_batch *batch = &sink->batch;

    batch->failed = instance_append(batch->instance, batch->events, batch->n, &batch->err) < 0;
    batch->mail.fn = on_appended;
    loop_post(sink->loop, &batch->mail);
}

static void start_appending(struct sink *sink)
{
    struct cs_error err;

    sink->state = SINK_APPENDING;
    sink->batch.instance = sink->instance;
    sink->instance->appends++;
    if (workers_run(sink->workers, append_batch, sink, &err) == 0)
        return;
    sink->instance->appends--;
    note_failure(sink, &err);
    try_later(sink);
}

/* ---- read -------------------------------------------------------------------------------------------------------- */

/* That the store cannot be read is told by the store. */
static void on_read(void *arg, const struct cs_error *err)
{
    struct sink *sink = arg;

    if (err) {
        try_later(sink);
        return;
    }
    sink->cursor = sink->batch.after;
    if (sink->batch.n && !sink->stopped) {
        start_appending(sink);
        return;
    }
    rest(sink);
}

static void start_reading(struct sink *sink)
{
    if (sink->stopped) {
        sink->state = SINK_IDLE;
        return;
    }
    sink->state = SINK_READING;
    sink->again = false;
    clear_batch(&sink->batch);
    sink->batch.after = sink->cursor;
    store_read(sink->store, read_batch, sink, on_read, sink);
}

static void gather(struct sink *sink)
{
    if (sink->last_chance) {
        start_reading(sink);
        return;
    }
    sink->state = SINK_WAITING;
    timer_set_in(sink->loop, &sink->timer, GATHER_MS, on_pause_over, sink);
}

/* Everything was delivered, but for what came meanwhile. */
static void rest(struct sink *sink)
{
    sink->state = SINK_IDLE;
    if (sink->again && !sink->stopped)
        gather(sink);
}

void sink_wake(struct sink *sink)
{
    if (sink->state == SINK_IDLE && !sink->stopped)
        gather(sink);
    else if (sink->state == SINK_READING || sink->state == SINK_APPENDING)
        sink->again = true;
}

/* Its one thread does one thing after the other. */
void sink_reopen(struct sink *sink)
{
    sink_reopening(sink->loop, sink->workers, sink->instance);
}

/* What its thread has goes to where it was on its way to. */
void sink_move(struct sink *sink, struct instance *instance)
{
    sink->instance = instance;
}

const struct instance *sink_instance(const struct sink *sink)
{
    return sink->instance;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct sink *sink_new(struct loop *loop, struct store *store, struct instance *instance, void (*on_moved)(void *arg), void *arg,
                      struct cs_error *err)
{
    struct sink *sink = calloc(1, sizeof *sink);
    char name[32];

    snprintf(name, sizeof name, "audit %s", instance->in.name);
    if (!sink || !(sink->workers = workers_new(name, 1, err))) {
        free(sink);
        cs_fail(err, CS_EBUSY, "no memory for the audit sink %s", instance->in.name);
        return NULL;
    }
    sink->loop = loop;
    sink->store = store;
    sink->instance = instance;
    sink->name = instance->in.name;
    sink->on_moved = on_moved;
    sink->arg = arg;
    sink->state = SINK_IDLE;
    sink->cursor = -1;
    return sink;
}

void sink_free(struct sink *sink)
{
    if (!sink)
        return;
    timer_clear(&sink->timer);
    workers_free(sink->workers);
    clear_batch(&sink->batch);
    free(sink);
}

const char *sink_name(const struct sink *sink)
{
    return sink->name;
}

int64_t sink_cursor(const struct sink *sink)
{
    return sink->cursor;
}

void sink_last_chance(struct sink *sink)
{
    sink->last_chance = true;
    if (sink->state != SINK_WAITING)
        return;
    timer_clear(&sink->timer);
    start_reading(sink);
}

void sink_stop(struct sink *sink)
{
    sink->stopped = true;
    sink->again = false;
    timer_clear(&sink->timer);
}

bool sink_is_quiet(const struct sink *sink)
{
    return sink->state == SINK_IDLE || (sink->state == SINK_WAITING && !timer_is_set(&sink->timer));
}

bool sink_is_out(const struct sink *sink)
{
    return sink->state == SINK_READING || sink->state == SINK_APPENDING;
}
