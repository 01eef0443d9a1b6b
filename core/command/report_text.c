/*
 * A report as aligned columns on a terminal; see report.h. Called by report.c.
 */
#include <string.h>

#include "base/terminal.h"
#include "command/report.h"

/* What stands for null, and for a text that is empty. */
#define NOTHING "-"

static const char *shown(const char *cell)
{
    return cell && *cell ? cell : NOTHING;
}

static void add_spaces(struct text *out, size_t n)
{
    while (n-- > 0)
        text_add_char(out, ' ');
}

static size_t column_width(const struct grid *grid, size_t column)
{
    size_t width = terminal_width(grid->columns[column].name), own;

    for (size_t row = 0; row < grid->n_rows; row++) {
        own = terminal_width(shown(grid_text(grid, row, column)));
        width = own > width ? own : width;
    }
    return width;
}

/* Numbers stand on the right; nothing follows the last column. */
static void add_cell(struct text *out, const struct grid *grid, size_t column, const char *cell, size_t width)
{
    size_t rest = width - terminal_width(cell);

    if (grid->columns[column].number)
        add_spaces(out, rest);
    terminal_add(out, cell);
    if (column + 1 < grid->n_columns)
        add_spaces(out, (grid->columns[column].number ? 0 : rest) + 2);
    else
        text_add_char(out, '\n');
}

static int add_rows(struct text *out, const struct grid *grid)
{
    size_t widths[16];

    if (grid->n_columns > sizeof widths / sizeof *widths)
        return -1;
    for (size_t i = 0; i < grid->n_columns; i++)
        widths[i] = column_width(grid, i);
    for (size_t i = 0; i < grid->n_columns; i++)
        add_cell(out, grid, i, grid->columns[i].name, widths[i]);
    for (size_t row = 0; row < grid->n_rows; row++)
        for (size_t i = 0; i < grid->n_columns; i++)
            add_cell(out, grid, i, shown(grid_text(grid, row, i)), widths[i]);
    return 0;
}

static int add_grid(struct text *out, const struct grid *grid)
{
    text_addf(out, "\n%s\n", grid->title);
    if (grid->about && *grid->about)
        text_addf(out, "%s\n", grid->about);
    text_add_char(out, '\n');
    if (grid->n_rows > 0)
        return add_rows(out, grid);
    text_add(out, "nothing\n");
    return 0;
}

static size_t facts_width(const struct report *report)
{
    size_t width = 0;

    for (size_t i = 0; i < report->n_facts; i++)
        width = strlen(report->facts[i].name) > width ? strlen(report->facts[i].name) : width;
    return width;
}

int report_text(const struct report *report, struct text *out)
{
    size_t width = facts_width(report);

    text_addf(out, "%s\n%s\n\n", report->title, report->notice);
    for (size_t i = 0; i < report->n_facts; i++) {
        text_add(out, report->facts[i].name);
        add_spaces(out, width + 2 - strlen(report->facts[i].name));
        terminal_add(out, report->facts[i].value);
        text_add_char(out, '\n');
    }
    for (const char *const *remark = report->remarks; remark && *remark; remark++)
        text_addf(out, "%s%s\n", remark == report->remarks ? "\n" : "", *remark);
    if (report->flagged.n_rows > 0 && add_grid(out, &report->flagged) < 0)
        return -1;
    for (size_t i = 0; i < report->n_grids; i++)
        if (add_grid(out, &report->grids[i]) < 0)
            return -1;
    return text_failed(out) ? -1 : 0;
}
