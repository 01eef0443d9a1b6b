/*
 * What request/ counts for /metrics: requests, orders and their steps, changes in the DNS. One place for the names, and for
 * what may stand in a label: words of the program and names of the configuration, nothing that a client or a CA sent. Called
 * throughout this folder. docs/metrics.md tells what each means.
 */
#ifndef REQUEST_COUNTS_H
#define REQUEST_COUNTS_H

#include "request/job.h"

/* That there are such metrics, before anything has been counted. */
void counts_declare(struct metrics *metrics);

/* A request was answered: with a chain; with an error; or with neither, it goes on elsewhere. */
void counts_request(struct metrics *metrics, bool chain, const struct cs_error *err);

/* The order has its end; `err` NULL: its chain is stored. */
void counts_order(const struct job *job, const struct cs_error *err);

/* The job begins to wait for something; what it did until now is over. `step` is what that was: "queued", "storing" or as the
 * CA plugin called it. NULL: nothing that is counted. */
void counts_step(struct job *job, const char *step);

/* Something was refused because of a limit of docs/limits.md, by its word: "posts", "orders-zone"; NULL: of none. */
void counts_limit(struct metrics *metrics, const char *limit);

/* A CA that was out was asked; and what is so when somebody looks. */
void counts_ca_probe(struct metrics *metrics, const char *ca, bool worked);
void counts_ca(struct metrics *metrics, const char *ca, bool is_out, size_t orders_waiting);

/* A revocation has ended; `err` NULL: the CA has confirmed it. */
void counts_revocation(struct metrics *metrics, const char *ca, const struct cs_error *err);

/* A set_txt has ended; `err` NULL: well. */
void counts_dns_change(struct metrics *metrics, const char *dns, int64_t began_ms, const struct cs_error *err);
/* A value that its back end has was looked for at the zone's servers; `err` NULL: they have it. */
void counts_dns_visible(struct metrics *metrics, const char *dns, int64_t began_ms, const struct cs_error *err);

#endif
