/*
 * The views of the analytics database, as a report shows them; see report_views.h. Called by report.c and release_make.c.
 */
#include "command/report_views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More rows than anybody reads, and a bound on memory. */
enum { ROWS_MOST = 200000 };

#define TEXT(name_)                                                                                                            \
    {                                                                                                                          \
        .name = (name_)                                                                                                        \
    }
#define NUMBER(name_)                                                                                                          \
    {                                                                                                                          \
        .name = (name_), .number = true                                                                                        \
    }
#define COLUMNS(what_) .columns = (what_), .n_columns = sizeof(what_) / sizeof *(what_)

static const struct grid_column requests[] = { TEXT("day"),     TEXT("zone"),       TEXT("label"),      TEXT("value"),
                                               TEXT("outcome"), NUMBER("requests"), NUMBER("at_least"), NUMBER("at_most") };
static const struct grid_column sources[] = { TEXT("day"),        TEXT("zone"),       TEXT("label"),    TEXT("value"),
                                              NUMBER("requests"), NUMBER("at_least"), NUMBER("at_most") };
static const struct grid_column funnel[] = { TEXT("day"),   TEXT("zone"),        TEXT("label"),
                                             TEXT("value"), NUMBER("posted"),    NUMBER("subject"),
                                             NUMBER("csr"), NUMBER("challenge"), NUMBER("issued") };
static const struct grid_column failures[] = { TEXT("day"),     TEXT("zone"),    TEXT("label"),  TEXT("value"),
                                               TEXT("outcome"), TEXT("reached"), TEXT("reason"), NUMBER("requests") };
static const struct grid_column latencies[] = { TEXT("day"),      TEXT("role"),     TEXT("instance"), NUMBER("calls"),
                                                NUMBER("p50_ms"), NUMBER("p90_ms"), NUMBER("p99_ms") };
static const struct grid_column label_sets[] = { TEXT("day"),        TEXT("zone"),       TEXT("labels"),   TEXT("outcome"),
                                                 NUMBER("requests"), NUMBER("at_least"), NUMBER("at_most") };
static const struct grid_column set_sources[] = { TEXT("day"),        TEXT("zone"),       TEXT("labels"),
                                                  NUMBER("requests"), NUMBER("at_least"), NUMBER("at_most") };
static const struct grid_column hours[] = { TEXT("day"), TEXT("zone"), NUMBER("hour"), NUMBER("requests") };
static const struct grid_column weeks[] = { TEXT("week"),       TEXT("monday"),     NUMBER("days"),
                                            TEXT("zone"),       TEXT("label"),      TEXT("value"),
                                            NUMBER("requests"), NUMBER("at_least"), NUMBER("at_most") };
static const struct grid_column days[] = { TEXT("day"),        NUMBER("closed"),      NUMBER("received"),
                                           NUMBER("recorded"), NUMBER("lost"),        TEXT("flags"),
                                           NUMBER("keys"),     TEXT("key_destroyed"), NUMBER("k") };
static const struct grid_column flagged[] = { TEXT("day"), NUMBER("lost"), TEXT("flags") };
static const struct grid_column about[] = { TEXT("name"), TEXT("value") };

const struct report_view report_views[] = {
    { .name = "requests",
      .title = "Requests",
      .about = "How many requests came, and what became of them?",
      COLUMNS(requests),
      .has_zone = true,
      .has_label = true,
      .in_overview = true },
    { .name = "sources",
      .title = "Sources",
      .about = "How many different sources asked, and with which labels? For days that are over.",
      COLUMNS(sources),
      .has_zone = true,
      .has_label = true,
      .in_overview = true },
    { .name = "funnel",
      .title = "Funnel",
      .about = "How far did requests come?",
      COLUMNS(funnel),
      .has_zone = true,
      .has_label = true,
      .in_overview = true },
    { .name = "failures",
      .title = "Failures",
      .about = "Why did requests end without a certificate, and after which step?",
      COLUMNS(failures),
      .has_zone = true,
      .has_label = true,
      .in_overview = true },
    { .name = "weeks",
      .title = "Weeks",
      .about = "How many sources asked in a week: at least (the best day), at most (the sum)?",
      COLUMNS(weeks),
      .has_zone = true,
      .has_label = true },
    { .name = "label_sets",
      .title = "Label sets",
      .about = "Which labels came together, and what became of these requests?",
      COLUMNS(label_sets),
      .has_zone = true },
    { .name = "set_sources",
      .title = "Sources of label sets",
      .about = "How many different sources came with these labels together?",
      COLUMNS(set_sources),
      .has_zone = true },
    { .name = "hours",
      .title = "Hours",
      .about = "At which hours of the day, UTC, did requests come?",
      COLUMNS(hours),
      .has_zone = true },
    { .name = "latencies",
      .title = "Latencies",
      .about = "How long did calls of CAs and DNS back ends take?",
      COLUMNS(latencies) },
    { .name = "days",
      .title = "Days",
      .about = "Which days are over, what was lost, what else is to be known of their numbers?",
      COLUMNS(days) },
};
const size_t report_n_views = sizeof report_views / sizeof *report_views;

static const struct report_view about_view = { .name = "about", COLUMNS(about) };

const struct report_view *report_view(const char *name)
{
    for (size_t i = 0; i < report_n_views; i++)
        if (strcmp(report_views[i].name, name) == 0)
            return &report_views[i];
    return NULL;
}

/* ---- reading one ------------------------------------------------------------------------------------------------- */

struct reading {
    struct grid *grid;
    bool no_memory, too_many;
};

