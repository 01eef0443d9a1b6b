/*
 * Visits as the tests of records/visit*.c need them; see visits_rig.h.
 */
#include "visits_rig.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/log.h"
#include "records/pseudonym.h"
#include "records/visit_parts.h"

void visits_rig_open(struct visits_rig *rig)
{
    clock_freeze(true);
    clock_step_wall(RIG_NOON_MS - cs_wall_ms());
    visits_rig_open_on(rig, NULL);
}

void visits_rig_open_on(struct visits_rig *rig, struct loop *loop)
{
    *rig = (struct visits_rig){ .settings = { .enabled = true,
                                              .keep_days = 7,
                                              .label_days = 30,
                                              .total_months = 25,
                                              .k = 10,
                                              .grace_ms = 5 * 60 * 1000,
                                              .publish_ms = 3600 * 1000 } };
    log_setup(CS_LOG_WARN);
    visit_store_open(&rig->store, loop);
    rig->metrics = metrics_new();
    snprintf(rig->runtime, sizeof rig->runtime, "/dev/shm/countersign-visits-XXXXXX");
    assert(rig->metrics && mkdtemp(rig->runtime));
    rig->with = (struct visits_with){ .loop = rig->store.loop,
                                      .plugin = &rig->store.instance,
                                      .state = rig->store.state,
                                      .metrics = rig->metrics,
                                      .settings = &rig->settings,
                                      .runtime = rig->runtime };
}

void visits_rig_start(struct visits_rig *rig)
{
    struct cs_error err = { 0 };

    rig->visits = visits_open(&rig->with, &err);
    if (!rig->visits)
        fprintf(stderr, "visits_open: %s\n", err.text);
    assert(rig->visits);
}

void visits_rig_stop(struct visits_rig *rig)
{
    clock_freeze(false); /* it waits by the clock */
    visits_close(rig->visits);
    clock_freeze(rig->store.own_loop);
    rig->visits = NULL;
}

void visits_rig_close(struct visits_rig *rig)
{
    char command[128];

    if (rig->visits)
        visits_rig_stop(rig);
    visit_store_close(&rig->store);
    metrics_free(rig->metrics);
    snprintf(command, sizeof command, "rm -r %s", rig->runtime);
    assert(system(command) == 0);
    clock_freeze(false);
}

static bool is_busy(const struct visits *visits)
{
    return visits->out || visits->calls || visits->tasks;
}

void visits_rig_turn(struct visits_rig *rig)
{
    store_hurry(rig->with.state);
    do
        loop_run_once(rig->with.loop, 1);
    while (is_busy(rig->visits));
    loop_run_once(rig->with.loop, 0);
}

void visits_rig_pass(struct visits_rig *rig, int64_t ms)
{
    clock_move(rig->with.loop, ms);
    visits_rig_turn(rig);
    visits_rig_turn(rig);
}

static struct source source_ending(uint8_t last)
{
    return (struct source){ SOURCE_IPV4, { 192, 0, 2, last } };
}

struct visit *visits_rig_begin(struct visits_rig *rig, uint8_t last)
{
    return visit_begin(rig->visits, &(struct visit_arrival){ .source = source_ending(last), .client = "curl" });
}

void visits_rig_whole(struct visits_rig *rig, uint8_t last, const char *zone)
{
    struct visit *visit = visits_rig_begin(rig, last);

    visit_zone(visit, zone);
    visit_alg(visit, "ecdsa-p256");
    visit_end(visit, VISIT_ISSUED, "");
}

const char *visits_rig_key(struct visits_rig *rig, int64_t day)
{
    static char path[128];
    char text[DAY_TEXT];

    day_text(text, day);
    snprintf(path, sizeof path, "%s/day-%s.key", rig->runtime, text);
    return path;
}

const char *visits_rig_src(struct visits_rig *rig, int64_t day, uint8_t last, const char *zone)
{
    const struct source source = source_ending(last);
    const struct visit_day *of = visit_day_find(rig->visits, day);
    static char out[2][32];
    static int turn;
    uint64_t src = 0;

    assert(of && of->key);
    assert(pseudonym_of(day_key_bytes(of->key), visit_zones_get(rig->visits->zones, zone, NULL)->id, &source, &src) == 0);
    turn = !turn;
    snprintf(out[turn], sizeof out[turn], "%016" PRIx64, src);
    return out[turn];
}
