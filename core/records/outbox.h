/*
 * Feeds the audit sinks: events are written into the outbox in the state database together with what they tell of, numbered,
 * and go to each sink in order, at least once, each with its own cursor. A sink that is down delays nobody.
 */
#ifndef RECORDS_OUTBOX_H
#define RECORDS_OUTBOX_H

#include "records/store.h"

struct outbox;
struct sink_change;
/* `most` events are kept for slow sinks; beyond that the oldest go, counted and logged. */
struct outbox *outbox_open(struct loop *loop, struct store *store, struct instances *all, int64_t most, struct cs_error *err);
/* After loop_run() has returned: turns the loop itself, gives the sinks a last chance of 2 s, and waits for what a plugin has
 * begun. Before store_close(). NULL is allowed. */
void outbox_close(struct outbox *outbox);

/* SIGHUP: every sink opens its files anew. */
void outbox_reopen(struct outbox *outbox);

/* A new file: its sinks, for outbox_switch() or outbox_drop(); see sink_set.h. NULL and *err. */
struct sink_change *outbox_prepare(struct outbox *outbox, struct instances *all, struct cs_error *err);
void outbox_switch(struct outbox *outbox, struct sink_change *change, int64_t most);
void outbox_drop(struct outbox *outbox, struct sink_change *change); /* NULL is allowed */
bool outbox_uses(struct outbox *outbox, const struct instance *instance);

/* Inside a store_fn of a write: add an event to the same transaction. Writes nothing while there is no sink. */
int outbox_add(const struct store_conn *c, const char *kind, const char *json, size_t len, struct cs_error *err);
/* On the loop, after that write's commit: there is something to deliver. */
void outbox_wake(struct outbox *outbox);

/* An event of no transaction of its own (start, stop, the end of a key): queued and bounded; what does not fit is counted. */
void outbox_tell(struct outbox *outbox, const char *kind, const char *json, size_t len);
/* Events that were lost: told too fast, not written, or older than `most`. */
int64_t outbox_lost(const struct outbox *outbox);
/* Before /metrics is written: these, and those that wait for each sink. */
void outbox_measure(const struct outbox *outbox, struct metrics *metrics);

#endif
