/*
 * One audit sink of the visits ledger, see visit_sink.h. What happens in its thread touches the batch only, and the rows of its
 * hour, which do not change.
 */
#include "records/visit_sink.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "engine/workers.h"
#include "records/sink_reopen.h"

enum { BATCH_MOST = 500, PAUSE_FIRST_MS = 1000, PAUSE_MOST_MS = 60000, LOST_LOG_MS = 60000 };

struct waiting_hour {
    struct waiting_hour *next;
    struct ledger_hour *hour;
    size_t given; /* rows that the plugin has */
};

/* Rows of the first hour that waits, on their way to the plugin. */
struct visit_batch {
    struct mail mail;
    struct instance *instance; /* that has it */
    struct ledger_row *const *rows;
    size_t n;
    bool failed;
    struct cs_error err;
};

struct visit_sink {
    struct loop *loop;
    struct instance *instance;
    struct workers *workers;
    struct waiting_hour *first, **end;
    size_t waiting, most;
    int64_t lost, lost_logged_ms;
    int64_t pause_ms;
    bool out, failing, last_chance, stopped;
    struct timer pause;
    struct visit_batch batch;
};

void ledger_hour_drop(struct ledger_hour *hour)
{
    if (!hour || --hour->refs)
        return;
    for (size_t i = 0; i < hour->n; i++)
        free(hour->rows[i]);
    free(hour);
}

/* ---- what is lost ------------------------------------------------------------------------------------------------ */

void visit_sink_lose(struct visit_sink *sink, int64_t n)
{
    sink->lost += n;
    if (!n || (sink->lost_logged_ms && cs_now_ms() - sink->lost_logged_ms < LOST_LOG_MS))
        return;
    sink->lost_logged_ms = cs_now_ms();
    log_line(CS_LOG_WARN, sink->instance->in.who, "", "visits were lost for this sink lost=%" PRId64, sink->lost);
}

/* Takes an hour out of the list. Returns how many visits of it were not handed over. */
static int64_t take_out(struct visit_sink *sink, struct waiting_hour **at)
{
    struct waiting_hour *w = *at;
    int64_t visits = 0;

    for (size_t i = w->given; i < w->hour->n; i++)
        visits += w->hour->rows[i]->n;
    sink->waiting -= w->hour->n - w->given;
    *at = w->next;
    if (!*at)
        sink->end = at;
    ledger_hour_drop(w->hour);
    free(w);
    return visits;
}

/* The oldest go, but for the one that the plugin is looking at. */
static int64_t make_room(struct visit_sink *sink, size_t n)
{
    struct waiting_hour **at = sink->out ? &sink->first->next : &sink->first;
    int64_t lost = 0;

    while (*at && sink->waiting + n > sink->most)
        lost += take_out(sink, at);
    return lost;
}

/* ---- append ------------------------------------------------------------------------------------------------------ */

