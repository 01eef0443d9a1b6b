/*
 * A line for each key that somebody waits or works for; see turn.h. Turns are given by a message to the loop, so that neither
 * joining nor leaving ever runs a job inside the call.
 */
#include "request/turn.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct chain {
    struct turn_place *first, *last;
};

struct line {
    struct turns *all;
    char *key;
    int64_t parallel, running;
    size_t waiting, reserved;
    uint64_t round;              /* the last one that has begun; 0: none */
    struct chain queue, at_work; /* those that wait, by round; those that have their turn */
    struct mail mail;
    bool posted;
};

struct turns {
    struct loop *loop;
    void *tree;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->key, ((const struct line *)b)->key);
}

static struct line *find_or_add(struct turns *all, const char *key)
{
    struct line *line = calloc(1, sizeof *line), **found = NULL;

    if (!line)
        return NULL;
    line->all = all;
    line->key = text_copy(key);
    if (line->key)
        found = tsearch(line, &all->tree, compare);
    if (!found || *found != line) {
        free(line->key);
        free(line);
    }
    return found ? *found : NULL;
}

static void forget_if_empty(struct line *line)
{
    if (line->running || line->queue.first || line->reserved || line->posted)
        return;
    tdelete(line, &line->all->tree, compare);
    free(line->key);
    free(line);
}

/* ---- Chains ---- */

static void take_off(struct chain *chain, struct turn_place *place)
{
    *(place->prev ? &place->prev->next : &chain->first) = place->next;
    *(place->next ? &place->next->prev : &chain->last) = place->prev;
    place->next = place->prev = NULL;
}

static bool goes_before(const struct turn_place *place, const struct turn_place *other)
{
    return place->round < other->round || (place->round == other->round && place->first && !other->first);
}

static void put_in(struct chain *chain, struct turn_place *place)
{
    struct turn_place *before = chain->last;

    while (before && goes_before(place, before))
        before = before->prev;
    place->prev = before;
    place->next = before ? before->next : chain->first;
    *(place->prev ? &place->prev->next : &chain->first) = place;
    *(place->next ? &place->next->prev : &chain->last) = place;
}

/* The last round in which the source has a place; 0: it has none. */
static uint64_t last_round(const struct line *line, const void *source)
{
    const struct turn_place *waiting = line->queue.last;
    uint64_t last = 0;

    while (waiting && waiting->source != source)
        waiting = waiting->prev;
    if (waiting)
        return waiting->round;
    for (const struct turn_place *p = line->at_work.first; p; p = p->next)
        if (p->source == source && p->round > last)
            last = p->round;
    return last;
}

/* Nobody enters a round that has begun, not even who is in none: those who come again and again would make it last for ever. */
static void choose_round(const struct line *line, struct turn_place *place)
{
    const uint64_t last = place->source ? last_round(line, place->source) : 0;

    place->first = last == 0;
    place->round = (last > line->round ? last : line->round) + 1;
}

/* ---- Turns ---- */

static void give_turns(struct mail *mail)
{
    struct line *line = (struct line *)((char *)mail - offsetof(struct line, mail));

    while (line->queue.first && line->running < line->parallel) {
        struct turn_place *place = line->queue.first;

        take_off(&line->queue, place);
        put_in(&line->at_work, place);
        line->waiting--;
        line->round = place->round;
        place->running = true;
        line->running++;
        place->turn(place->arg);
    }
    line->posted = false;
    forget_if_empty(line);
}

static void post(struct line *line)
{
    if (line->posted)
        return;
    line->posted = true;
    line->mail.fn = give_turns;
    loop_post(line->all->loop, &line->mail);
}

bool turn_reserve(struct turns *turns, const char *key, size_t most, struct turn_place *place)
{
    struct line *line = find_or_add(turns, key);

    assert(!place->line);
    if (!line || line->waiting + line->reserved >= most)
        return false;
    place->line = line;
    place->reserved = true;
    line->reserved++;
    return true;
}

int turn_join(struct turns *turns, const char *key, int64_t parallel, struct turn_place *place, struct cs_error *err)
{
    struct line *line = place->reserved ? place->line : find_or_add(turns, key);

    assert(!place->line || place->reserved);
    if (!line)
        return cs_fail(err, CS_EBUSY, "out of memory");
    line->reserved -= place->reserved;
    place->reserved = false;
    place->line = line;
    choose_round(line, place);
    put_in(&line->queue, place);
    line->waiting++;
    line->parallel = parallel > 0 ? parallel : 1;
    if (line->running < line->parallel)
        post(line);
    return 0;
}

void turn_leave(struct turn_place *place)
{
    struct line *line = place->line;

    if (!line)
        return;
    if (place->reserved) {
        line->reserved--;
    } else if (place->running) {
        line->running--;
        take_off(&line->at_work, place);
    } else {
        line->waiting--;
        take_off(&line->queue, place);
    }
    *place = (struct turn_place){ 0 };
    if (line->queue.first && line->running < line->parallel)
        post(line);
    forget_if_empty(line);
}

void *turn_taker(const struct turn_place *place)
{
    if (!place->line || place->running || place->reserved || !place->line->at_work.first)
        return NULL;
    return place->line->at_work.first->arg;
}

size_t turn_ahead(const struct turn_place *place)
{
    size_t n = 0;

    if (!place->line || place->running)
        return 0;
    for (const struct turn_place *p = place->prev; p; p = p->prev)
        n++;
    return n + (size_t)place->line->running;
}

struct turns *turns_new(struct loop *loop)
{
    struct turns *turns = calloc(1, sizeof *turns);

    if (turns)
        turns->loop = loop;
    return turns;
}

static void free_line(void *node)
{
    struct line *line = node;

    free(line->key);
    free(line);
}

void turns_free(struct turns *turns)
{
    if (!turns)
        return;
    tdestroy(turns->tree, free_line);
    free(turns);
}
