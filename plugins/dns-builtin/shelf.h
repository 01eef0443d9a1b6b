/*
 * Hands snapshots from the loop, which makes them, to the thread that answers. Neither waits for the other: the answering
 * thread says which snapshot it reads, and the loop frees those that are neither current nor read.
 */
#ifndef DNS_BUILTIN_SHELF_H
#define DNS_BUILTIN_SHELF_H

#include <stdatomic.h>

#include "answer.h"

struct shelf {
    _Atomic(struct snapshot *) current;
    _Atomic(struct snapshot *) in_use;
    struct snapshot *retired; /* the loop's */
};

/* Loop: from now on the table as it is is served. -1: no memory; what was served before still is. */
int shelf_publish(struct shelf *shelf, const struct zones *zones, struct table *table, struct cs_error *err);
/* Loop: nobody reads any more. */
void shelf_clear(struct shelf *shelf, struct table *table);

/* The answering thread, one at a time: what is current, valid until shelf_give_back(). NULL only before the first publish. */
const struct snapshot *shelf_take(struct shelf *shelf);
void shelf_give_back(struct shelf *shelf);

#endif
