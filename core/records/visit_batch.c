/*
 * From the end of a visit to the visits store: batches that nobody waits for, one at a time, in random order within, tried
 * again until they are written. See visit_parts.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/visit_parts.h"

enum { BATCH_MOST = 1000, GATHER_MS = 1000, PAUSE_FIRST_MS = 1000, PAUSE_MOST_MS = 30000, LOST_LOG_MS = 60000 };

/* What goes in one piece. While it is out, it belongs to the writer's thread; what it points to stays as it is. */
struct visit_batch {
    struct visits *visits;
    struct visit_record **records;
    size_t n;
    struct new_zone {
        char *name;
        uint64_t id;
    } * zones;
    size_t n_zones;
    struct cs_latency *latencies;
    size_t n_latencies;
    struct batch_day {
        struct cs_day day;
        bool close;
    } * days;
    size_t n_days;
    int64_t k;
    struct visit_record *refused; /* that the store will never take */
};

/* ---- what was lost ----------------------------------------------------------------------------------------------- */

void visit_lost(struct visits *visits)
{
    visits->lost++;
    metrics_count(visits->with.metrics, "countersign_visits_lost_total", "Visits that could not be recorded.", "", 1);
    if (visits->lost_logged_ms && cs_now_ms() - visits->lost_logged_ms < LOST_LOG_MS)
        return;
    visits->lost_logged_ms = cs_now_ms();
    log_line(CS_LOG_WARN, "visits", "",
             "visits could not be recorded: there is no memory, too many are under way, or their store cannot keep up "
             "lost=%" PRId64,
             visits->lost);
}

/* ---- making a batch ---------------------------------------------------------------------------------------------- */

static void free_batch(struct visit_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->n; i++)
        visit_record_free(batch->records[i]);
    for (size_t i = 0; i < batch->n_zones; i++)
        free(batch->zones[i].name);
    free(batch->records);
    free(batch->zones);
    free(batch->latencies);
    free(batch->days);
    free(batch);
}

/* The order in which visits ended says nothing in the store. */
static void shuffle(struct visit_record **records, size_t n)
{
    uint32_t dice[BATCH_MOST];

    assert(n <= BATCH_MOST);
    if (n < 2 || RAND_bytes((unsigned char *)dice, (int)(n * sizeof *dice)) != 1)
        return;
    for (size_t i = n - 1; i > 0; i--) {
        const size_t other = (size_t)(((uint64_t)dice[i] * (i + 1)) >> 32);
        struct visit_record *record = records[i];

        records[i] = records[other];
        records[other] = record;
    }
}

static int take_zones(struct visit_batch *batch, const struct visits *visits)
{
    batch->zones = calloc(visit_zones_unstored(visits->zones) + 1, sizeof *batch->zones);
    if (!batch->zones)
        return -1;
    for (const struct visit_zone *zone = visit_zones_first(visits->zones); zone; zone = zone->next) {
        struct new_zone *new = &batch->zones[batch->n_zones];

        if (zone->stored)
            continue;
        *new = (struct new_zone){ text_copy(zone->name), zone->id };
        if (!new->name)
            return -1;
        batch->n_zones++;
    }
    return 0;
}

static size_t in_batch(const struct visit_batch *batch, const struct visit_day *day)
{
    size_t n = 0;

    for (size_t i = 0; i < batch->n; i++)
        n += batch->records[i]->day == day;
    return n;
}

static struct cs_day note_of(const struct visit_day *day)
{
    return (struct cs_day){ .size = sizeof(struct cs_day),
                            .day = day->day,
                            .keys = day->keys,
                            .received = day->received,
                            .flags = day->flags,
                            .key_destroyed_ms = day->key_destroyed_ms,
                            .proxy_changes = day->proxy_changes };
}

/* A day is closed together with its last records. */
static bool closes_with(const struct visit_day *day, const struct visit_batch *batch)
{
    return day->state == DAY_CLOSES && day->unwritten == in_batch(batch, day);
}

static int take_days(struct visit_batch *batch, struct visits *visits)
{
    size_t n = 0;

    for (const struct visit_day *day = visits->days; day; day = day->next)
        n++;
    batch->days = calloc(n + 1, sizeof *batch->days);
    if (!batch->days)
        return -1;
    for (struct visit_day *day = visits->days; day; day = day->next) {
        const bool close = closes_with(day, batch);

        if (!day->changed && !close)
            continue;
        batch->days[batch->n_days++] = (struct batch_day){ note_of(day), close };
        day->changed = false;
    }
    return 0;
}

