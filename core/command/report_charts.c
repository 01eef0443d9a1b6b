/*
 * The charts of a report's page; see report_charts.h. Called by report_html.c.
 */
#include "command/report_charts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/day.h"
#include "base/html.h"
#include "command/chart.h"
#include "command/sums.h"

enum { ZONES_MOST = 20, LABELS_MOST = 12, DAYS_MOST = 62, COLUMNS_MOST = 420 };

static const struct grid *find_grid(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->n_grids; i++)
        if (strcmp(report->grids[i].name, name) == 0)
            return &report->grids[i];
    return NULL;
}

/* Rows about all requests have no label. A report about one label has none of these: then all its rows are meant. */
static bool has_totals(const struct grid *grid)
{
    for (size_t row = 0; row < grid->n_rows; row++)
        if (!*grid_named(grid, row, "label"))
            return true;
    return false;
}

static bool is_meant(const struct grid *grid, size_t row, const char *zone, bool totals)
{
    return strcmp(grid_named(grid, row, "zone"), zone) == 0 && (!totals || !*grid_named(grid, row, "label"));
}

/* ---- the numbers above the charts -------------------------------------------------------------------------------- */

static void add_tile(struct text *out, const char *name, const char *number, const char *note)
{
    text_add(out, "<div class=\"tile\"><span class=\"name\">");
    html_add(out, name);
    text_add(out, "</span><span class=\"number\">");
    html_add(out, number);
    text_add(out, "</span><span class=\"soft\">");
    html_add(out, note);
    text_add(out, "</span></div>\n");
}

static void add_number_tile(struct text *out, const char *name, int64_t number, const char *note)
{
    char shown[24];

    snprintf(shown, sizeof shown, "%" PRId64, number);
    add_tile(out, name, shown, note);
}

/* Sources of several days do not add up: "12–34". */
static void write_range(char *out, size_t size, int64_t least, int64_t most, const char *what)
{
    if (least == most)
        snprintf(out, size, "%" PRId64 "%s", least, what);
    else
        snprintf(out, size, "%" PRId64 "–%" PRId64 "%s", least, most, what);
}

static void add_sources_tile(struct text *out, const struct grid *sources, const char *zone)
{
    bool totals = has_totals(sources);
    int64_t least = 0, most = 0, own;
    char shown[60];

    for (size_t row = 0; row < sources->n_rows; row++)
        if (is_meant(sources, row, zone, totals)) {
            own = grid_number(sources, row, "at_least");
            least = own > least ? own : least;
            most += grid_number(sources, row, "at_most");
        }
    write_range(shown, sizeof shown, least, most, "");
    add_tile(out, "Sources", shown, "at least–at most, of days that are over");
}

/* ---- requests by day --------------------------------------------------------------------------------------------- */

static const char *const outcome_parts[] = { "certificate", "refused", "failed", "late or left" };

static size_t part_of(const char *outcome)
{
    if (strcmp(outcome, "issued") == 0 || strcmp(outcome, "stored") == 0)
        return 0;
    if (strcmp(outcome, "refused") == 0)
        return 1;
    return strcmp(outcome, "failed") == 0 ? 2 : 3;
}

static int add_up_days(const struct grid *requests, const char *zone, struct sums *days, struct sum *all)
{
    bool totals = has_totals(requests);

    for (size_t row = 0; row < requests->n_rows; row++) {
        struct sum *day;
        size_t part = part_of(grid_named(requests, row, "outcome"));

        if (!is_meant(requests, row, zone, totals))
            continue;
        day = sums_find(days, grid_named(requests, row, "day"), "");
        if (!day)
            return -1;
        sum_add(day, part, grid_number(requests, row, "requests"));
        sum_add(all, part, grid_number(requests, row, "requests"));
    }
    return 0;
}

/* Days without a request have their place, too; more days than there is room for become weeks, named by their Mondays. */
struct days {
    int64_t first, last, step;
    struct chart_bar bars[COLUMNS_MOST];
    char names[COLUMNS_MOST][DAY_TEXT];
    size_t n;
};

static bool lay_out(struct days *days, const struct sums *sums)
{
    if (sums->n == 0 || !day_parse(sums->at[0].name, &days->first) || !day_parse(sums->at[sums->n - 1].name, &days->last))
        return false;
    days->step = days->last - days->first < DAYS_MOST ? 1 : 7;
    if (days->step == 7)
        days->first -= (days->first + 3) % 7; /* 1970-01-01 was a Thursday */
    days->n = (size_t)((days->last - days->first) / days->step + 1);
    return days->n <= COLUMNS_MOST;
}

