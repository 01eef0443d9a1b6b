/*
 * Figures for a release, out of the analytics database; see release_make.h. Called by report_public.c.
 */
#include "command/release_make.h"

#include <stdlib.h>
#include <string.h>

#include "command/report_views.h"

enum { K_LEAST = 10 };

static const char *const outcomes[] = { "issued", "stored", "refused", "failed", "late", "left", "unfinished" };

/* The views of the week. */
struct week {
    const struct report_options *options;
    struct grid days, sources, requests;
    struct release *release;
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- may it be released? ----------------------------------------------------------------------------------------- */

static int check_over(const struct report_options *o, const char *as_of, int64_t today, struct cs_error *err)
{
    char last[DAY_TEXT], published[DAY_TEXT] = { 0 };
    int64_t day;

    day_text(last, o->monday + 6);
    memcpy(published, as_of, sizeof published - 1);
    if (today <= o->monday + 6)
        return cs_fail(err, CS_EINPUT, "%s is not over: its last day is %s", o->week, last);
    if (!day_parse(published, &day) || day <= o->monday + 6)
        return cs_fail(err, CS_EINPUT,
                       "the analytics database is of %s, when %s was not over: ask again after the server published it", as_of,
                       o->week);
    return 0;
}

static int check_closed(const struct week *week, struct cs_error *err)
{
    for (size_t row = 0; row < week->days.n_rows; row++)
        if (grid_number(&week->days, row, "closed") != 1)
            return cs_fail(err, CS_EINPUT,
                           "%s of %s is not closed yet: that happens some minutes after midnight UTC, while the "
                           "server runs",
                           grid_named(&week->days, row, "day"), week->options->week);
    if (week->sources.n_rows == 0)
        return cs_fail(err, CS_ENOTFOUND, "no request for %s is recorded in %s", week->options->zone, week->options->week);
    return 0;
}

/* ---- days and outcomes ------------------------------------------------------------------------------------------- */

static void add_up(struct release_cell *cell, const struct grid *grid, size_t row)
{
    cell->requests += grid_number(grid, row, "requests");
    cell->sources = larger(cell->sources, grid_number(grid, row, "at_least"));
}

static int make_days(struct week *week)
{
    struct release_table *table = release_add_table(week->release, RELEASE_BY_DAY, NULL);
    int64_t day;

    for (int64_t i = 0; table && i < RELEASE_DAYS; i++) {
        char name[DAY_TEXT];

        day_text(name, week->options->monday + i);
        if (!release_add_cell(table, name))
            return -1;
    }
    for (size_t row = 0; table && row < week->sources.n_rows; row++)
        if (!*grid_named(&week->sources, row, "label") && day_parse(grid_named(&week->sources, row, "day"), &day) &&
            day >= week->options->monday && day < week->options->monday + RELEASE_DAYS) {
            add_up(&table->cells[day - week->options->monday], &week->sources, row);
            add_up(&week->release->total, &week->sources, row);
        }
    return table ? 0 : -1;
}

static int make_outcomes(struct week *week)
{
    struct release_table *table = release_add_table(week->release, RELEASE_BY_OUTCOME, NULL);

    for (size_t i = 0; table && i < sizeof outcomes / sizeof *outcomes; i++) {
        struct release_cell *cell = release_add_cell(table, outcomes[i]);

        if (!cell)
            return -1;
        for (size_t row = 0; row < week->requests.n_rows; row++)
            if (strcmp(grid_named(&week->requests, row, "outcome"), outcomes[i]) == 0)
                add_up(cell, &week->requests, row);
    }
    return table ? 0 : -1;
}

/* ---- labels ------------------------------------------------------------------------------------------------------ */

static struct release_cell *find_cell(struct release_table *table, const char *value)
{
    for (size_t i = 0; i < table->n_cells; i++)
        if (strcmp(table->cells[i].value, value) == 0)
            return &table->cells[i];
    return release_add_cell(table, value);
}

/* Of a day: the sources of all requests, less as many as may have come with a value. So many at least came without. */
static int64_t sources_without(const struct week *week, const char *label, int64_t day)
{
    int64_t rest = 0, of_row;

    for (size_t row = 0; row < week->sources.n_rows; row++) {
        const char *name = grid_named(&week->sources, row, "label");

        if (!day_parse(grid_named(&week->sources, row, "day"), &of_row) || of_row != day)
            continue;
        if (!*name)
            rest += grid_number(&week->sources, row, "at_least");
        else if (strcmp(name, label) == 0)
            rest -= grid_number(&week->sources, row, "at_most");
    }
    return larger(rest, 0);
}

/* -1 without memory. A table whose sums go wrong (visits were erased) is left out. */
static int add_rest(struct week *week, struct release_table *table)
{
    int64_t requests = week->release->total.requests, sources = 0;
    struct release_cell *cell;

    for (size_t i = 0; i < table->n_cells; i++)
        requests -= table->cells[i].requests;
    for (int64_t i = 0; i < RELEASE_DAYS; i++)
        sources = larger(sources, sources_without(week, table->label, week->options->monday + i));
    if (requests == 0)
        return 0;
    cell = release_add_cell(table, NULL);
    if (!cell)
        return -1;
    cell->requests = requests;
    cell->sources = sources < requests ? sources : requests;
    return 0;
}

static bool has_table(const struct release *release, const char *label)
{
    for (size_t i = 0; i < release->n_tables; i++)
        if (release->tables[i].label && strcmp(release->tables[i].label, label) == 0)
            return true;
    return false;
}

static int make_label(struct week *week, const char *label)
{
    struct release_table *table = release_add_table(week->release, RELEASE_BY_LABEL, label);

    if (!table)
        return -1;
    for (size_t row = 0; row < week->sources.n_rows; row++) {
        struct release_cell *cell;

        if (strcmp(grid_named(&week->sources, row, "label"), label) != 0)
            continue;
        cell = find_cell(table, grid_named(&week->sources, row, "value"));
        if (!cell)
            return -1;
        add_up(cell, &week->sources, row);
    }
    return add_rest(week, table);
}

static int by_value(const void *a, const void *b)
{
    const struct release_cell *one = a, *other = b;

    if (!one->value || !other->value)
        return !one->value - !other->value;
    return strcmp(one->value, other->value);
}

/* By name, so that no order tells which of two numbers was larger before they were rounded. */
static int make_labels(struct week *week)
{
    for (size_t row = 0; row < week->sources.n_rows; row++) {
        const char *label = grid_named(&week->sources, row, "label");

        if (*label && !has_table(week->release, label) && make_label(week, label) < 0)
            return -1;
    }
    for (size_t i = 0; i < week->release->n_tables; i++)
        if (week->release->tables[i].kind == RELEASE_BY_LABEL)
            qsort(week->release->tables[i].cells, week->release->tables[i].n_cells, sizeof(struct release_cell), by_value);
    return 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int read_week(const struct store_conn *c, struct week *week, struct cs_error *err)
{
    const struct report_options *o = week->options;
    struct report_question all = { .since = o->monday, .until = o->monday + 6, .zone = o->zone }, totals = all;

    totals.label = "";
    if (report_view_read(c, report_view("days"), &all, &week->days, err) < 0 ||
        report_view_read(c, report_view("sources"), &all, &week->sources, err) < 0)
        return -1;
    return report_view_read(c, report_view("requests"), &totals, &week->requests, err);
}

/* As large as it was on any of the days, and never smaller than what a publication needs. */
static int64_t k_of(const struct week *week)
{
    int64_t k = K_LEAST;

    for (size_t row = 0; row < week->days.n_rows; row++)
        k = larger(k, grid_number(&week->days, row, "k"));
    return k;
}

int release_read(const struct store_conn *c, const struct report_options *options, int64_t today, struct release *release,
                 struct cs_error *err)
{
    struct week week = { .options = options, .release = release };
    char as_of[32];
    int rc = report_as_of(c, as_of, err);

    *release = (struct release){ 0 };
    if (rc == 0)
        rc = check_over(options, as_of, today, err);
    if (rc == 0)
        rc = read_week(c, &week, err);
    if (rc == 0)
        rc = check_closed(&week, err);
    release->k = k_of(&week);
    if (rc == 0 && (make_days(&week) < 0 || make_outcomes(&week) < 0 || make_labels(&week) < 0))
        rc = cs_fail(err, CS_EINTERNAL, "no memory for the release");
    grid_free(&week.days);
    grid_free(&week.sources);
    grid_free(&week.requests);
    return rc;
}