static struct visit_batch *make_batch(struct visits *visits)
{
    struct visit_batch *batch = calloc(1, sizeof *batch);

    if (!batch)
        return NULL;
    batch->visits = visits;
    batch->k = visits->with.settings->k;
    batch->records = calloc(BATCH_MOST, sizeof *batch->records);
    if (!batch->records || take_zones(batch, visits) < 0) {
        free_batch(batch);
        return NULL;
    }
    while (visits->first && batch->n < BATCH_MOST) {
        struct visit_record *record = visits->first;

        visits->first = record->next;
        record->next = NULL;
        batch->records[batch->n++] = record;
    }
    if (!visits->first)
        visits->last = &visits->first;
    visits->n_queued -= batch->n;
    if (take_days(batch, visits) < 0)
        batch->n_days = 0; /* they stay changed */
    shuffle(batch->records, batch->n);
    batch->latencies = visit_latency_take(&visits->latencies, visits->days->day, &batch->n_latencies);
    return batch;
}

/* ---- in the writer's thread -------------------------------------------------------------------------------------- */

static int write_head(const struct store_conn *c, const struct visit_batch *batch, struct cs_error *err)
{
    for (size_t i = 0; i < batch->n_zones; i++)
        if (c->ops->zone_id_put(c->conn, batch->zones[i].name, batch->zones[i].id, err) < 0)
            return -1;
    for (size_t i = 0; i < batch->n_days; i++)
        if (c->ops->day_put(c->conn, &batch->days[i].day, err) < 0)
            return -1;
    return 0;
}

static int write_visits(const struct store_conn *c, struct visit_batch *batch, struct cs_error *err)
{
    for (size_t i = 0; i < batch->n; i++) {
        if (c->ops->visit_add(c->conn, &batch->records[i]->v, err) == 0)
            continue;
        if (err->code == CS_EINPUT)
            batch->refused = batch->records[i];
        return -1;
    }
    return 0;
}

static int write_all(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct visit_batch *batch = arg;

    batch->refused = NULL;
    if (write_head(c, batch, err) < 0 || write_visits(c, batch, err) < 0)
        return -1;
    for (size_t i = 0; i < batch->n_latencies; i++)
        if (c->ops->latency_add(c->conn, &batch->latencies[i], err) < 0)
            return -1;
    for (size_t i = 0; i < batch->n_days; i++)
        if (batch->days[i].close && c->ops->day_close(c->conn, batch->days[i].day.day, batch->k, err) < 0)
            return -1;
    return 0;
}

/* ---- how it went ------------------------------------------------------------------------------------------------- */

static void free_written(struct visit_record *record)
{
    record->day->unwritten--;
    visit_record_free(record);
}

/* It would be refused again, and keep all others from being written. */
static void drop_refused(struct visits *visits, struct visit_batch *batch, const struct cs_error *err)
{
    size_t kept = 0;

    log_line(CS_LOG_ERROR, "visits", "", "the store refuses a visit: %s", err->text);
    for (size_t i = 0; i < batch->n; i++)
        if (batch->records[i] != batch->refused)
            batch->records[kept++] = batch->records[i];
    batch->n = kept;
    free_written(batch->refused);
    visit_lost(visits);
}

/* Everything goes back to where it came from, its records to the head of the queue. */
static void take_back(struct visits *visits, struct visit_batch *batch)
{
    visit_latency_give_back(&visits->latencies, batch->latencies, batch->n_latencies);
    for (size_t i = 0; i < batch->n_days; i++) {
        struct visit_day *day = visit_day_find(visits, batch->days[i].day.day);

        if (day)
            day->changed = true;
    }
    for (size_t i = batch->n; i > 0; i--) {
        struct visit_record *record = batch->records[i - 1];

        record->next = visits->first;
        if (!visits->first)
            visits->last = &record->next;
        visits->first = record;
    }
    visits->n_queued += batch->n;
    batch->n = 0;
}