static void fill_in(struct days *days, const struct sums *sums)
{
    int64_t day;

    for (size_t i = 0; i < days->n; i++) {
        char full[DAY_TEXT];

        day_text(full, days->first + (int64_t)i * days->step);
        memcpy(days->names[i], days->n > 7 ? full + 5 : full, days->n > 7 ? sizeof full - 5 : sizeof full);
        days->bars[i] = (struct chart_bar){ .name = days->names[i] };
    }
    for (size_t i = 0; i < sums->n; i++)
        if (day_parse(sums->at[i].name, &day) && day >= days->first && day <= days->last)
            for (size_t part = 0; part < CHART_PARTS_MOST; part++)
                days->bars[(day - days->first) / days->step].parts[part] += sums->at[i].parts[part];
}

static void add_days(struct text *out, const struct sums *sums)
{
    struct days days = { 0 };

    if (!lay_out(&days, sums))
        return;
    fill_in(&days, sums);
    chart_columns(out,
                  &(struct chart){ .title = days.step == 1 ? "Requests by day" : "Requests by week",
                                   .about = "How many requests came, by what became of them. The table `requests` below has "
                                            "the numbers.",
                                   .parts = outcome_parts,
                                   .n_parts = CHART_PARTS_MOST,
                                   .bars = days.bars,
                                   .n_bars = days.n });
}

static int add_requests(struct text *out, const struct report *report, const char *zone)
{
    const struct grid *requests = find_grid(report, "requests"), *sources = find_grid(report, "sources");
    struct sum all = { 0 };
    struct sums days = { 0 };
    char share[40];
    int rc = 0;

    if (requests)
        rc = add_up_days(requests, zone, &days, &all);
    text_add(out, "<div class=\"tiles\">\n");
    if (requests)
        add_number_tile(out, "Requests", all.all, "of all outcomes");
    if (sources && *zone)
        add_sources_tile(out, sources, zone);
    snprintf(share, sizeof share, "%.0f %% of the requests", all.all ? 100.0 * (double)all.parts[0] / (double)all.all : 0.0);
    if (requests && *zone)
        add_number_tile(out, "Certificates", all.parts[0], share);
    text_add(out, "</div>\n");
    add_days(out, &days);
    sums_free(&days);
    return rc;
}

/* ---- the funnel -------------------------------------------------------------------------------------------------- */

static void add_funnel(struct text *out, const struct grid *funnel, const char *zone)
{
    static const char *const steps[] = { "posted", "subject", "csr", "challenge", "issued" };
    static const char *const names[] = { "posted", "subject known", "CSR good", "challenge visible", "issued" };
    static const char *const parts[] = { "requests" };
    enum { STEPS = sizeof steps / sizeof *steps };
    struct chart_bar bars[STEPS] = { 0 };
    char shares[STEPS][16];
    bool totals = has_totals(funnel);

    for (size_t row = 0; row < funnel->n_rows; row++)
        for (size_t i = 0; i < STEPS && is_meant(funnel, row, zone, totals); i++)
            bars[i].parts[0] += grid_number(funnel, row, steps[i]);
    if (bars[0].parts[0] == 0)
        return;
    for (size_t i = 0; i < STEPS; i++) {
        snprintf(shares[i], sizeof shares[i], "%.0f %%", 100.0 * (double)bars[i].parts[0] / (double)bars[0].parts[0]);
        bars[i].name = names[i];
        bars[i].note = shares[i];
    }
    chart_rows(out,
               &(struct chart){ .title = "How far requests came",
                                .about = "Requests that reached each step of those that were posted. The table `funnel` below "
                                         "has the numbers.",
                                .parts = parts,
                                .n_parts = 1,
                                .bars = bars,
                                .n_bars = STEPS });
}

/* ---- labels ------------------------------------------------------------------------------------------------------ */

static int add_up_labels(const struct grid *sources, const char *zone, struct sums *labels)
{
    for (size_t row = 0; row < sources->n_rows; row++) {
        const char *label = grid_named(sources, row, "label");
        int64_t least = grid_number(sources, row, "at_least");
        struct sum *sum;

        if (!*label || strcmp(grid_named(sources, row, "zone"), zone) != 0)
            continue;
        sum = sums_find(labels, label, grid_named(sources, row, "value"));
        if (!sum)
            return -1;
        sum_add(sum, 0, grid_number(sources, row, "requests"));
        sum->at_least = least > sum->at_least ? least : sum->at_least;
        sum->at_most += grid_number(sources, row, "at_most");
    }
    return 0;
}

static void show_labels(struct text *out, const struct sums *labels)
{
    static const char *const parts[] = { "requests" };
    struct chart_bar bars[LABELS_MOST] = { 0 };
    struct text names[LABELS_MOST];
    char notes[LABELS_MOST][60];
    size_t n = labels->n < LABELS_MOST ? labels->n : LABELS_MOST;

    for (size_t i = 0; i < n; i++) {
        const struct sum *sum = &labels->at[i];

        names[i] = TEXT_MAX(400);
        text_addf(&names[i], "%s=%s", sum->name, sum->second);
        write_range(notes[i], sizeof notes[i], sum->at_least, sum->at_most, sum->at_most == 1 ? " source" : " sources");
        bars[i] = (struct chart_bar){ .name = text_of(&names[i]), .parts = { sum->parts[0] }, .note = notes[i] };
    }
    chart_rows(out,
               &(struct chart){ .title = "Labels that most requests had",
                                .about = "Requests by label, and at least and at most how many sources they came from. The "
                                         "table `sources` below has the numbers.",
                                .parts = parts,
                                .n_parts = 1,
                                .bars = bars,
                                .n_bars = n });
    for (size_t i = 0; i < n; i++)
        text_free(&names[i]);
}

