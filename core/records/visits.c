/*
 * The start and the stop of visits, and what there is to know of them; see visits.h.
 */
#include "records/visits.h"

#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "records/visit_parts.h"

enum { LAST_CHANCE_MS = 5000, READERS = 1 };

const char *visits_lacks(const struct cs_store_ops *ops)
{
    const struct {
        const char *name;
        bool is_there;
    } needed[] = {
        { "zone_id_put", ops->zone_id_put },   { "zone_id_list", ops->zone_id_list }, { "visit_add", ops->visit_add },
        { "latency_add", ops->latency_add },   { "day_put", ops->day_put },           { "day_list", ops->day_list },
        { "day_close", ops->day_close },       { "day_labels", ops->day_labels },     { "visits_of", ops->visits_of },
        { "visits_erase", ops->visits_erase }, { "visits_purge", ops->visits_purge }, { "scrub", ops->scrub },
        { "publish", ops->publish },
    };

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].is_there)
            return needed[i].name;
    return NULL;
}

/* ---- the start --------------------------------------------------------------------------------------------------- */

struct zone_reading {
    struct visit_zones *zones;
    struct cs_error err;
};

static int take_zone(void *arg, const char *zone, uint64_t id)
{
    struct zone_reading *reading = arg;

    return visit_zones_add(reading->zones, zone, id, &reading->err);
}

static int read_zones(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct zone_reading reading = { .zones = ((struct visits *)arg)->zones };

    if (c->ops->zone_id_list(c->conn, take_zone, &reading, err) < 0)
        return -1;
    if (reading.err.code != CS_OK)
        *err = reading.err;
    return reading.err.code == CS_OK ? 0 : -1;
}

/* New values of labels are limited by the day, and a day goes on after a restart. */
static int take_label(void *arg, const char *zone, const struct cs_visit_label *label)
{
    const struct visits *visits = arg;

    labels_known(visits->with.labels, zone, visits->days->day, label);
    return 0;
}

static int read_labels(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct visits *visits = arg;

    return visits->with.labels ? c->ops->day_labels(c->conn, visits->days->day, take_label, arg, err) : 0;
}

static int start(struct visits *visits, struct cs_error *err)
{
    const struct visits_with *with = &visits->with;

    if (store_with(with->plugin, CS_VISITS_READER, read_zones, visits, err) < 0)
        return -1;
    visits->store = store_open(with->loop, with->plugin, CS_VISITS_WRITER, CS_VISITS_READER, READERS, err);
    if (!visits->store || visit_days_start(visits, err) < 0)
        return -1;
    if (store_with(with->plugin, CS_VISITS_READER, read_labels, visits, err) < 0)
        return -1;
    return visit_upkeep_start(visits, err);
}

static void free_visits(struct visits *visits)
{
    visit_batch_drop(visits);
    visit_days_free(visits);
    visit_zones_free(visits->zones);
    visit_counter_close(visits->counter);
    visit_latency_free(&visits->latencies);
    free(visits);
}

struct visits *visits_open(const struct visits_with *with, struct cs_error *err)
{
    struct visits *visits = calloc(1, sizeof *visits);

    if (!visits) {
        cs_fail(err, CS_EBUSY, "no memory for the visits");
        return NULL;
    }
    visits->with = *with;
    visits->last = &visits->first;
    visits->last_task = &visits->tasks;
    visits->zones = visit_zones_new();
    visits->counter = visit_counter_open(with->runtime);
    if (!visits->zones || !visits->counter) {
        free_visits(visits);
        cs_fail(err, CS_EBUSY, "no memory for the visits");
        return NULL;
    }
    if (start(visits, err) < 0) {
        visits_close(visits);
        return NULL;
    }
    return visits;
}

void visits_measure(const struct visits *visits)
{
    store_measure(visits->store, visits->with.metrics, "visits");
    metrics_total(visits->with.metrics, "countersign_visits_lost_total", "Visits that could not be recorded.", "",
                  visits->lost);
}

/* ---- the stop ---------------------------------------------------------------------------------------------------- */

static bool is_out(const struct visits *visits)
{
    return visits->out || visits->calls || visits->tasks;
}

/* What the store has begun always ends; what it does not take is given up after a while. */
static void write_rest(struct visits *visits)
{
    const int64_t until_ms = cs_now_ms() + LAST_CHANCE_MS;

    visits->pause_ms = 0;
    visit_batch_now(visits);
    while ((!visit_batch_idle(visits) || is_out(visits)) && cs_now_ms() < until_ms) {
        loop_run_once(visits->with.loop, 20);
        visit_batch_now(visits);
    }
    if (!visit_batch_idle(visits))
        log_line(CS_LOG_WARN, "visits", "", "not every visit could be written before the stop: the rest is lost queued=%zu",
                 visits->n_queued);
    while (is_out(visits))
        loop_run_once(visits->with.loop, 20);
}

static void stop(struct visits *visits)
{
    visits->stopping = true;
    visit_days_stop(visits);
    visit_upkeep_stop(visits);
    store_hurry(visits->with.state);
    write_rest(visits);
    visit_upkeep_publish(visits, NULL);
    while (is_out(visits))
        loop_run_once(visits->with.loop, 20);
}

void visits_close(struct visits *visits)
{
    if (!visits)
        return;
    if (visits->days && visits->store)
        stop(visits);
    store_close(visits->store);
    loop_run_once(visits->with.loop, 0);
    free_visits(visits);
}

/* ---- what there is to know --------------------------------------------------------------------------------------- */

void visits_status(const struct visits *visits, struct visits_status *out)
{
    const struct visit_day *today = visits->days;

    *out = (struct visits_status){
        .day = today->day,
        .keys = today->keys,
        .key_made_ms = today->key ? day_key_made_ms(today->key) : 0,
        .key_in_file = today->key && day_key_has_file(today->key),
        .key_why_not = visits->key_why_not,
        .flags = today->flags,
        .received = today->received,
        .queued = visits->n_queued,
        .lost = visits->lost,
        .purged_ms = visits->purged_ms,
        .published_ms = visits->published_ms,
        .scrubbed = visits->scrubbed,
        .must_confirm = visits->must_confirm,
        .recorded_ms = visits->recorded_ms,
    };
    for (const struct visit_day *day = today; day; day = day->next)
        out->open += day->n_open;
}
