/*
 * The outbox between what happens and the audit sinks; see outbox.h. Made by command/serve.c. The delivery itself is in sink.c;
 * here are the ways in, the cursors' saving and the bound.
 */
#include "records/outbox.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "records/sink.h"
#include "records/sink_set.h"

/* Cursors are saved this long after a delivery, once for many batches, and together with other writes: an order's last lazy one
 * waits a little longer than this. What was delivered in between comes again after a crash, which is what "at least once" is
 * for. */
enum { UPKEEP_MS = 400 };
/* Up to TOLD_LAZY events of no transaction of their own wait for somebody else's. */
enum { TOLD_MOST = 1000, TOLD_LAZY = 100, LAST_CHANCE_MS = 2000, LOST_LOG_MS = 60000 };

struct outbox {
    struct loop *loop;
    struct store *store;
    int64_t most;
    int64_t last; /* number of the newest event, as of the last upkeep */
    int64_t lost, lost_logged_ms;
    size_t told;     /* outbox_tell()s under way */
    bool upkeep_out; /* an upkeep is under way */
    bool dense;      /* no number is missing between those that wait: only a restore leaves some out */
    struct timer upkeep;
    struct sink_set sinks;
};

/* ---- ways in ----------------------------------------------------------------------------------------------------- */

int outbox_add(const struct store_conn *c, const char *kind, const char *json, size_t len, struct cs_error *err)
{
    struct cs_event event = { .size = sizeof event, .time_ms = cs_wall_ms(), .kind = kind, .json = json, .json_len = len };

    return c->audited ? c->ops->outbox_put(c->conn, &event, err) : 0;
}

static void note_lost(struct outbox *outbox, int64_t n)
{
    outbox->lost += n;
    if (outbox->lost_logged_ms && cs_now_ms() - outbox->lost_logged_ms < LOST_LOG_MS)
        return;
    outbox->lost_logged_ms = cs_now_ms();
    log_line(CS_LOG_WARN, "outbox", "", "audit events were lost: the store or a sink cannot keep up lost=%" PRId64,
             outbox->lost);
}

int64_t outbox_lost(const struct outbox *outbox)
{
    return outbox->lost;
}

/* What waits is as of the last upkeep, which follows soon on every event. */
void outbox_measure(const struct outbox *outbox, struct metrics *metrics)
{
    metrics_total(metrics, "countersign_audit_events_lost_total", "Audit events that not every sink got.", "", outbox->lost);
    for (size_t i = 0; i < outbox->sinks.n; i++) {
        const int64_t cursor = sink_cursor(outbox->sinks.at[i]);
        struct text labels = TEXT_MAX(100);

        metrics_add_label(&labels, "sink", sink_name(outbox->sinks.at[i]));
        metrics_gauge(metrics, "countersign_audit_events_waiting", "Audit events that a sink has not taken yet.",
                      text_of(&labels), cursor >= 0 && outbox->last > cursor ? outbox->last - cursor : 0);
        text_free(&labels);
    }
}

/* One event of its own, from outbox_tell() to its commit. */
struct telling {
    struct outbox *outbox;
    char *kind, *json;
    size_t len;
};

static void telling_free(struct telling *t)
{
    if (!t)
        return;
    free(t->kind);
    free(t->json);
    free(t);
}

static int write_telling(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct telling *t = arg;

    return outbox_add(c, t->kind, t->json, t->len, err);
}

static void on_told(void *arg, const struct cs_error *err)
{
    struct telling *t = arg;
    struct outbox *outbox = t->outbox;

    outbox->told--;
    telling_free(t);
    if (err)
        note_lost(outbox, 1);
    else
        outbox_wake(outbox);
}

void outbox_tell(struct outbox *outbox, const char *kind, const char *json, size_t len)
{
    struct telling *t = NULL;

    assert(on_loop_thread());
    if (!outbox->sinks.n)
        return;
    if (outbox->told < TOLD_MOST)
        t = calloc(1, sizeof *t);
    if (!t || !(t->kind = text_copy(kind)) || !(t->json = text_copy_n(json, len))) {
        telling_free(t);
        note_lost(outbox, 1);
        return;
    }
    t->outbox = outbox;
    t->len = strlen(t->json);
    if (++outbox->told <= TOLD_LAZY)
        store_write_lazily(outbox->store, write_telling, t, on_told, t);
    else
        store_write(outbox->store, write_telling, t, on_told, t);
}

