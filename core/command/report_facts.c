/*
 * What the writers of a report share; see report.h. Called by report_*.c and release_show.c.
 */
#include "command/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"

int report_add_fact(struct report *report, const char *name, const char *value)
{
    char *copy = strdup(value);

    assert(report->n_facts < REPORT_FACTS_MOST);
    if (!copy)
        return -1;
    report->facts[report->n_facts++] = (struct report_fact){ .name = name, .value = copy };
    return 0;
}

void report_free(struct report *report)
{
    for (size_t i = 0; i < report->n_facts; i++)
        free(report->facts[i].value);
    for (size_t i = 0; i < report->n_grids; i++)
        grid_free(&report->grids[i]);
    free(report->grids);
    grid_free(&report->flagged);
    *report = (struct report){ 0 };
}

/* The days that a row is about; false: it is about none. */
static bool days_of(const struct grid *grid, size_t row, int64_t *first, int64_t *last)
{
    if (day_parse(grid_named(grid, row, "day"), first)) {
        *last = *first;
        return true;
    }
    if (day_parse(grid_named(grid, row, "monday"), first)) {
        *last = *first + 6;
        return true;
    }
    return false;
}

void report_row_flags(const struct report *report, const struct grid *grid, size_t row, struct text *out)
{
    const struct grid *flagged = &report->flagged;
    int64_t first, last, day;

    if (!days_of(grid, row, &first, &last))
        return;
    for (size_t i = 0; i < flagged->n_rows; i++) {
        const char *flags = grid_named(flagged, i, "flags");
        int64_t lost = grid_number(flagged, i, "lost");

        if (!day_parse(grid_named(flagged, i, "day"), &day) || day < first || day > last)
            continue;
        text_add(out, out->len ? "; " : "");
        if (first != last)
            text_addf(out, "%s: ", grid_named(flagged, i, "day"));
        text_add(out, flags);
        if (lost > 0)
            text_addf(out, "%s%lld lost", *flags ? ", " : "", (long long)lost);
    }
}
