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

struct line {
    struct turns *all;
    char *key;
    int64_t parallel, running;
    struct turn_place *first, *last; /* those that wait */
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
    if (line->running || line->first || line->posted)
        return;
    tdelete(line, &line->all->tree, compare);
    free(line->key);
    free(line);
}

static void take_off(struct line *line, struct turn_place *place)
{
    *(place->prev ? &place->prev->next : &line->first) = place->next;
    *(place->next ? &place->next->prev : &line->last) = place->prev;
    place->next = place->prev = NULL;
}

static void give_turns(struct mail *mail)
{
    struct line *line = (struct line *)((char *)mail - offsetof(struct line, mail));

    while (line->first && line->running < line->parallel) {
        struct turn_place *place = line->first;

        take_off(line, place);
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

int turn_join(struct turns *turns, const char *key, int64_t parallel, struct turn_place *place, void (*turn)(void *arg),
              void *arg, struct cs_error *err)
{
    struct line *line = find_or_add(turns, key);

    assert(!place->line);
    if (!line)
        return cs_fail(err, CS_EBUSY, "out of memory");
    *place = (struct turn_place){ .line = line, .prev = line->last, .turn = turn, .arg = arg };
    *(line->last ? &line->last->next : &line->first) = place;
    line->last = place;
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
    if (place->running)
        line->running--;
    else
        take_off(line, place);
    *place = (struct turn_place){ 0 };
    if (line->first && line->running < line->parallel)
        post(line);
    forget_if_empty(line);
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
