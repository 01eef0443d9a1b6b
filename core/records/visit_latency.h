/*
 * How long calls of the CA and DNS instances took, counted in quarter-octaves until the next batch takes the counts to the
 * store. Used by visits.c and visit_batch.c.
 */
#ifndef RECORDS_VISIT_LATENCY_H
#define RECORDS_VISIT_LATENCY_H

#include <countersign/visit.h>

enum { LATENCY_BUCKETS = 4 * 27 + 1 }; /* up to 2^27 ms, a day and a half */

/* The bucket b of a call: 2^((b - 1) / 4) ms < ms <= 2^(b / 4) ms; bucket 0 ends at 1 ms. What is longer goes to the last. */
int64_t visit_latency_bucket(int64_t ms);

struct visit_latencies {
    struct latency_counts *first;
    int64_t n; /* calls counted */
};
/* `role` lives as long as the program; `instance` is copied. Without memory it is not counted. */
void visit_latency_add(struct visit_latencies *latencies, const char *role, const char *instance, int64_t ms);
bool visit_latency_wait(const struct visit_latencies *latencies); /* is there any? */
/* Hands over all counts and begins anew: *out is malloc'd, its strings are the counts'. NULL: nothing, or no memory for it. */
struct cs_latency *visit_latency_take(struct visit_latencies *latencies, int64_t day, size_t *n);
/* A batch could not be written: its counts are added again. */
void visit_latency_give_back(struct visit_latencies *latencies, const struct cs_latency *taken, size_t n);
void visit_latency_free(struct visit_latencies *latencies);

#endif
