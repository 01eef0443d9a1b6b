/*
 * The views of the analytics database as `countersign report` shows them: their columns, and how they are read through the
 * store's report(). docs/analytics.md has them for analysts. Used by report.c, report_options.c and release_make.c.
 */
#ifndef COMMAND_REPORT_VIEWS_H
#define COMMAND_REPORT_VIEWS_H

#include "command/grid.h"
#include "command/report.h"
#include "command/report_options.h"
#include "records/store.h"

struct report_view {
    const char *name, *title, *about;
    const struct grid_column *columns;
    size_t n_columns;
    bool has_zone, has_label; /* what it can be asked by, besides days */
    bool in_overview;
};

extern const struct report_view report_views[];
extern const size_t report_n_views;

const struct report_view *report_view(const char *name); /* NULL: there is none */

/* One view's rows into an empty grid; zone and label NULL: all, label "": rows about all requests. */
struct report_question {
    int64_t since, until;
    const char *zone, *label;
};
int report_view_read(const struct store_conn *c, const struct report_view *view, const struct report_question *question,
                     struct grid *grid, struct cs_error *err);

/* When the database was written, as "2026-11-21T10:00:00Z". */
int report_as_of(const struct store_conn *c, char out[32], struct cs_error *err);

/* A whole report as the options have it; a reader's snapshot is open. report_free() in any case. */
int report_read(const struct store_conn *c, const struct report_options *options, struct report *report, struct cs_error *err);

#endif