static void note_written(struct visits *visits, struct visit_batch *batch)
{
    for (size_t i = 0; i < batch->n_zones; i++)
        visit_zones_stored(visits->zones, batch->zones[i].name, batch->zones[i].id);
    for (size_t i = 0; i < batch->n; i++)
        free_written(batch->records[i]);
    if (batch->n)
        visit_upkeep_written(visits);
    if (!visits->first_written)
        visit_upkeep_publish(visits, NULL); /* what the start published is older than what it changed of its day */
    visits->first_written = true;
    batch->n = 0;
    for (size_t i = 0; i < batch->n_days; i++)
        if (batch->days[i].close)
            visit_day_closed(visits, visit_day_find(visits, batch->days[i].day.day));
}

static void run_tasks(struct visits *visits)
{
    struct visit_task *task;

    while (!visits->out && (task = visits->tasks)) {
        visits->tasks = task->next;
        if (!visits->tasks)
            visits->last_task = &visits->tasks;
        task->run(task);
    }
}

static void on_written(void *arg, const struct cs_error *err)
{
    struct visit_batch *batch = arg;
    struct visits *visits = batch->visits;

    visits->out = NULL;
    if (err && batch->refused)
        drop_refused(visits, batch, err);
    if (err)
        take_back(visits, batch);
    else
        note_written(visits, batch);
    visits->pause_ms = !err || batch->refused ? 0 : visits->pause_ms == 0 ? PAUSE_FIRST_MS : visits->pause_ms * 2;
    if (visits->pause_ms > PAUSE_MOST_MS)
        visits->pause_ms = PAUSE_MOST_MS;
    free_batch(batch);
    run_tasks(visits);
    visit_batch_soon(visits);
}

/* ---- when -------------------------------------------------------------------------------------------------------- */

static bool has_news(const struct visits *visits)
{
    if (visits->first || visit_latency_wait(&visits->latencies))
        return true;
    for (const struct visit_day *day = visits->days; day; day = day->next)
        if (day->changed || (day->state == DAY_CLOSES && !day->unwritten))
            return true;
    return false;
}

static void send_batch(struct visits *visits)
{
    struct visit_batch *batch = visits->out || visits->held || !has_news(visits) ? NULL : make_batch(visits);

    if (!batch)
        return;
    timer_clear(&visits->write);
    visits->out = batch;
    store_write(visits->store, write_all, batch, on_written, batch);
}

static void on_due(void *arg)
{
    struct visits *visits = arg;

    send_batch(visits);
    if (!visits->out)
        visit_batch_soon(visits); /* there was no memory */
}

void visit_batch_soon(struct visits *visits)
{
    if (visits->out || visits->held || !has_news(visits))
        return;
    if (visits->n_queued >= BATCH_MOST && !visits->pause_ms)
        send_batch(visits);
    else if (!timer_is_set(&visits->write))
        timer_set_in(visits->with.loop, &visits->write, visits->pause_ms ? visits->pause_ms : GATHER_MS, on_due, visits);
}

void visit_batch_now(struct visits *visits)
{
    send_batch(visits);
}

void visit_batch_hold(struct visits *visits)
{
    visits->held++;
}

void visit_batch_let_go(struct visits *visits)
{
    visits->held--;
    visit_batch_soon(visits);
}

void visit_batch_task(struct visits *visits, struct visit_task *task)
{
    task->next = NULL;
    *visits->last_task = task;
    visits->last_task = &task->next;
    run_tasks(visits);
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

void visit_batch_add(struct visits *visits, struct visit_record *record)
{
    if (visits->n_queued + (visits->out ? visits->out->n : 0) >= VISITS_MOST) {
        visit_record_free(record);
        visit_lost(visits);
        return;
    }
    ledger_add(visits->with.ledger, &record->v);
    record->day->unwritten++;
    *visits->last = record;
    visits->last = &record->next;
    visits->n_queued++;
    visit_batch_soon(visits);
}

bool visit_batch_idle(const struct visits *visits)
{
    return !visits->out && !has_news(visits);
}

void visit_batch_drop(struct visits *visits)
{
    struct visit_record *next;

    timer_clear(&visits->write);
    for (struct visit_record *record = visits->first; record; record = next) {
        next = record->next;
        free_written(record);
    }
    visits->first = NULL;
    visits->last = &visits->first;
    visits->n_queued = 0;
}
