/*
 * The visits ledger for audit plugins: visits of an hour are kept in memory, shuffled, and handed over with their day only, no
 * pseudonym, no number, no time. Nothing of it is ever queued on disk: what a sink does not take is lost, and counted. Made by
 * command/serve.c; fed by visit.c. Loop thread only.
 */
#ifndef RECORDS_LEDGER_H
#define RECORDS_LEDGER_H

#include "engine/metrics.h"
#include "records/store.h"

struct ledger;
struct sink_change;

/* For the audit instances whose block says ledger = "visits". NULL and *err without memory. */
struct ledger *ledger_open(struct loop *loop, struct instances *all, struct metrics *metrics, struct cs_error *err);

/* Copies. `ledger` NULL, or no sink: nothing. */
void ledger_add(struct ledger *ledger, const struct cs_visit *visit);

/* SIGHUP: every sink opens its files anew. NULL is allowed. */
void ledger_reopen(struct ledger *ledger);

/* A new file, as outbox.h has it. What a sink that ends was not given is lost, and counted. */
struct sink_change *ledger_prepare(struct ledger *ledger, struct instances *all, struct cs_error *err);
void ledger_switch(struct ledger *ledger, struct sink_change *change);
void ledger_drop(struct ledger *ledger, struct sink_change *change); /* NULL is allowed */
bool ledger_uses(struct ledger *ledger, const struct instance *instance);

/* Before /metrics is written: how many visits wait, and were lost, for each sink. NULL is allowed. */
void ledger_measure(const struct ledger *ledger);

/* After loop_run() has returned: hands over what there is, shuffled, gives the sinks a last chance of 2 s, and waits for what a
 * plugin has begun. NULL is allowed. */
void ledger_close(struct ledger *ledger);

#endif
