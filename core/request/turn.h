/*
 * Jobs take turns: those of one zone go one at a time, or `parallel` at a time, and so do those for the same names in the same
 * account at a CA. Each kind has lines of its own, a line for each key; lines never wait for each other. A line goes in rounds,
 * in which each source has one turn, so that many orders of one do not keep the others waiting. Who comes while a round is
 * running is in the next, where the first order of a source comes before others' further ones. Orders of one source, and those
 * of none, keep their order. Called by job_line.c. A place is embedded in the job.
 */
#ifndef REQUEST_TURN_H
#define REQUEST_TURN_H

#include <countersign/plugin.h>

#include "engine/loop.h"

struct turns; /* the lines of a kind */
struct turn_place {
    /* Set before joining. */
    void (*turn)(void *arg);
    void *arg;
    const void *source; /* whose it is: compared, never followed; NULL: nobody's, each as if of a source of its own */
    /* turn.c's own */
    struct line *line; /* NULL: not in any */
    struct turn_place *next, *prev;
    uint64_t round;
    bool first; /* of its source, when it joined */
    bool running, reserved;
};

struct turns *turns_new(struct loop *loop);
void turns_free(struct turns *turns); /* NULL is allowed */

/* Room in a line, until the place joins that line or leaves. False: `most` wait there or have room, or there is no memory. */
bool turn_reserve(struct turns *turns, const char *key, size_t most, struct turn_place *place);
/* Wait for a turn: turn(arg) runs on the loop, later. `parallel` is how many may have theirs at a time, and holds from here on
 * for the whole line. -1: no memory. */
int turn_join(struct turns *turns, const char *key, int64_t parallel, struct turn_place *place, struct cs_error *err);
/* Give the turn, the place in the line, or the room back. Harmless when in none. */
void turn_leave(struct turn_place *place);
/* `arg` of one who has the turn that this place waits for; NULL: it waits for none. */
void *turn_taker(const struct turn_place *place);
/* How many stand before this one. */
size_t turn_ahead(const struct turn_place *place);

#endif
