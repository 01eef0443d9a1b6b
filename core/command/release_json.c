/*
 * The text of a release that is kept and shown; see release_make.h. Called by report_public.c.
 */
#include <jansson.h>
#include <string.h>

#include "command/release_make.h"

static json_t *number_of(const struct release_cell *cell, int64_t number)
{
    return cell->hidden ? json_null() : json_integer(release_rounded(number));
}

/* How many came without a label is not known as exactly as the rest: it has no sources. */
static json_t *json_of_cell(const struct release_cell *cell)
{
    return json_pack("{s:s?, s:o, s:o}", "value", cell->value, "requests", number_of(cell, cell->requests), "sources",
                     cell->value ? number_of(cell, cell->sources) : json_null());
}

/* Days and outcomes are the same in each release, hidden or not. Which labels' values there were is hidden with their numbers.
 */
static json_t *json_of_cells(const struct release_table *table)
{
    json_t *cells = json_array();

    for (size_t i = 0; i < table->n_cells; i++)
        if (!table->cells[i].hidden || table->kind != RELEASE_BY_LABEL)
            if (json_array_append_new(cells, json_of_cell(&table->cells[i])) < 0) {
                json_decref(cells);
                return NULL;
            }
    return cells;
}

static const char *word_of(enum release_kind kind)
{
    switch (kind) {
    case RELEASE_BY_DAY:
        return "day";
    case RELEASE_BY_OUTCOME:
        return "outcome";
    case RELEASE_BY_LABEL:
        return "label";
    }
    return "";
}

static json_t *json_of_tables(const struct release *release)
{
    json_t *tables = json_array(), *cells;

    for (size_t i = 0; i < release->n_tables && !release->total.hidden; i++) {
        const struct release_table *table = &release->tables[i];

        cells = json_of_cells(table);
        if (table->kind == RELEASE_BY_LABEL && cells && json_array_size(cells) == 0) {
            json_decref(cells);
            continue;
        }
        if (json_array_append_new(
                tables, json_pack("{s:s, s:s?, s:o}", "by", word_of(table->kind), "label", table->label, "cells", cells)) < 0) {
            json_decref(tables);
            return NULL;
        }
    }
    return tables;
}

char *release_json(const struct release *release, const struct report_options *o, int64_t today)
{
    char first[DAY_TEXT], last[DAY_TEXT], released[DAY_TEXT], *text = NULL;
    const struct release_cell *total = &release->total;
    json_t *root;

    day_text(first, o->monday);
    day_text(last, o->monday + RELEASE_DAYS - 1);
    day_text(released, today);
    root = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:{s:o, s:o}, s:o}", "version", 1, "zone", o->zone, "week",
                     o->week, "first_day", first, "last_day", last, "released", released, "k", (json_int_t)release->k,
                     "rounded_to", RELEASE_ROUND, "total", "requests", number_of(total, total->requests), "sources",
                     number_of(total, total->sources), "tables", json_of_tables(release));
    if (root)
        text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
    json_decref(root);
    return text;
}
