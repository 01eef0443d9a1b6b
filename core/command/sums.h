/*
 * Numbers added up under names, for charts. Called by report_charts.c.
 */
#ifndef COMMAND_SUMS_H
#define COMMAND_SUMS_H

#include "command/chart.h"

struct sum {
    const char *name;   /* as they were given: not owned */
    const char *second; /* "": none */
    int64_t parts[CHART_PARTS_MOST];
    int64_t all; /* of the parts */
    int64_t at_least, at_most;
};

struct sums {
    struct sum *at;
    size_t n, room;
};

/* The sum of that name, a new one when there is none yet; NULL without memory. Valid until the next one is new. */
struct sum *sums_find(struct sums *sums, const char *name, const char *second);
void sum_add(struct sum *sum, size_t part, int64_t number);

/* The largest come first; of equal ones, those that were there first. */
void sums_order(struct sums *sums);
void sums_free(struct sums *sums);

#endif
