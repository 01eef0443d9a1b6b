/*
 * How the visit of a request ends (records/visit.h), by the answer that it got. Called by request.c, and by job_waiter.c for
 * who was answered already.
 */
#ifndef REQUEST_OUTCOME_H
#define REQUEST_OUTCOME_H

#include "request/job.h"

/* The kind of key of a CSR (csr.h) as visits have it: a static word. */
const char *outcome_alg(const char *key_type);

/* Each ends the visit; NULL is allowed. */
void outcome_error(struct visit *visit, const struct cs_error *err);
void outcome_news(struct visit *visit, const struct job_news *news); /* of a job that is over, or suspended */

#endif
