/*
 * One audit sink of the visits ledger: hands the visits of an hour to its plugin in a thread of its own, and tries again with
 * growing pauses while that fails. Used by ledger.c. Loop thread only.
 */
#ifndef RECORDS_VISIT_SINK_H
#define RECORDS_VISIT_SINK_H

#include "plugin/instance.h"

/* Visits of an hour that say the same, without a number of them. */
struct ledger_row {
    int64_t n;
    char json[];
};

/* An hour's visits, in the order in which they are handed over. Several sinks share one; what is in it does not change. */
struct ledger_hour {
    size_t refs; /* the loop's */
    size_t n;
    struct ledger_row *rows[];
};
void ledger_hour_drop(struct ledger_hour *hour); /* one reference less; NULL is allowed */

struct visit_sink;
/* At most `most` rows wait, and the oldest hour is dropped for a new one. NULL and *err without memory. */
struct visit_sink *visit_sink_new(struct loop *loop, struct instance *instance, size_t most, struct cs_error *err);
/* What waits is lost, and logged. NULL is allowed; nothing of it is out (visit_sink_is_out). */
void visit_sink_free(struct visit_sink *sink);

void visit_sink_give(struct visit_sink *sink, struct ledger_hour *hour); /* takes a reference of its own */
void visit_sink_reopen(struct visit_sink *sink);

void visit_sink_move(struct visit_sink *sink, struct instance *instance);
const struct instance *visit_sink_instance(const struct visit_sink *sink);

const char *visit_sink_name(const struct visit_sink *sink);
size_t visit_sink_waiting(const struct visit_sink *sink);  /* rows */
int64_t visit_sink_lost(const struct visit_sink *sink);    /* visits that it did not get, and will not */
void visit_sink_lose(struct visit_sink *sink, int64_t n);  /* so many never came as far as here */

/* As sink.h has them. */
void visit_sink_last_chance(struct visit_sink *sink);
void visit_sink_stop(struct visit_sink *sink);
bool visit_sink_is_quiet(const struct visit_sink *sink);
bool visit_sink_is_out(const struct visit_sink *sink);

#endif
