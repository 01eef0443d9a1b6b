/*
 * Orders for one zone go one at a time, or `parallel` at a time; zones never wait for each other. Called by job.c. A place is
 * embedded in the job; waiting ones keep their order.
 */
#ifndef REQUEST_ZONE_QUEUE_H
#define REQUEST_ZONE_QUEUE_H

#include <countersign/plugin.h>

#include "engine/loop.h"

struct zone_queues;
struct zone_place {
    struct zone_queue *queue; /* NULL: not in any */
    struct zone_place *next, *prev;
    bool running;
    void (*turn)(void *arg);
    void *arg;
};

struct zone_queues *zone_queues_new(struct loop *loop);
void zone_queues_free(struct zone_queues *queues); /* NULL is allowed */

/* Wait for a turn: turn(arg) runs on the loop, later. `parallel` is what the zone's row says now, and holds from here on for
 * the whole queue. -1: no memory. */
int zone_queue_join(struct zone_queues *queues, const char *zone, int64_t parallel, struct zone_place *place,
                    void (*turn)(void *arg), void *arg, struct cs_error *err);
/* Give the turn, or the place in the line, back. Harmless when in none. */
void zone_queue_leave(struct zone_place *place);
/* How many stand before this one. */
size_t zone_queue_ahead(const struct zone_place *place);

#endif
