/*
 * The totals of a day once more, from its visits. Called by erase.c when visits were taken away, and by day_close.c when a
 * source had too many rows to be counted exactly at once.
 */
#include "visits.h"

#define COUNTS "sum(n), " SOURCES_LEAST ", " SOURCES_MOST

/* Sets and the labels in them, so that a join finds them. */
static const char parts[] =
    "CREATE TEMP TABLE part (labels INTEGER NOT NULL, label INTEGER NOT NULL, PRIMARY KEY (labels, label)) "
    "WITHOUT ROWID; INSERT INTO part SELECT labels, label FROM set_label;";

static const char *const steps[] = {
    "DELETE FROM open_total WHERE day = #",
    "DELETE FROM open_set_total WHERE day = #",
    "DELETE FROM open_step_total WHERE day = #",

    "INSERT INTO open_total SELECT #, zone, 0, 0, " COUNTS " FROM visit_# GROUP BY zone",
    "INSERT INTO open_total SELECT #, zone, 0, outcome, " COUNTS " FROM visit_# GROUP BY zone, outcome",
    "INSERT INTO open_total SELECT #, zone, label, 0, " COUNTS
    " FROM visit_# JOIN temp.part USING (labels) GROUP BY zone, label",
    "INSERT INTO open_total SELECT #, zone, label, outcome, " COUNTS " FROM visit_# JOIN temp.part USING (labels) "
    "GROUP BY zone, label, outcome",

    "INSERT INTO open_set_total SELECT #, zone, labels, 0, " COUNTS " FROM visit_# GROUP BY zone, labels",
    "INSERT INTO open_set_total SELECT #, zone, labels, outcome, " COUNTS " FROM visit_# GROUP BY zone, labels, outcome",

    "INSERT INTO open_step_total SELECT #, zone, 0, outcome, reached, error, sum(n) FROM visit_# GROUP BY zone, outcome, "
    "reached, "
    "error",
    "INSERT INTO open_step_total SELECT #, zone, label, outcome, reached, error, sum(n) FROM visit_# JOIN temp.part USING "
    "(labels) "
    "GROUP BY zone, label, outcome, reached, error",
};

/* Nobody knows the hour of a visit. Those of a zone that has fewer requests than its hours add up to each give their share;
 * what is left after rounding down goes to those that lost most by it. */
static const char fit_hours[] =
    "WITH had AS (SELECT zone, sum(requests) AS had FROM hour_total WHERE day = # GROUP BY zone), "
    "has AS (SELECT zone, had, coalesce((SELECT requests FROM open_total AS t WHERE t.day = # AND t.zone = had.zone AND "
    "t.label = 0 "
    "AND t.outcome = 0), 0) AS has FROM had), "
    "share AS (SELECT h.zone, h.hour, has, h.requests * has / had AS base, h.requests * has % had AS rest "
    "FROM hour_total AS h JOIN has ON has.zone = h.zone WHERE h.day = # AND has < had), "
    "ranked AS (SELECT zone, hour, base, has - sum(base) OVER (PARTITION BY zone) AS missing, "
    "row_number() OVER (PARTITION BY zone ORDER BY rest DESC, hour) AS place FROM share) "
    "UPDATE hour_total SET requests = base + (place <= missing) FROM ranked "
    "WHERE hour_total.day = # AND hour_total.zone = ranked.zone AND hour_total.hour = ranked.hour";

int recount_day(struct conn *c, int64_t day, struct cs_error *err)
{
    if (visits_run(c, parts, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (day_run(c, steps[i], day, NO_NUMBERS, err) < 0)
            return -1;
    if (day_run(c, fit_hours, day, NO_NUMBERS, err) < 0 ||
        day_run(c, "DELETE FROM hour_total WHERE day = # AND requests = 0", day, NO_NUMBERS, err) < 0)
        return -1;
    return visits_run(c, "DROP TABLE temp.part", err);
}

int recount_is_exact(struct conn *c, int64_t day, bool *exact, struct cs_error *err)
{
    int64_t unknown;

    if (day_number(c, "SELECT EXISTS (SELECT 1 FROM visit_# WHERE src = 0)", day, NO_NUMBERS, &unknown, err) < 0)
        return -1;
    *exact = !unknown;
    return 0;
}
