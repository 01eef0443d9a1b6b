/*
 * The 64-bit ids of zones, from which pseudonyms are made: random, kept with the visits, never used for another zone, nor again
 * for one whose visits were erased. Used by visit.c, visit_batch.c and visit_erase.c.
 */
#ifndef RECORDS_VISIT_ZONES_H
#define RECORDS_VISIT_ZONES_H

#include <countersign/plugin.h>

struct visit_zone {
    struct visit_zone *next;
    uint64_t id;
    bool stored;
    char name[];
};

struct visit_zones;
struct visit_zones *visit_zones_new(void);        /* NULL: no memory */
void visit_zones_free(struct visit_zones *zones); /* NULL is allowed */

/* One that the store has. */
int visit_zones_add(struct visit_zones *zones, const char *name, uint64_t id, struct cs_error *err);
/* The zone's id; it gets one when it has none. NULL and *err: no memory, or no random bytes. */
const struct visit_zone *visit_zones_get(struct visit_zones *zones, const char *name, struct cs_error *err);
/* The zone gets a new id when it is next met. */
void visit_zones_forget(struct visit_zones *zones, const char *name);

struct visit_zone *visit_zones_first(const struct visit_zones *zones); /* of the list by `next` */
size_t visit_zones_unstored(const struct visit_zones *zones);
/* The store has this one now; harmless when it was forgotten meanwhile. */
void visit_zones_stored(struct visit_zones *zones, const char *name, uint64_t id);

#endif
