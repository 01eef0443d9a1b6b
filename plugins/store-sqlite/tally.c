/*
 * Additions to the totals. One visit adds to some twenty rows, and the visits of a batch to much the same ones: they are added
 * up in memory and written when the batch ends, inside its savepoint. Fed by visit.c; written out by visits_writer.c.
 */
#include "visits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 8192, FULL = SLOTS / 2, ONE_VISIT = 64 };

struct count {
    struct tally_key key; /* kind 0: the slot is free */
    int64_t requests, least, most;
};

struct tally {
    size_t n;
    uint16_t used[FULL]; /* slots, as they were taken */
    struct count slots[SLOTS];
};

/* How a table is written: so many numbers of the key, and does it count sources? */
static const struct {
    size_t key;
    bool uniques;
} tables[] = {
    [TALLY_TOTAL] = { 3, true }, [TALLY_SET] = { 3, true },  [TALLY_STEP] = { 5, false },
    [TALLY_HOUR] = { 2, false }, [TALLY_DAY] = { 0, false },
};

struct tally *tally_new(void)
{
    return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *tally)
{
    free(tally);
}

void tally_forget(struct tally *tally)
{
    for (size_t i = 0; i < tally->n; i++)
        tally->slots[tally->used[i]] = (struct count){ 0 };
    tally->n = 0;
}

static size_t slot_of(const struct tally_key *key)
{
    uint64_t hash = (uint64_t)key->kind * 0x9e3779b97f4a7c15u ^ (uint64_t)key->day;

    for (size_t i = 0; i < 5; i++)
        hash = (hash ^ hash >> 29 ^ (uint64_t)key->id[i]) * 0xbf58476d1ce4e5b9u;
    return (size_t)(hash >> 32) % SLOTS;
}

static bool same(const struct tally_key *a, const struct tally_key *b)
{
    return a->kind == b->kind && a->day == b->day && memcmp(a->id, b->id, sizeof a->id) == 0;
}

int tally_make_room(struct conn *c, struct cs_error *err)
{
    return c->visits->tally->n + ONE_VISIT > FULL ? visits_writer_flush(c, err) : 0;
}

void tally_add(struct tally *tally, const struct tally_key *key, bool least, bool most)
{
    size_t slot = slot_of(key);
    struct count *count;

    while (tally->slots[slot].key.kind && !same(&tally->slots[slot].key, key))
        slot = (slot + 1) % SLOTS;
    count = &tally->slots[slot];
    if (!count->key.kind) {
        assert(tally->n < FULL);
        count->key = *key;
        tally->used[tally->n++] = (uint16_t)slot;
    }
    count->requests++;
    count->least += least;
    count->most += most;
}

static sqlite3_stmt *statement_of(const struct conn *c, enum tally_kind kind)
{
    switch (kind) {
    case TALLY_TOTAL:
        return c->v.total_add;
    case TALLY_SET:
        return c->v.set_total_add;
    case TALLY_STEP:
        return c->v.step_total_add;
    case TALLY_HOUR:
        return c->v.hour_total_add;
    case TALLY_DAY:
        return c->v.recorded_add;
    }
    return NULL;
}

static int write_one(struct conn *c, const struct count *count, struct cs_error *err)
{
    struct query q = query_on(c, statement_of(c, count->key.kind));

    query_int(&q, count->key.day);
    for (size_t i = 0; i < tables[count->key.kind].key; i++)
        query_int(&q, count->key.id[i]);
    query_int(&q, count->requests);
    if (tables[count->key.kind].uniques) {
        query_int(&q, count->least);
        query_int(&q, count->most);
    }
    return query_run(&q, err);
}

int tally_flush(struct conn *c, struct cs_error *err)
{
    struct tally *tally = c->visits->tally;

    for (size_t i = 0; i < tally->n; i++)
        if (write_one(c, &tally->slots[tally->used[i]], err) < 0)
            return -1;
    tally_forget(tally);
    return 0;
}