/* NULL: no memory, or not what ledger.c makes. */
static char *with_number(const struct ledger_row *row)
{
    json_t *json = json_loads(row->json, 0, NULL);
    char *text = NULL;

    if (json && json_object_set_new(json, "n", json_integer(row->n)) == 0)
        text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static int append_events(struct visit_sink *sink, struct cs_event *events, struct cs_error *err)
{
    const struct visit_batch *batch = &sink->batch;

    for (size_t i = 0; i < batch->n; i++) {
        char *json = with_number(batch->rows[i]);

        if (!json)
            return cs_fail(err, CS_EBUSY, "no memory for visits");
        events[i] = (struct cs_event){ .size = sizeof events[i], .kind = "visit", .json = json, .json_len = strlen(json) };
    }
    return instance_append(batch->instance, events, batch->n, err);
}

static void on_appended(struct mail *mail);

/* In the sink's own thread. */
static void append_batch(void *arg)
{
    struct visit_sink *sink = arg;
    struct visit_batch *batch = &sink->batch;
    struct cs_event *events = calloc(BATCH_MOST, sizeof *events);

    batch->err = (struct cs_error){ 0 };
    batch->failed = (events ? append_events(sink, events, &batch->err)
                            : cs_fail(&batch->err, CS_EBUSY, "no memory for visits")) < 0;
    for (size_t i = 0; events && i < batch->n; i++)
        free((char *)(uintptr_t)events[i].json);
    free(events);
    batch->mail.fn = on_appended;
    loop_post(sink->loop, &batch->mail);
}

static void try_now(void *arg);

/* One line when it begins to fail and one when it works again, not one for each try. */
static void try_later(struct visit_sink *sink, const struct cs_error *err)
{
    if (!sink->failing)
        log_line(CS_LOG_WARN, sink->instance->in.who, "", "visits cannot be delivered and are kept in memory: %s", err->text);
    sink->failing = true;
    sink->pause_ms = sink->pause_ms ? sink->pause_ms * 2 : PAUSE_FIRST_MS;
    if (sink->pause_ms > PAUSE_MOST_MS)
        sink->pause_ms = PAUSE_MOST_MS;
    if (!sink->last_chance && !sink->stopped)
        timer_set_in(sink->loop, &sink->pause, sink->pause_ms, try_now, sink);
}

static void try_now(void *arg)
{
    struct visit_sink *sink = arg;
    struct waiting_hour *w = sink->first;
    struct cs_error err;

    timer_clear(&sink->pause);
    if (!w || sink->stopped)
        return;
    sink->batch.rows = w->hour->rows + w->given;
    sink->batch.n = w->hour->n - w->given < BATCH_MOST ? w->hour->n - w->given : BATCH_MOST;
    sink->out = true;
    sink->batch.instance = sink->instance;
    sink->instance->appends++;
    if (workers_run(sink->workers, append_batch, sink, &err) == 0)
        return;
    sink->instance->appends--;
    sink->out = false;
    try_later(sink, &err);
}

static void on_appended(struct mail *mail)
{
    struct visit_batch *batch = (struct visit_batch *)mail;
    struct visit_sink *sink = (struct visit_sink *)((char *)batch - offsetof(struct visit_sink, batch));

    sink->out = false;
    batch->instance->appends--;
    if (batch->failed) {
        visit_sink_lose(sink, make_room(sink, 0));
        try_later(sink, &batch->err);
        return;
    }
    if (sink->failing)
        log_line(CS_LOG_INFO, sink->instance->in.who, "", "visits are delivered again");
    sink->failing = false;
    sink->pause_ms = 0;
    sink->first->given += batch->n;
    sink->waiting -= batch->n;
    if (sink->first->given == sink->first->hour->n)
        take_out(sink, &sink->first);
    try_now(sink);
}

void visit_sink_give(struct visit_sink *sink, struct ledger_hour *hour)
{
    int64_t lost = make_room(sink, hour->n);
    struct waiting_hour *w = malloc(sizeof *w);

    if (w) {
        *w = (struct waiting_hour){ .hour = hour };
        hour->refs++;
        *sink->end = w;
        sink->end = &w->next;
        sink->waiting += hour->n;
    } else {
        for (size_t i = 0; i < hour->n; i++)
            lost += hour->rows[i]->n;
    }
    visit_sink_lose(sink, lost);
    if (!sink->out && !timer_is_set(&sink->pause))
        try_now(sink);
}

void visit_sink_reopen(struct visit_sink *sink)
{
    sink_reopening(sink->loop, sink->workers, sink->instance);
}

void visit_sink_move(struct visit_sink *sink, struct instance *instance)
{
    sink->instance = instance;
}

const struct instance *visit_sink_instance(const struct visit_sink *sink)
{
    return sink->instance;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct visit_sink *visit_sink_new(struct loop *loop, struct instance *instance, size_t most, struct cs_error *err)
{
    struct visit_sink *sink = calloc(1, sizeof *sink);
    char name[32];

    snprintf(name, sizeof name, "visits %s", instance->in.name);
    if (!sink || !(sink->workers = workers_new(name, 1, err))) {
        free(sink);
        cs_fail(err, CS_EBUSY, "no memory for the audit sink %s", instance->in.name);
        return NULL;
    }
    sink->loop = loop;
    sink->instance = instance;
    sink->most = most;
    sink->end = &sink->first;
    return sink;
}

/* What its thread had begun is counted: only now is it known how that ended. */
void visit_sink_free(struct visit_sink *sink)
{
    int64_t lost = 0;

    if (!sink)
        return;
    timer_clear(&sink->pause);
    workers_free(sink->workers);
    while (sink->first)
        lost += take_out(sink, &sink->first);
    sink->lost_logged_ms = 0;
    visit_sink_lose(sink, lost);
    free(sink);
}

const char *visit_sink_name(const struct visit_sink *sink)
{
    return sink->instance->in.name;
}

size_t visit_sink_waiting(const struct visit_sink *sink)
{
    return sink->waiting;
}

int64_t visit_sink_lost(const struct visit_sink *sink)
{
    return sink->lost;
}

void visit_sink_last_chance(struct visit_sink *sink)
{
    sink->last_chance = true;
    if (timer_is_set(&sink->pause))
        try_now(sink);
}

void visit_sink_stop(struct visit_sink *sink)
{
    sink->stopped = true;
    timer_clear(&sink->pause);
}

bool visit_sink_is_quiet(const struct visit_sink *sink)
{
    return !sink->out && (!sink->first || !timer_is_set(&sink->pause));
}

bool visit_sink_is_out(const struct visit_sink *sink)
{
    return sink->out;
}
