/*
 * What is only looked up when somebody asks for /metrics: how long queues are, what the kernel says of the process, what others
 * have counted. Made and asked by serve.c. docs/metrics.md tells what each means.
 */
#ifndef COMMAND_GAUGES_H
#define COMMAND_GAUGES_H

#include "records/ledger.h"
#include "records/outbox.h"
#include "records/visits.h"
#include "request/heart.h"

/* Whose figures; all but `metrics` and `settings` may be NULL. */
struct gauges {
    struct metrics *metrics;
    const struct settings *settings;
    struct instances *instances;
    const struct store *store;
    const struct visits *visits;
    const struct outbox *outbox;
    const struct ledger *ledger;
    const struct heart *heart;
    bool visits_are_lost; /* their database cannot be used */
};

/* What stays as it is: versions, plugins, when the process began. */
void gauges_begin(const struct gauges *gauges);
/* Of these the plugins, when the configuration is another. */
void gauges_tell_plugins(const struct gauges *gauges);
/* Everything else, as it is now. */
void gauges_refresh(const struct gauges *gauges);

#endif