/* ---- upkeep: save cursors, forget what all sinks have, keep to the bound ----------------------------------------- */

struct upkeep {
    struct outbox *outbox;
    int64_t most, dropped, last;
    bool dense;
    size_t n;
    struct upkeep_cursor {
        const char *sink;
        int64_t number; /* -1: not known, nothing may be forgotten on its account */
    } cursors[];
};

static int save_cursors(const struct store_conn *c, const struct upkeep *u, int64_t *all_have, struct cs_error *err)
{
    *all_have = INT64_MAX;
    for (size_t i = 0; i < u->n; i++) {
        if (u->cursors[i].number > 0 && c->ops->cursor_put(c->conn, u->cursors[i].sink, u->cursors[i].number, err) < 0)
            return -1;
        if (u->cursors[i].number < *all_have)
            *all_have = u->cursors[i].number;
    }
    return 0;
}

struct counted {
    int64_t n, number;
};

static int count_event(void *arg, const struct cs_event *event)
{
    struct counted *counted = arg;

    counted->n++;
    counted->number = event->number;
    return 0;
}

/* Events are counted one by one only until no number is missing. */
static int drop_oldest(const struct store_conn *c, struct upkeep *u, int64_t first, struct cs_error *err)
{
    struct counted all = { .n = u->last - first + 1 }, over = { .number = u->last - u->most };

    if (!u->dense) {
        all.n = 0;
        if (c->ops->outbox_read(c->conn, first - 1, INT64_MAX, count_event, &all, err) < 0)
            return -1;
        u->dense = all.n == u->last - first + 1;
    }
    if (all.n <= u->most)
        return 0;
    if (!u->dense && c->ops->outbox_read(c->conn, first - 1, all.n - u->most, count_event, &over, err) < 0)
        return -1;
    u->dropped = all.n - u->most;
    return c->ops->outbox_trim(c->conn, over.number, err);
}

/* In the writer's thread. */
static int write_upkeep(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct upkeep *u = arg;
    int64_t all_have, first;

    if (save_cursors(c, u, &all_have, err) < 0)
        return -1;
    if (all_have > 0 && c->ops->outbox_trim(c->conn, all_have, err) < 0)
        return -1;
    if (c->ops->outbox_range(c->conn, &first, &u->last, err) < 0)
        return -1;
    if (!first || u->last - first < u->most)
        return 0;
    return drop_oldest(c, u, first, err);
}

static void on_upkeep_written(void *arg, const struct cs_error *err)
{
    struct upkeep *u = arg;
    struct outbox *outbox = u->outbox;

    outbox->upkeep_out = false;
    if (!err) {
        outbox->last = u->last;
        outbox->dense = u->dense;
    }
    if (!err && u->dropped)
        note_lost(outbox, u->dropped);
    free(u);
}

static void start_upkeep(struct outbox *outbox)
{
    struct upkeep *u = calloc(1, sizeof *u + outbox->sinks.n * sizeof u->cursors[0]);

    if (!u)
        return;
    u->outbox = outbox;
    u->most = outbox->most;
    u->dense = outbox->dense;
    u->n = outbox->sinks.n;
    for (size_t i = 0; i < outbox->sinks.n; i++)
        u->cursors[i] = (struct upkeep_cursor){ sink_name(outbox->sinks.at[i]), sink_cursor(outbox->sinks.at[i]) };
    outbox->upkeep_out = true;
    store_write_lazily(outbox->store, write_upkeep, u, on_upkeep_written, u);
}

static void on_upkeep_due(void *arg)
{
    struct outbox *outbox = arg;

    if (outbox->upkeep_out)
        timer_set_in(outbox->loop, &outbox->upkeep, UPKEEP_MS, on_upkeep_due, outbox);
    else
        start_upkeep(outbox);
}

static void want_upkeep(void *arg)
{
    struct outbox *outbox = arg;

    if (!timer_is_set(&outbox->upkeep))
        timer_set_in(outbox->loop, &outbox->upkeep, UPKEEP_MS, on_upkeep_due, outbox);
}

