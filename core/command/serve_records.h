/*
 * Everything that the running server writes down, opened and closed in order. Called by serve.c.
 */
#ifndef COMMAND_SERVE_RECORDS_H
#define COMMAND_SERVE_RECORDS_H

#include "records/keep.h"
#include "records/visits.h"

struct records {
    struct store *store; /* the state */
    struct keep *keep;
    struct outbox *outbox;
    struct ledger *ledger;
    struct labels_declared *labels; /* NULL as long as no visits are recorded */
    struct visits *visits;          /* NULL: none are recorded; the configuration or the store does without */
    bool visits_are_lost;           /* none are recorded, though they should: their database cannot be used */
};

/* Opens the store's instance and the audit instances, migrates, and starts the threads; from then on cs_keep_get() and
 * cs_keep_put() work. Blocks. What was opened when it fails is closed by records_close(). */
int records_open(struct records *records, struct loop *loop, struct instances *instances, struct metrics *metrics,
                 const struct settings *settings, struct cs_error *err);

struct visits_trust records_trust(const struct settings *settings);

/* Visits first, as they feed the ledger and the outbox; the store last. Callbacks are heard before it returns, but for those of
 * who has written to the store: they come with the loop's next turn. The keep is freed with records_free(). */
void records_close(struct records *records);
void records_free(struct records *records); /* once the instances are gone */

#endif