/* Columns are found by name: a store may have more of them, in another order. */
static int on_row(void *arg, const struct cs_report_value *values, size_t n)
{
    struct reading *r = arg;
    const char *texts[16] = { NULL };

    for (size_t i = 0; i < r->grid->n_columns; i++)
        for (size_t j = 0; j < n; j++)
            if (strcmp(values[j].name, r->grid->columns[i].name) == 0)
                texts[i] = values[j].text;
    r->too_many = r->grid->n_rows == ROWS_MOST;
    r->no_memory = !r->too_many && grid_add(r->grid, texts) < 0;
    return r->too_many || r->no_memory;
}

int report_view_read(const struct store_conn *c, const struct report_view *view, const struct report_question *question,
                     struct grid *grid, struct cs_error *err)
{
    char since[DAY_TEXT], until[DAY_TEXT];
    const struct cs_report_value args[] = {
        { "since", view == &about_view ? NULL : since },
        { "until", view == &about_view ? NULL : until },
        { "zone", view->has_zone ? question->zone : NULL },
        { "label", view->has_label ? question->label : NULL },
    };
    struct reading r = { .grid = grid };

    *grid = (struct grid){
        .name = view->name,
        .title = view->title,
        .about = view->about,
        .columns = view->columns,
        .n_columns = view->n_columns,
    };
    day_text(since, question->since);
    day_text(until, question->until);
    if (!c->ops->report)
        return cs_fail(err, CS_ECONFIG, "the store's plugin makes no reports");
    if (c->ops->report(c->conn, view->name, args, sizeof args / sizeof *args, on_row, &r, err) < 0)
        return -1;
    if (r.too_many)
        return cs_fail(err, CS_EINPUT, "%s has more than %d rows: ask for fewer days, for one zone or for one label",
                       view->name, ROWS_MOST);
    return r.no_memory ? cs_fail(err, CS_EINTERNAL, "no memory for the report") : 0;
}

int report_as_of(const struct store_conn *c, char out[32], struct cs_error *err)
{
    struct grid grid = { 0 };
    int rc = report_view_read(c, &about_view, &(struct report_question){ 0 }, &grid, err);

    *out = '\0';
    for (size_t row = 0; row < grid.n_rows; row++)
        if (strcmp(grid_named(&grid, row, "name"), "published") == 0)
            snprintf(out, 32, "%s", grid_named(&grid, row, "value"));
    grid_free(&grid);
    if (rc == 0 && !*out)
        return cs_fail(err, CS_ECONFIG, "the analytics database does not say when it was published");
    return rc;
}

/* ---- a whole report ---------------------------------------------------------------------------------------------- */

/* Days whose numbers are to be read with care. */
static int read_flagged(const struct store_conn *c, const struct report_question *question, struct report *report,
                        struct cs_error *err)
{
    struct grid all = { 0 };
    int rc = report_view_read(c, report_view("days"), question, &all, err);

    report->flagged = (struct grid){
        .name = "flagged_days",
        .title = "Days to read with care",
        .about = "docs/analytics.md says what the flags mean.",
        COLUMNS(flagged),
    };
    for (size_t row = 0; rc == 0 && row < all.n_rows; row++) {
        const char *texts[] = { grid_named(&all, row, "day"), grid_named(&all, row, "lost"), grid_named(&all, row, "flags") };

        if ((*texts[2] || grid_number(&all, row, "lost") > 0) && grid_add(&report->flagged, texts) < 0)
            rc = cs_fail(err, CS_EINTERNAL, "no memory for the report");
    }
    grid_free(&all);
    return rc;
}

static int add_facts(const struct report_options *o, const char *as_of, struct report *report)
{
    char since[DAY_TEXT], until[DAY_TEXT];

    day_text(since, o->since);
    day_text(until, o->until);
    if (report_add_fact(report, "as of", as_of) < 0 || report_add_fact(report, "since", since) < 0 ||
        report_add_fact(report, "until", until) < 0)
        return -1;
    report->as_of = report->facts[0].value;
    if (o->zone && report_add_fact(report, "zone", o->zone) < 0)
        return -1;
    return o->label ? report_add_fact(report, "label", o->label) : 0;
}

static bool is_wanted(const struct report_options *o, const struct report_view *view)
{
    if (o->n_tables == 0)
        return o->format != REPORT_TEXT || view->in_overview;
    for (size_t i = 0; i < o->n_tables; i++)
        if (strcmp(o->tables[i], view->name) == 0)
            return true;
    return false;
}

/* An overview for a terminal has labels once, with their sources. */
static struct report_question question_of(const struct report_options *o, const struct report_view *view)
{
    bool brief = o->format == REPORT_TEXT && o->n_tables == 0 && strcmp(view->name, "sources") != 0;

    return (struct report_question){ o->since, o->until, o->zone, o->label ? o->label : brief ? "" : NULL };
}

int report_read(const struct store_conn *c, const struct report_options *o, struct report *report, struct cs_error *err)
{
    struct report_question all = { .since = o->since, .until = o->until };
    char as_of[32];

    *report = (struct report){ .title = "Countersign report", .notice = "Internal: not for publication" };
    if (report_as_of(c, as_of, err) < 0)
        return -1;
    report->grids = calloc(report_n_views, sizeof *report->grids);
    if (!report->grids || add_facts(o, as_of, report) < 0)
        return cs_fail(err, CS_EINTERNAL, "no memory for the report");
    if (read_flagged(c, &all, report, err) < 0)
        return -1;
    for (size_t i = 0; i < report_n_views; i++) {
        struct report_question question = question_of(o, &report_views[i]);

        if (is_wanted(o, &report_views[i]) &&
            report_view_read(c, &report_views[i], &question, &report->grids[report->n_grids++], err) < 0)
            return -1;
    }
    return 0;
}
