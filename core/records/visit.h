/*
 * Visits: signing requests as they are recorded about people. Each is in memory from its arrival to its end, with the pseudonym
 * that was computed when its zone was known; then it goes to visits.db in a batch that nobody waits for. docs/privacy.md says
 * why it is as it is. Made by command/serve.c; http/api.c begins visits, request/ ends them. Loop thread only.
 */
#ifndef RECORDS_VISIT_H
#define RECORDS_VISIT_H

#include "base/source.h"
#include "records/label.h"
#include "records/store.h"

struct visits;
struct visit;

enum visit_outcome {
    VISIT_ISSUED = 1, /* a new chain */
    VISIT_STORED,     /* the stored chain of an earlier order */
    VISIT_REFUSED,    /* the request's own fault */
    VISIT_FAILED,     /* ours, or that of somebody upstream */
    VISIT_LATE,       /* told to ask again: its time was up, the order goes on */
    VISIT_LEFT,       /* hung up before the answer */
    VISIT_UNFINISHED  /* the day was closed, or the server stopped, before its end */
};
enum visit_reached { VISIT_POSTED = 1, VISIT_SUBJECT, VISIT_CSR, VISIT_CHALLENGE, VISIT_AT_CHAIN };

struct visit_arrival {
    struct source source;
    const char *client; /* a static word of http/user_agent.h */
};

/* Every function takes a NULL visit and does nothing. NULL: no visits are recorded, or (counted as lost) there is no memory. */
struct visit *visit_begin(struct visits *visits, const struct visit_arrival *arrival);

/* As the client gave them; screened when the zone is known. Copies. */
void visit_labels(struct visit *visit, const struct visit_label *labels, size_t n);

/* Its subject's zone is known: the pseudonym is computed, the address forgotten, labels are screened. */
void visit_zone(struct visit *visit, const char *zone);
void visit_reached(struct visit *visit, enum visit_reached reached); /* never goes back */
void visit_alg(struct visit *visit, const char *alg);                /* a static word */

/* Recorded with the next batch, and freed. `error`: error_reason() of the answer, or "". */
void visit_end(struct visit *visit, enum visit_outcome outcome, const char *error);

/* How long a call of an instance took, well or not; `role` "ca" or "dns". */
void visits_latency(struct visits *visits, const char *role, const char *instance, int64_t ms);

#endif
