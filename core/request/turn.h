/*
 * Jobs take turns: those of one zone go one at a time, or `parallel` at a time, and so do those for the same names at the same
 * CA. Each kind has lines of its own, a line for each key; lines never wait for each other. Called by job.c. A place is
 * embedded in the job; waiting ones keep their order.
 */
#ifndef REQUEST_TURN_H
#define REQUEST_TURN_H

#include <countersign/plugin.h>

#include "engine/loop.h"

struct turns; /* the lines of a kind */
struct turn_place {
    struct line *line; /* NULL: not in any */
    struct turn_place *next, *prev;
    bool running;
    void (*turn)(void *arg);
    void *arg;
};

struct turns *turns_new(struct loop *loop);
void turns_free(struct turns *turns); /* NULL is allowed */

/* Wait for a turn: turn(arg) runs on the loop, later. `parallel` is how many may have theirs at a time, and holds from here on
 * for the whole line. -1: no memory. */
int turn_join(struct turns *turns, const char *key, int64_t parallel, struct turn_place *place, void (*turn)(void *arg),
              void *arg, struct cs_error *err);
/* Give the turn, or the place in the line, back. Harmless when in none. */
void turn_leave(struct turn_place *place);
/* How many stand before this one. */
size_t turn_ahead(const struct turn_place *place);

#endif
