/*
 * A line for each zone that has orders; see zone_queue.h. Turns are given by a message to the loop, so that neither joining nor
 * leaving ever runs a job inside the call.
 */
#include "request/zone_queue.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct zone_queue {
    struct zone_queues *all;
    char *zone;
    int64_t parallel, running;
    struct zone_place *first, *last; /* those that wait */
    struct mail mail;
    bool posted;
};

struct zone_queues {
    struct loop *loop;
    void *tree;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct zone_queue *)a)->zone, ((const struct zone_queue *)b)->zone);
}

static struct zone_queue *find_or_add(struct zone_queues *all, const char *zone)
{
    struct zone_queue *queue = calloc(1, sizeof *queue), **found = NULL;

    if (!queue)
        return NULL;
    queue->all = all;
    queue->zone = text_copy(zone);
    if (queue->zone)
        found = tsearch(queue, &all->tree, compare);
    if (!found || *found != queue) {
        free(queue->zone);
        free(queue);
    }
    return found ? *found : NULL;
}

static void forget_if_empty(struct zone_queue *queue)
{
    if (queue->running || queue->first || queue->posted)
        return;
    tdelete(queue, &queue->all->tree, compare);
    free(queue->zone);
    free(queue);
}

static void take_off(struct zone_queue *queue, struct zone_place *place)
{
    *(place->prev ? &place->prev->next : &queue->first) = place->next;
    *(place->next ? &place->next->prev : &queue->last) = place->prev;
    place->next = place->prev = NULL;
}

static void give_turns(struct mail *mail)
{
    struct zone_queue *queue = (struct zone_queue *)((char *)mail - offsetof(struct zone_queue, mail));

    while (queue->first && queue->running < queue->parallel) {
        struct zone_place *place = queue->first;

        take_off(queue, place);
        place->running = true;
        queue->running++;
        place->turn(place->arg);
    }
    queue->posted = false;
    forget_if_empty(queue);
}

static void post(struct zone_queue *queue)
{
    if (queue->posted)
        return;
    queue->posted = true;
    queue->mail.fn = give_turns;
    loop_post(queue->all->loop, &queue->mail);
}

int zone_queue_join(struct zone_queues *queues, const char *zone, int64_t parallel, struct zone_place *place,
                    void (*turn)(void *arg), void *arg, struct cs_error *err)
{
    struct zone_queue *queue = find_or_add(queues, zone);

    assert(!place->queue);
    if (!queue)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    *place = (struct zone_place){ .queue = queue, .prev = queue->last, .turn = turn, .arg = arg };
    *(queue->last ? &queue->last->next : &queue->first) = place;
    queue->last = place;
    queue->parallel = parallel > 0 ? parallel : 1;
    if (queue->running < queue->parallel)
        post(queue);
    return 0;
}

void zone_queue_leave(struct zone_place *place)
{
    struct zone_queue *queue = place->queue;

    if (!queue)
        return;
    if (place->running)
        queue->running--;
    else
        take_off(queue, place);
    *place = (struct zone_place){ 0 };
    if (queue->first && queue->running < queue->parallel)
        post(queue);
    forget_if_empty(queue);
}

size_t zone_queue_ahead(const struct zone_place *place)
{
    size_t n = 0;

    if (!place->queue || place->running)
        return 0;
    for (const struct zone_place *p = place->prev; p; p = p->prev)
        n++;
    return n + (size_t)place->queue->running;
}

struct zone_queues *zone_queues_new(struct loop *loop)
{
    struct zone_queues *queues = calloc(1, sizeof *queues);

    if (queues)
        queues->loop = loop;
    return queues;
}

static void free_queue(void *node)
{
    struct zone_queue *queue = node;

    free(queue->zone);
    free(queue);
}

void zone_queues_free(struct zone_queues *queues)
{
    if (!queues)
        return;
    tdestroy(queues->tree, free_queue);
    free(queues);
}