void outbox_wake(struct outbox *outbox)
{
    assert(on_loop_thread());
    if (!outbox->sinks.n)
        return;
    for (size_t i = 0; i < outbox->sinks.n; i++)
        sink_wake(outbox->sinks.at[i]);
    want_upkeep(outbox);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void *make_sink(void *arg, struct instance *instance, struct cs_error *err)
{
    struct outbox *outbox = arg;

    return sink_new(outbox->loop, outbox->store, instance, want_upkeep, outbox, err);
}

static void free_sink(void *sink)
{
    sink_free(sink);
}

static void stop_sink(void *sink)
{
    sink_stop(sink);
}

static bool is_sink_out(const void *sink)
{
    return sink_is_out(sink);
}

static void move_sink(void *sink, struct instance *instance)
{
    sink_move(sink, instance);
}

static const struct instance *instance_of_sink(const void *sink)
{
    return sink_instance(sink);
}

static const struct sink_kind kind = { .ledger = LEDGER_ISSUANCE, .make = make_sink, .free = free_sink, .stop = stop_sink,
                                       .is_out = is_sink_out, .move = move_sink, .instance = instance_of_sink };

static void outbox_free(struct outbox *outbox)
{
    timer_clear(&outbox->upkeep);
    sink_set_free(&outbox->sinks);
    free(outbox);
}

struct sink_change *outbox_prepare(struct outbox *outbox, struct instances *all, struct cs_error *err)
{
    return sink_set_prepare(&outbox->sinks, all, err);
}

void outbox_drop(struct outbox *outbox, struct sink_change *change)
{
    sink_set_drop(&outbox->sinks, change);
}

/* Without a sink nothing is written, and what an earlier configuration left is forgotten. */
void outbox_switch(struct outbox *outbox, struct sink_change *change, int64_t most)
{
    sink_set_switch(&outbox->sinks, change);
    outbox->most = outbox->sinks.n ? most : 0;
    store_want_events(outbox->store, outbox->sinks.n > 0);
    if (outbox->sinks.n)
        outbox_wake(outbox);
    else if (!outbox->upkeep_out)
        start_upkeep(outbox);
}

bool outbox_uses(struct outbox *outbox, const struct instance *instance)
{
    return sink_set_uses(&outbox->sinks, instance);
}

struct outbox *outbox_open(struct loop *loop, struct store *store, struct instances *all, int64_t most, struct cs_error *err)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    struct sink_change *change;

    if (!outbox) {
        cs_fail(err, CS_EBUSY, "no memory for the outbox");
        return NULL;
    }
    *outbox = (struct outbox){ .loop = loop, .store = store, .sinks = { .kind = &kind, .arg = outbox } };
    change = outbox_prepare(outbox, all, err);
    if (!change) {
        outbox_free(outbox);
        return NULL;
    }
    outbox_switch(outbox, change, most);
    return outbox;
}

void outbox_reopen(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->sinks.n; i++)
        sink_reopen(outbox->sinks.at[i]);
}

static bool is_quiet(const struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->sinks.n; i++)
        if (!sink_is_quiet(outbox->sinks.at[i]))
            return false;
    return outbox->told == 0;
}

static bool is_out(const struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->sinks.n; i++)
        if (sink_is_out(outbox->sinks.at[i]))
            return true;
    return outbox->told > 0 || outbox->upkeep_out || sink_set_is_leaving(&outbox->sinks);
}

static void give_last_chance(struct outbox *outbox)
{
    int64_t until_ms = cs_now_ms() + LAST_CHANCE_MS;

    for (size_t i = 0; i < outbox->sinks.n; i++)
        sink_last_chance(outbox->sinks.at[i]);
    while (!is_quiet(outbox) && cs_now_ms() < until_ms)
        loop_run_once(outbox->loop, 20);
    if (!is_quiet(outbox))
        log_line(CS_LOG_WARN, "outbox", "", "not every audit event could be delivered before the stop: the rest is kept");
}

/* The store answers and a plugin's call ends before anything is freed. */
static void wait_for_what_is_out(struct outbox *outbox)
{
    while (is_out(outbox))
        loop_run_once(outbox->loop, 20);
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    store_hurry(outbox->store);
    give_last_chance(outbox);
    for (size_t i = 0; i < outbox->sinks.n; i++)
        sink_stop(outbox->sinks.at[i]);
    wait_for_what_is_out(outbox);
    timer_clear(&outbox->upkeep);
    if (outbox->sinks.n) {
        start_upkeep(outbox);
        wait_for_what_is_out(outbox);
    }
    outbox_free(outbox);
}
