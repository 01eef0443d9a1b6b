/*
 * The audit sinks of one ledger, as the configuration names them, and how they give way to those of a new file. Used by
 * outbox.c and ledger.c, whose sinks differ. Loop thread only.
 */
#ifndef RECORDS_SINK_SET_H
#define RECORDS_SINK_SET_H

#include "plugin/instance.h"

struct sink_kind {
    enum ledger_kind ledger;
    void *(*make)(void *arg, struct instance *instance, struct cs_error *err); /* NULL and *err */
    void (*free)(void *sink);
    void (*stop)(void *sink);          /* nothing new is begun */
    bool (*is_out)(const void *sink);  /* a call is under way: it cannot be freed */
    void (*move)(void *sink, struct instance *instance); /* to another one of the same name */
    const struct instance *(*instance)(const void *sink);
};

struct sink_set {
    const struct sink_kind *kind;
    void *arg; /* of make() */
    void **at; /* the sinks */
    size_t n;
    void **leaving; /* of an earlier file, with a call that is out */
    size_t n_leaving;
};

struct sink_change;
/* The sinks that the instances ask for; a set that is empty so far gets its first ones so. NULL and *err. */
struct sink_change *sink_set_prepare(const struct sink_set *set, struct instances *all, struct cs_error *err);
/* Sinks of the same name go on where they are, with the instance of the new file; those that it has not end. */
void sink_set_switch(struct sink_set *set, struct sink_change *change);
void sink_set_drop(const struct sink_set *set, struct sink_change *change); /* NULL is allowed */

/* Does a sink use it? Sinks that have ended and are at rest are freed. */
bool sink_set_uses(struct sink_set *set, const struct instance *instance);
/* Do those that leave have a call that is out? */
bool sink_set_is_leaving(const struct sink_set *set);
void sink_set_free(struct sink_set *set); /* all of them */

#endif
