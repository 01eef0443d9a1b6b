/*
 * Tables of reports; see grid.h. Called by report_*.c and release_show.c.
 */
#include "command/grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct grid *grid)
{
    size_t room = grid->room ? grid->room * 2 : 32;
    char **cells;

    if (grid->n_rows < grid->room)
        return 0;
    cells = reallocarray(grid->cells, room * grid->n_columns, sizeof *cells);
    if (!cells)
        return -1;
    grid->cells = cells;
    grid->room = room;
    return 0;
}

int grid_add(struct grid *grid, const char *const *texts)
{
    char **row;

    if (make_room(grid) < 0)
        return -1;
    row = grid->cells + grid->n_rows * grid->n_columns;
    for (size_t i = 0; i < grid->n_columns; i++) {
        row[i] = texts[i] ? strdup(texts[i]) : NULL;
        if (texts[i] && !row[i]) {
            while (i > 0)
                free(row[--i]);
            return -1;
        }
    }
    grid->n_rows++;
    return 0;
}

const char *grid_text(const struct grid *grid, size_t row, size_t column)
{
    return grid->cells[row * grid->n_columns + column];
}

/* n_columns: there is none. */
static size_t column_of(const struct grid *grid, const char *name)
{
    size_t i = 0;

    while (i < grid->n_columns && strcmp(grid->columns[i].name, name) != 0)
        i++;
    return i;
}

bool grid_has(const struct grid *grid, const char *name)
{
    return column_of(grid, name) < grid->n_columns;
}

const char *grid_named(const struct grid *grid, size_t row, const char *name)
{
    size_t column = column_of(grid, name);
    const char *text = column < grid->n_columns ? grid_text(grid, row, column) : NULL;

    return text ? text : "";
}

int64_t grid_number(const struct grid *grid, size_t row, const char *name)
{
    const char *text = grid_named(grid, row, name);
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    return *end || errno ? 0 : number;
}

void grid_free(struct grid *grid)
{
    for (size_t i = 0; i < grid->n_rows * grid->n_columns; i++)
        free(grid->cells[i]);
    free(grid->cells);
    grid->cells = NULL;
    grid->n_rows = grid->room = 0;
}
