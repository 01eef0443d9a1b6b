/*
 * A kept release as a report; see release_show.h. Called by report_public.c.
 */
#include "command/release_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS(what_) .columns = (what_), .n_columns = sizeof(what_) / sizeof *(what_)

static const struct grid_column day_columns[] = { { "day", false }, { "requests", true }, { "sources", true } };
static const struct grid_column outcome_columns[] = { { "outcome", false }, { "requests", true }, { "sources", true } };
static const struct grid_column label_columns[] = {
    { "label", false }, { "value", false }, { "requests", true }, { "sources", true }
};
static const struct grid_column row_columns[] = { { "zone", false },  { "week", false },  { "by", false },
                                                  { "label", false }, { "value", false }, { "requests", true },
                                                  { "sources", true } };

static const struct grid empty_grids[] = {
    { .name = "days",
      .title = "By day",
      .about = "UTC. Sources of a day are different addresses that asked on it.",
      COLUMNS(day_columns) },
    { .name = "outcomes", .title = "By outcome", .about = "What became of the requests.", COLUMNS(outcome_columns) },
    { .name = "labels", .title = "By label", .about = "An empty value: requests without that label.", COLUMNS(label_columns) },
};
static const struct grid empty_rows = { .name = "release", .title = "Release", .about = "", COLUMNS(row_columns) };

static const char *const remarks[] = {
    "Every number is rounded to a multiple of 5 by itself, so that sums may differ a little.",
    "Numbers about few sources are hidden, and some others with them, from which these could be computed.",
    "Sources are different addresses, not persons: so many asked on the day that had most of them.",
    NULL,
};

/* A number, or NULL: hidden. `room` is the caller's. */
static const char *number_text(const json_t *cell, const char *name, char room[24])
{
    const json_t *number = json_object_get(cell, name);

    if (!json_is_integer(number))
        return NULL;
    snprintf(room, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    return room;
}

static const char *string_of(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));

    return s ? s : "";
}

/* ---- in one table ------------------------------------------------------------------------------------------------ */

static int add_to_rows(struct report *report, const json_t *root, const char *by, const char *label, const json_t *cell)
{
    char requests[24], sources[24];
    const char *texts[] = { string_of(root, "zone"),
                            string_of(root, "week"),
                            by,
                            label,
                            json_string_value(json_object_get(cell, "value")),
                            number_text(cell, "requests", requests),
                            number_text(cell, "sources", sources) };

    return grid_add(report->grids, texts);
}

/* ---- in a table each --------------------------------------------------------------------------------------------- */

static int add_to_grid(struct report *report, const char *by, const char *label, const json_t *cell)
{
    char requests[24], sources[24];
    const char *value = string_of(cell, "value");
    const char *with_label[] = { label, value, number_text(cell, "requests", requests), number_text(cell, "sources", sources) };

    if (strcmp(by, "label") == 0)
        return grid_add(&report->grids[2], with_label);
    return grid_add(&report->grids[strcmp(by, "day") == 0 ? 0 : 1], with_label + 1);
}

static int add_tables(struct report *report, const json_t *root, bool as_rows)
{
    const json_t *table, *cell;
    size_t i, j;

    if (as_rows && add_to_rows(report, root, "total", NULL, json_object_get(root, "total")) < 0)
        return -1;
    json_array_foreach(json_object_get(root, "tables"), i, table)
    {
        const char *by = string_of(table, "by"), *label = json_string_value(json_object_get(table, "label"));

        json_array_foreach(json_object_get(table, "cells"), j,
                           cell) if ((as_rows ? add_to_rows(report, root, by, label, cell)
                                              : add_to_grid(report, by, label, cell)) < 0) return -1;
    }
    return 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int add_facts(struct report *report, const json_t *root)
{
    const json_t *total = json_object_get(root, "total");
    char requests[24], sources[24], days[40];
    const char *least = number_text(total, "sources", sources), *all = number_text(total, "requests", requests);

    snprintf(days, sizeof days, "%.10s to %.10s", string_of(root, "first_day"), string_of(root, "last_day"));
    if (report_add_fact(report, "released", string_of(root, "released")) < 0 ||
        report_add_fact(report, "zone", string_of(root, "zone")) < 0 ||
        report_add_fact(report, "week", string_of(root, "week")) < 0 || report_add_fact(report, "days", days) < 0 ||
        report_add_fact(report, "requests", all ? all : "too few sources to tell") < 0 ||
        report_add_fact(report, "sources at least", least ? least : "too few to tell") < 0)
        return -1;
    report->as_of = report->facts[0].value;
    return 0;
}

int release_show(const char *text, size_t len, bool as_rows, struct report *report, struct cs_error *err)
{
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    int rc = -1;

    *report = (struct report){ .title = "Requests for certificates", .notice = "Public release" };
    report->remarks = remarks;
    report->grids = malloc(sizeof empty_grids);
    if (!root || json_integer_value(json_object_get(root, "version")) != 1) {
        cs_fail(err, CS_ECONFIG, "the release in the database is not of a form that this version of Countersign knows");
        goto out;
    }
    if (report->grids) {
        report->n_grids = as_rows ? 1 : sizeof empty_grids / sizeof *empty_grids;
        memcpy(report->grids, as_rows ? &empty_rows : empty_grids, report->n_grids * sizeof *report->grids);
        rc = add_facts(report, root) < 0 || add_tables(report, root, as_rows) < 0 ? -1 : 0;
    }
    if (rc < 0)
        cs_fail(err, CS_EINTERNAL, "no memory for the release");
out:
    json_decref(root);
    return rc;
}
