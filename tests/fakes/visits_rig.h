/*
 * Visits over a store that remembers (visit_store.h), with a runtime folder in memory and clocks that only go where the test
 * moves them. They stand at 2026-11-21 12:00:00 UTC when it opens.
 */
#ifndef FAKES_VISITS_RIG_H
#define FAKES_VISITS_RIG_H

#include "engine/clock.h"
#include "plugin/settings.h"
#include "records/day_key.h"
#include "records/visits.h"
#include "visit_store.h"

enum { RIG_DAY = 20778 }; /* 2026-11-21 */
#define RIG_NOON_MS (RIG_DAY * DAY_MS + DAY_MS / 2)

struct visits_rig {
    struct visit_store store;
    struct metrics *metrics;
    struct visits_settings settings; /* may be changed before the visits are opened */
    struct visits_with with;
    char runtime[64];
    struct visits *visits;
};

void visits_rig_open(struct visits_rig *rig); /* all but the visits */
/* The same on a loop that there is, with clocks that are left alone. */
void visits_rig_open_on(struct visits_rig *rig, struct loop *loop);
void visits_rig_start(struct visits_rig *rig);
void visits_rig_stop(struct visits_rig *rig);  /* the visits only: as a clean stop of the server */
void visits_rig_close(struct visits_rig *rig); /* and everything else */

/* Turn the loop until everything that was begun has come back; timers are not waited for. */
void visits_rig_turn(struct visits_rig *rig);
/* Both clocks go on, what is due happens, and what it begins comes back. */
void visits_rig_pass(struct visits_rig *rig, int64_t ms);

/* A visit from an IPv4 address that ends with the byte `last`. */
struct visit *visits_rig_begin(struct visits_rig *rig, uint8_t last);
/* … that was issued in the zone. */
void visits_rig_whole(struct visits_rig *rig, uint8_t last, const char *zone);
/* The pseudonym of that address, as the store writes it, under the key of the day. */
const char *visits_rig_src(struct visits_rig *rig, int64_t day, uint8_t last, const char *zone);
/* The path of a day's key file; static. */
const char *visits_rig_key(struct visits_rig *rig, int64_t day);

#endif
