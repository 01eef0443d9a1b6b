/*
 * One audit sink: reads the events behind its cursor, hands them to its plugin in a thread of its own, and tries again with
 * growing pauses while that fails. Used by outbox.c. Loop thread only.
 */
#ifndef RECORDS_SINK_H
#define RECORDS_SINK_H

#include "records/store.h"

struct sink;

/* `on_moved` is called whenever events were delivered. NULL and *err without memory. */
struct sink *sink_new(struct loop *loop, struct store *store, struct instance *instance, void (*on_moved)(void *arg), void *arg,
                      struct cs_error *err);
void sink_free(struct sink *sink); /* NULL is allowed; nothing of it is out (sink_is_out) */

/* SIGHUP: the plugin opens its files anew, between two batches. */
void sink_reopen(struct sink *sink);

/* From now on that instance of the same name gets the events. */
void sink_move(struct sink *sink, struct instance *instance);
const struct instance *sink_instance(const struct sink *sink);

/* There may be new events. */
void sink_wake(struct sink *sink);

const char *sink_name(const struct sink *sink);
/* The number of the last event that was delivered; -1: not yet known. */
int64_t sink_cursor(const struct sink *sink);

/* One more try if it waits for one, and from now on no pauses: what fails is given up until the next start. */
void sink_last_chance(struct sink *sink);
/* From now on nothing new is begun. */
void sink_stop(struct sink *sink);
bool sink_is_quiet(const struct sink *sink); /* everything delivered, or waiting for a later try */
bool sink_is_out(const struct sink *sink);   /* a read or a call of the plugin is under way */

#endif
