/*
 * Group commit: many pieces of work in one transaction, each undone by itself if it fails. Used by the threads of store.c;
 * knows no threads.
 */
#ifndef RECORDS_BATCH_H
#define RECORDS_BATCH_H

#include "records/store.h"

/* A piece of work that waits, runs, and then is the message that tells the loop how it went. */
struct piece {
    struct mail mail;
    struct piece *next;
    store_fn *fn;
    void *arg;
    cs_done_fn *done;
    void *done_arg;
    int64_t since_ms; /* when its turn came; of a lazy one: when it has waited long enough for company */
    bool alone;       /* not in a transaction */
    bool lazy;        /* nobody waits for it: it may wait for the next piece that somebody waits for */
    bool failed;
    struct cs_error err; /* when it failed */
};

enum batch_end {
    BATCH_COMMITTED = 1, /* those that have not failed are safe                                             */
    BATCH_EMPTY,         /* every piece failed by itself: there was nothing to commit                        */
    BATCH_LOST           /* the transaction failed, and all pieces with it; *err says why                    */
};

/* Run the pieces (linked by `next`) in order. A piece that fails is undone; the others stand. */
enum batch_end batch_write(const struct store_conn *c, struct piece *first, struct cs_error *err);

/* Run one piece in a snapshot. */
void batch_read(const struct store_conn *c, struct piece *piece);

/* Run one piece outside of any transaction. */
void batch_alone(const struct store_conn *c, struct piece *piece);

#endif