static int add_labels(struct text *out, const struct grid *sources, const char *zone)
{
    struct sums labels = { 0 };
    int rc = add_up_labels(sources, zone, &labels);

    sums_order(&labels);
    if (rc == 0 && labels.n > 0)
        show_labels(out, &labels);
    sums_free(&labels);
    return rc;
}

/* ---- a release --------------------------------------------------------------------------------------------------- */

/* What is hidden is not drawn; a day keeps its place. */
static void add_release_table(struct text *out, const struct grid *grid, const char *name, bool by_day)
{
    static const char *const parts[] = { "requests" };
    struct chart_bar bars[LABELS_MOST] = { 0 };
    struct text names[LABELS_MOST];
    size_t n = 0;

    for (size_t row = 0; row < grid->n_rows && n < LABELS_MOST; row++) {
        if (!by_day && !*grid_named(grid, row, "requests"))
            continue;
        names[n] = TEXT_MAX(400);
        if (grid_has(grid, "label"))
            text_addf(&names[n], "%s=", grid_named(grid, row, "label"));
        text_add(&names[n], grid_named(grid, row, name));
        bars[n] = (struct chart_bar){ .name = text_of(&names[n]),
                                      .parts = { grid_number(grid, row, "requests") },
                                      .note = *grid_named(grid, row, "requests") ? NULL : "hidden" };
        n++;
    }
    if (n > 0)
        (by_day ? chart_columns : chart_rows)(out,
                                              &(struct chart){ .title = grid->title,
                                                               .about = "Requests, rounded. The tables below have the numbers.",
                                                               .parts = parts,
                                                               .n_parts = 1,
                                                               .bars = bars,
                                                               .n_bars = n });
    while (n > 0)
        text_free(&names[--n]);
}

static void add_release(struct text *out, const struct report *report)
{
    text_add(out, "<section>\n<h2>Requests</h2>\n");
    add_release_table(out, find_grid(report, "days"), "day", true);
    add_release_table(out, find_grid(report, "outcomes"), "outcome", false);
    add_release_table(out, find_grid(report, "labels"), "value", false);
    text_add(out, "</section>\n");
}

/* ---- the zones --------------------------------------------------------------------------------------------------- */

static int add_zone(struct text *out, const struct report *report, const char *zone)
{
    const struct grid *funnel = find_grid(report, "funnel"), *sources = find_grid(report, "sources");

    text_add(out, "<section class=\"zone\">\n<h2>");
    html_add(out, *zone ? zone : "Subjects that no zone has");
    text_add(out, "</h2>\n");
    if (add_requests(out, report, zone) < 0)
        return -1;
    if (funnel && *zone)
        add_funnel(out, funnel, zone);
    if (sources && add_labels(out, sources, zone) < 0)
        return -1;
    text_add(out, "</section>\n");
    return 0;
}

static int find_zones(const struct report *report, struct sums *zones)
{
    static const char *const views[] = { "requests", "sources", "funnel" };

    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const struct grid *grid = find_grid(report, views[i]);
        bool totals = grid && has_totals(grid);

        for (size_t row = 0; grid && row < grid->n_rows; row++) {
            const char *zone = grid_named(grid, row, "zone");
            struct sum *sum = sums_find(zones, zone, "");

            if (!sum)
                return -1;
            if (i == 0 && is_meant(grid, row, zone, totals))
                sum_add(sum, 0, grid_number(grid, row, "requests"));
        }
    }
    return 0;
}

int report_charts(const struct report *report, struct text *out)
{
    struct sums zones = { 0 };
    int rc = find_zones(report, &zones);

    if (find_grid(report, "outcomes"))
        add_release(out, report);

    sums_order(&zones);
    for (size_t i = 0; rc == 0 && i < zones.n && i < ZONES_MOST; i++)
        if (*zones.at[i].name)
            rc = add_zone(out, report, zones.at[i].name);
    for (size_t i = 0; rc == 0 && i < zones.n; i++)
        if (!*zones.at[i].name)
            rc = add_zone(out, report, "");
    if (zones.n > ZONES_MOST)
        text_addf(out, "<p class=\"soft\">The %d busiest zones are drawn; the tables have all %zu.</p>\n", ZONES_MOST, zones.n);
    sums_free(&zones);
    return rc;
}
