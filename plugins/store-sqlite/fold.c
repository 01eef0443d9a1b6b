/*
 * Label sets, and later labels, that few sources had become "other". Called by day_close.c, erase.c and purge.c.
 */
#include "visits.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Of rows that were added up the largest part is what there was at least, their sum what there was at most. */
#define ADD_UP                                                                                                                 \
    " ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, uniques = max(uniques, excluded.uniques), "           \
    "uniques_most = uniques_most + excluded.uniques_most"

/* Less than k sources (?1), however often one of them may have been counted. */
#define FEW "uniques <= (?1 - 1) * coalesce((SELECT times FROM day_times WHERE day = #), 1)"

#define COUNTS "sum(n), " SOURCES_LEAST ", " SOURCES_MOST
#define SMALL                                                                                                                  \
    "(zone, labels) IN (SELECT zone, labels FROM open_set_total WHERE day = # AND outcome = 0 AND labels > 1 AND " FEW ")"
/* Visits whose set has no row of its own: "other" is no set that a visit has. */
#define FOLDED                                                                                                                 \
    "FROM visit_# AS v WHERE NOT EXISTS (SELECT 1 FROM open_set_total AS t WHERE t.day = # AND t.zone = v.zone AND t.labels "  \
    "= "                                                                                                                       \
    "v.labels "                                                                                                                \
    "AND t.outcome = 0)"

static const char *const from_table[] = {
    "DELETE FROM open_set_total WHERE day = # AND labels = 1",
    "DELETE FROM open_set_total WHERE day = # AND labels > 1 AND " SMALL,
    "INSERT INTO open_set_total SELECT #, zone, 1, 0, " COUNTS " " FOLDED " GROUP BY zone",
    "INSERT INTO open_set_total SELECT #, zone, 1, outcome, " COUNTS " " FOLDED " GROUP BY zone, outcome",
};

static const char *const from_totals[] = {
    "INSERT INTO open_set_total SELECT #, zone, 1, outcome, sum(requests), max(uniques), sum(uniques_most) FROM open_set_total "
    "WHERE day = # AND labels > 1 AND " SMALL " GROUP BY zone, outcome" ADD_UP,
    "DELETE FROM open_set_total WHERE day = # AND labels > 1 AND " SMALL,
};

static const char folded_with[] = "UPDATE day_note SET k = max(k, ?1) WHERE day = #";

static int run_all(struct conn *c, const char *const *list, size_t n, int64_t day, struct numbers values, struct cs_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (day_run(c, list[i], day, values, err) < 0)
            return -1;
    return 0;
}

int fold_sets(struct conn *c, int64_t day, int64_t k, bool table, struct cs_error *err)
{
    const struct numbers values = { 1, &k };
    int rc = table ? run_all(c, from_table, sizeof from_table / sizeof *from_table, day, values, err)
                   : run_all(c, from_totals, sizeof from_totals / sizeof *from_totals, day, values, err);

    return rc < 0 ? -1 : day_run(c, folded_with, day, values, err);
}

/* ---- labels */

/* Labels of few sources that have no "other" beside them yet. */
static const char nameless[] =
    "SELECT l.name FROM open_total AS t JOIN label AS l ON l.id = t.label WHERE t.day = # AND t.outcome = 0 AND t.label > 0 "
    "AND l.value <> 'other' AND t." FEW " "
    "AND NOT EXISTS (SELECT 1 FROM label AS o WHERE o.name = l.name AND o.value = 'other') LIMIT 1";

static int one_name(struct conn *c, int64_t day, int64_t k, char **name, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int got;

    *name = NULL;
    if (day_prepare(c, nameless, day, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    query_int(&q, k);
    got = query_next(&q, err);
    if (got == 1 && !(*name = text_copy(row_text(&q, 0))))
        got = cs_fail(err, CS_EBUSY, "no memory");
    sqlite3_finalize(s);
    return got;
}

/* Each name that needs one gets a label "other". */
static int make_others(struct conn *c, int64_t day, int64_t k, struct cs_error *err)
{
    char *name;
    int got;

    while ((got = one_name(c, day, k, &name, err)) == 1) {
        int64_t id;
        int rc = words_label(c, name, "other", &id, err);

        free(name);
        if (rc < 0)
            return -1;
    }
    return got;
}

static const char *const labels[] = {
    "INSERT INTO temp.fold SELECT t.zone, t.label, o.id FROM open_total AS t JOIN label AS l ON l.id = t.label "
    "JOIN label AS o ON o.name = l.name AND o.value = 'other' "
    "WHERE t.day = # AND t.outcome = 0 AND t.label > 0 AND l.value <> 'other' AND t." FEW,

    "INSERT INTO open_total SELECT #, zone, other, outcome, sum(requests), max(uniques), sum(uniques_most) FROM open_total "
    "JOIN temp.fold USING (zone, label) WHERE day = # GROUP BY zone, other, outcome" ADD_UP,
    "DELETE FROM open_total WHERE day = # AND (zone, label) IN (SELECT zone, label FROM temp.fold)",

    "INSERT INTO open_step_total SELECT #, zone, other, outcome, reached, error, sum(requests) FROM open_step_total "
    "JOIN temp.fold USING (zone, label) WHERE day = # GROUP BY zone, other, outcome, reached, error "
    "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
    "DELETE FROM open_step_total WHERE day = # AND (zone, label) IN (SELECT zone, label FROM temp.fold)",

    "UPDATE day_note SET labels_k = max(labels_k, ?1) WHERE day = #",
};

int fold_labels(struct conn *c, int64_t day, int64_t k, struct cs_error *err)
{
    if (make_others(c, day, k, err) < 0 ||
        visits_run(c, "CREATE TEMP TABLE fold (zone, label, other, PRIMARY KEY (zone, label)) WITHOUT ROWID", err) < 0 ||
        run_all(c, labels, sizeof labels / sizeof *labels, day, NUMBERS(k), err) < 0)
        return -1;
    return visits_run(c, "DROP TABLE temp.fold", err);
}
