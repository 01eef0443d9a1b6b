/*
 * Numbers added up under names; see sums.h. Called by report_charts.c.
 */
#include "command/sums.h"

#include <stdlib.h>
#include <string.h>

/* The one that was found last comes next most often, as rows are in order: so the search goes backwards. */
struct sum *sums_find(struct sums *sums, const char *name, const char *second)
{
    struct sum *at;

    for (size_t i = sums->n; i-- > 0;)
        if (strcmp(sums->at[i].name, name) == 0 && strcmp(sums->at[i].second, second) == 0)
            return &sums->at[i];
    if (sums->n == sums->room) {
        at = reallocarray(sums->at, sums->room ? sums->room * 2 : 16, sizeof *at);
        if (!at)
            return NULL;
        sums->at = at;
        sums->room = sums->room ? sums->room * 2 : 16;
    }
    sums->at[sums->n] = (struct sum){ .name = name, .second = second };
    return &sums->at[sums->n++];
}

void sum_add(struct sum *sum, size_t part, int64_t number)
{
    sum->parts[part] += number;
    sum->all += number;
}

void sums_order(struct sums *sums)
{
    for (size_t i = 1; i < sums->n; i++) {
        struct sum moved = sums->at[i];
        size_t to = i;

        for (; to > 0 && sums->at[to - 1].all < moved.all; to--)
            sums->at[to] = sums->at[to - 1];
        sums->at[to] = moved;
    }
}

void sums_free(struct sums *sums)
{
    free(sums->at);
    *sums = (struct sums){ 0 };
}
