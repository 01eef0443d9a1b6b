/*
 * Latencies of instances; see visit_latency.h. There are as many counts as the configuration has instances.
 */
#include "records/visit_latency.h"

#include <stdlib.h>
#include <string.h>

struct latency_counts {
    struct latency_counts *next;
    const char *role;
    int64_t n[LATENCY_BUCKETS];
    char instance[];
};

int64_t visit_latency_bucket(int64_t ms)
{
    /* 2^(1/4), 2^(2/4), 2^(3/4), 2: what a bucket ends at, relative to the octave's beginning. */
    static const double ends[] = { 1.189207115002721, 1.4142135623730951, 1.681792830507429, 2 };
    int64_t octave = 0;
    int quarter = 0;

    if (ms <= 1)
        return 0;
    while (octave < 26 && ms > INT64_C(2) << octave)
        octave++;
    while (quarter < 3 && (double)ms > ends[quarter] * (double)(INT64_C(1) << octave))
        quarter++;
    return octave * 4 + quarter + 1;
}

static struct latency_counts *counts_of(struct visit_latencies *latencies, const char *role, const char *instance)
{
    const size_t len = strlen(instance);
    struct latency_counts *counts = latencies->first;

    while (counts && (strcmp(counts->instance, instance) != 0 || strcmp(counts->role, role) != 0))
        counts = counts->next;
    if (counts)
        return counts;
    counts = calloc(1, sizeof *counts + len + 1);
    if (!counts)
        return NULL;
    counts->role = role;
    memcpy(counts->instance, instance, len + 1);
    counts->next = latencies->first;
    latencies->first = counts;
    return counts;
}

void visit_latency_add(struct visit_latencies *latencies, const char *role, const char *instance, int64_t ms)
{
    struct latency_counts *counts = counts_of(latencies, role, instance);

    if (!counts)
        return;
    counts->n[visit_latency_bucket(ms)]++;
    latencies->n++;
}

bool visit_latency_wait(const struct visit_latencies *latencies)
{
    return latencies->n > 0;
}

static size_t count_used(const struct visit_latencies *latencies)
{
    size_t n = 0;

    for (const struct latency_counts *counts = latencies->first; counts; counts = counts->next)
        for (int i = 0; i < LATENCY_BUCKETS; i++)
            n += counts->n[i] > 0;
    return n;
}

struct cs_latency *visit_latency_take(struct visit_latencies *latencies, int64_t day, size_t *n)
{
    const size_t used = count_used(latencies);
    struct cs_latency *out = used ? calloc(used, sizeof *out) : NULL;

    *n = 0;
    if (!out)
        return NULL;
    for (struct latency_counts *counts = latencies->first; counts; counts = counts->next)
        for (int i = 0; i < LATENCY_BUCKETS; i++) {
            if (!counts->n[i])
                continue;
            out[(*n)++] = (struct cs_latency){ .size = sizeof *out,
                                               .day = day,
                                               .role = counts->role,
                                               .instance = counts->instance,
                                               .bucket = i,
                                               .n = counts->n[i] };
            counts->n[i] = 0;
        }
    latencies->n = 0;
    return out;
}

void visit_latency_give_back(struct visit_latencies *latencies, const struct cs_latency *taken, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct latency_counts *counts = counts_of(latencies, taken[i].role, taken[i].instance);

        if (!counts)
            continue;
        counts->n[taken[i].bucket] += taken[i].n;
        latencies->n += taken[i].n;
    }
}

void visit_latency_free(struct visit_latencies *latencies)
{
    struct latency_counts *next;

    for (struct latency_counts *counts = latencies->first; counts; counts = next) {
        next = counts->next;
        free(counts);
    }
    latencies->first = NULL;
}
