/*
 * A table of a report: named columns and rows of texts. Filled by report_views.c and release_show.c, written by report_text.c,
 * report_csv.c, report_json.c and report_html.c.
 */
#ifndef COMMAND_GRID_H
#define COMMAND_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grid_column {
    const char *name; /* as in the view; lower case, "_" */
    bool number;      /* its texts are numbers as we write them */
};

struct grid {
    const char *name, *title;
    const char *about;                 /* the question that it answers */
    const struct grid_column *columns; /* its strings, as those above, live as long as the grid */
    size_t n_columns;
    char **cells; /* row by row, owned; NULL: null */
    size_t n_rows, room;
};

/* Copies a row of n_columns texts. -1: no memory. */
int grid_add(struct grid *grid, const char *const *texts);

/* NULL: null. */
const char *grid_text(const struct grid *grid, size_t row, size_t column);
/* The text of a column by its name; "" when it is null or there is no such column. */
const char *grid_named(const struct grid *grid, size_t row, const char *name);
/* As a whole number; 0 when it is none. */
int64_t grid_number(const struct grid *grid, size_t row, const char *name);

/* Is there such a column? */
bool grid_has(const struct grid *grid, const char *name);

void grid_free(struct grid *grid); /* its rows; an empty grid is left */

#endif
