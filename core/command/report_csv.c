/*
 * A report's table as comma-separated values; see report.h. Called by report.c.
 */
#include "base/csv.h"
#include "command/report.h"

/* Each row says itself how it is to be read: a file of rows has no other place for that. */
static void add_row_end(struct text *out, const struct report *report, size_t row)
{
    struct text flags = TEXT_MAX(1000);

    text_add_char(out, ',');
    if (report->flagged.n_columns > 0) {
        report_row_flags(report, report->grids, row, &flags);
        csv_add(out, flags.len ? text_of(&flags) : NULL);
        text_add_char(out, ',');
    }
    csv_add(out, report->as_of);
    text_add_char(out, ',');
    csv_add(out, report->notice);
    text_add(out, "\r\n");
    text_free(&flags);
}

int report_csv(const struct report *report, struct text *out)
{
    const struct grid *grid = report->grids;

    for (size_t i = 0; i < grid->n_columns; i++)
        text_addf(out, "%s%s", i ? "," : "", grid->columns[i].name);
    text_addf(out, "%s,as_of,notice\r\n", report->flagged.n_columns > 0 ? ",flags_of_days" : "");
    for (size_t row = 0; row < grid->n_rows; row++) {
        for (size_t i = 0; i < grid->n_columns; i++) {
            text_add(out, i ? "," : "");
            if (grid->columns[i].number)
                csv_add_number(out, grid_text(grid, row, i));
            else
                csv_add(out, grid_text(grid, row, i));
        }
        add_row_end(out, report, row);
    }
    return text_failed(out) ? -1 : 0;
}
