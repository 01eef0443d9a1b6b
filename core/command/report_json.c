/*
 * A report as JSON; see report.h. Called by report.c.
 */
#include <jansson.h>
#include <string.h>

#include "base/terminal.h"
#include "command/report.h"

/* jansson takes UTF-8 only; what a reader cannot see is replaced as everywhere. */
static json_t *clean_string(const char *s)
{
    struct text clean = TEXT_MAX(65536);
    json_t *string;

    terminal_add(&clean, s);
    string = text_failed(&clean) ? NULL : json_string(text_of(&clean));
    text_free(&clean);
    return string;
}

static json_t *value_of(const struct grid_column *column, const char *text)
{
    json_t *number;

    if (!text)
        return json_null();
    if (!column->number)
        return clean_string(text);
    number = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_number(number))
        return number;
    json_decref(number);
    return clean_string(text);
}

/* Nothing may be missing: without memory the whole is given up. */
static void set(json_t *to, const char *name, json_t *value, bool *failed)
{
    *failed |= json_object_set_new(to, name, value) < 0;
}

static json_t *rows_of(const struct grid *grid, bool *failed)
{
    json_t *rows = json_array();

    for (size_t row = 0; row < grid->n_rows; row++) {
        json_t *object = json_object();

        for (size_t i = 0; i < grid->n_columns; i++)
            set(object, grid->columns[i].name, value_of(&grid->columns[i], grid_text(grid, row, i)), failed);
        *failed |= json_array_append_new(rows, object) < 0;
    }
    return rows;
}

/* "as of" is the member as_of. */
static void set_fact(json_t *to, const struct report_fact *fact, bool *failed)
{
    char name[40] = { 0 };

    for (size_t i = 0; i < sizeof name - 1 && fact->name[i]; i++)
        name[i] = fact->name[i] == ' ' ? '_' : fact->name[i];
    set(to, name, clean_string(fact->value), failed);
}

static int add_json(const char *data, size_t len, void *arg)
{
    struct text *out = arg;

    text_add_n(out, data, len);
    return text_failed(out) ? -1 : 0;
}

int report_json(const struct report *report, struct text *out)
{
    json_t *root = json_object(), *tables = json_object();
    bool failed = false;

    set(root, "title", json_string(report->title), &failed);
    set(root, "notice", json_string(report->notice), &failed);
    for (size_t i = 0; i < report->n_facts; i++)
        set_fact(root, &report->facts[i], &failed);
    if (report->flagged.n_columns > 0)
        set(root, "flagged_days", rows_of(&report->flagged, &failed), &failed);
    for (size_t i = 0; i < report->n_grids; i++)
        set(tables, report->grids[i].name, rows_of(&report->grids[i], &failed), &failed);
    set(root, "tables", tables, &failed);
    failed |= json_dump_callback(root, add_json, out, JSON_INDENT(1) | JSON_ENSURE_ASCII) < 0;
    json_decref(root);
    text_add_char(out, '\n');
    return failed || text_failed(out) ? -1 : 0;
}
