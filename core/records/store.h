/*
 * The records: a writer thread and a few reader threads over the store plugin, each with a connection of its own. All writes
 * that arrived while the last commit ran make up the next transaction, each piece undone by itself if it fails (group commit).
 * Writes that nobody waits for have no transaction of their own: they are part of the next one.
 * There are two of them over one plugin: one on the state, used by keep.c, outbox.c and request/, one on the visits, used by
 * visits.c.
 */
#ifndef RECORDS_STORE_H
#define RECORDS_STORE_H

#include "engine/metrics.h"
#include "plugin/instance.h"

struct store;

/* A piece of work on a connection, in the writer's or a reader's thread. Returns 0, or -1 and *err: a write is then undone, and
 * perhaps called a second time. */
struct store_conn {
    const struct cs_store_ops *ops;
    void *conn;
    bool audited; /* there is an audit sink: outbox_add() writes; otherwise it need not */
};
typedef int store_fn(const struct store_conn *c, void *arg, struct cs_error *err);

/* Connects a writer for the one use and `readers` readers for the other. The schema is migrated already (store_migrate). */
struct store *store_open(struct loop *loop, struct instance *instance, enum cs_store_use writer, enum cs_store_use reader,
                         size_t readers, struct cs_error *err);
void store_close(struct store *store); /* runs what is queued, then joins; callbacks of it still run from the loop */

int store_migrate(struct instance *instance, bool may_change, struct cs_error *err);

/* Queue a write: fn(conn, arg) in the writer's thread, inside a transaction; `done` on the loop after its commit, or with why
 * it failed: fn's own error, or the commit's. Bounded: over 10,000 waiting pieces `done` says CS_EBUSY. `arg` is the caller's
 * until `done` ran. */
void store_write(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);
/* The same for a write that nobody waits for; on the loop only. It has no commit of its own: it is committed with the next
 * store_write(), at most half a second later. Writes keep their order, lazy or not: when the `done` of a store_write() runs,
 * all that came before it is committed or has failed. A crash before that loses it. store_close() commits what is left. */
void store_write_lazily(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);
/* The server stops: what is lazy is written now, and nothing is lazy from now on. On the loop. */
void store_hurry(struct store *store);
/* Queue a read, in a snapshot. This and store_write() from any thread. Without memory 64 of all these are taken from a stock;
 * when that is used up as well, `done` runs inside the call, with CS_EBUSY. */
void store_read(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);

/* The same in the writer's or a reader's thread, when its turn comes, but outside of any transaction. */
void store_write_alone(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);
void store_read_alone(struct store *store, store_fn *fn, void *arg, cs_done_fn *done, void *done_arg);

/* Called by outbox_open(): are there audit sinks? */
void store_want_events(struct store *store, bool wanted);

/* Has the last write failed (disk full, locked), is there no room for another order? NULL: all is well. For /readyz. */
const char *store_trouble(const struct store *store);
/* Commits so far, for the tests and the bench. */
int64_t store_commits(const struct store *store);
/* Before /metrics is written: commits, how long they took, and what waits; on the loop. `records`: "state" or "visits". */
void store_measure(const struct store *store, struct metrics *metrics, const char *records);

/* For commands: one connection and one transaction, in this thread; the other outside of any transaction. */
int store_with(struct instance *instance, enum cs_store_use use, store_fn *fn, void *arg, struct cs_error *err);
int store_with_alone(struct instance *instance, enum cs_store_use use, store_fn *fn, void *arg, struct cs_error *err);

#endif
