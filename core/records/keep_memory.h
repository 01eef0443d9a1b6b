/*
 * What plugins keep, for commands that run one without a store: in memory, gone with the process. The two functions of a store
 * that keep.c calls, and no more of one.
 */
#ifndef RECORDS_KEEP_MEMORY_H
#define RECORDS_KEEP_MEMORY_H

#include <countersign/store.h>

struct keep_memory;
struct keep_memory *keep_memory_new(void); /* NULL: no memory */
void keep_memory_free(struct keep_memory *memory); /* NULL is allowed */

/* keep_put and keep_get only; their `conn` is a struct keep_memory. */
extern const struct cs_store_ops keep_memory_ops;

#endif
