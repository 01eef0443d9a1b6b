/*
 * What is remembered about sources, for limits.c: their token buckets and what they have under way. A table of fixed size, in
 * which a source is found by a keyed hash of its address; the address itself is not kept. Who has used up nothing is forgotten;
 * when the table is full, a newcomer takes the place of one that would be forgotten soon (docs/limits.md). Loop thread only.
 */
#ifndef HTTP_SOURCES_H
#define HTTP_SOURCES_H

#include <countersign/plugin.h>

#include "base/source.h"

enum source_bucket { SOURCE_POSTS, SOURCE_FAILED_POSTS, SOURCE_POLLS, SOURCE_CONNECTIONS, SOURCE_BUCKETS };

/* What a source has now. */
enum source_use {
    SOURCE_CONNECTED,  /* connections */
    SOURCE_UNFINISHED, /* of these, such as have not sent a whole request */
    SOURCE_WAITING,    /* posts that wait for an answer */
    SOURCE_KEPT,       /* what keeps it, so that it stays where it is */
    SOURCE_ORDERS,     /* open orders */
    SOURCE_USES
};

struct source_entry {
    uint8_t tag[16];
    int64_t full_ns[SOURCE_BUCKETS]; /* as rate.h has it */
    uint32_t used[SOURCE_USES];      /* while any is not 0, it is not forgotten, and stays where it is */
    uint32_t next;                   /* sources.c's own */
};

struct sources;

/* For so many sources at most. NULL and *err: no memory, or no random bytes. */
struct sources *sources_new(size_t most, struct cs_error *err);
void sources_free(struct sources *sources); /* NULL is allowed */

/* The entry of a source, a new one with full buckets if need be. Valid until the next call, longer while it has anything
 * under way. NULL: every entry has, or OpenSSL failed. */
struct source_entry *sources_get(struct sources *sources, const struct source *source, int64_t now_ns);

/* Forget those that have full buckets, among the next `n` places; called again and again it comes to all. */
void sources_sweep(struct sources *sources, size_t n, int64_t now_ns);

size_t sources_count(const struct sources *sources);
size_t sources_room(const struct sources *sources);
int64_t sources_evicted(const struct sources *sources); /* how often one was forgotten before its time */

#endif
