/*
 * Erasing visits on demand: by day, zone, source, label, age. A day that has its table still is written anew without them and
 * counted once more; of a day that has totals only, those go that say nothing else. See store.h.
 */
#include "visits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ?1: zone, or -1. ?2: is it about a source? ?3: which. ?4: is it about labels? */
#define MATCHING "(?1 < 0 OR zone = ?1) AND (?2 = 0 OR src = ?3) AND (?4 = 0 OR labels IN (SELECT old FROM temp.strip))"

struct erasure {
    const struct cs_visits_erasure *what;
    int64_t values[4]; /* of MATCHING */
    int64_t n;
};

static struct numbers values_of(const struct erasure *e)
{
    return (struct numbers){ 4, e->values };
}

/* ---- a day with its table */

static const char without_visits[] = "INSERT INTO visit_# (" VISIT_COLUMNS ", n) SELECT " VISIT_COLUMNS ", n FROM visit_before "
                                     "WHERE NOT (" MATCHING ")";
/* Visits that differed in nothing but the label become one. */
static const char without_labels[] =
    "INSERT INTO visit_# (" VISIT_COLUMNS ", n) SELECT zone, src, "
    "CASE WHEN " MATCHING " THEN (SELECT new FROM temp.strip WHERE old = labels) ELSE labels END, "
    "outcome, reached, error, alg, client, sum(n) FROM visit_before GROUP BY 1, 2, 3, 4, 5, 6, 7, 8";

static int flag_erased(struct conn *c, int64_t day, bool exact, struct cs_error *err)
{
    return day_run(c, "UPDATE day_note SET flags = (flags & ~?2) | ?1, rewritten = rewritten + 1 WHERE day = #", day,
                   NUMBERS(CS_DAY_ERASED, exact ? CS_DAY_AT_LEAST : 0), err);
}

static int erase_visits(struct conn *c, struct erasure *e, int64_t day, struct cs_error *err)
{
    int64_t n, k;
    bool exact;

    if (day_number(c, "SELECT coalesce(sum(n), 0) FROM visit_# WHERE " MATCHING, day, values_of(e), &n, err) < 0)
        return -1;
    if (!n)
        return 0;
    e->n += n;
    if (day_table_rebuild(c, day, e->what->label_name ? without_labels : without_visits, values_of(e), err) < 0 ||
        settle_take_back(c, day, err) < 0 || recount_day(c, day, err) < 0 || recount_is_exact(c, day, &exact, err) < 0 ||
        day_number(c, "SELECT k FROM day_note WHERE day = #", day, NO_NUMBERS, &k, err) < 0 ||
        (k && fold_sets(c, day, k, true, err) < 0) || settle_day(c, day, err) < 0 || settle_tidy(c, err) < 0)
        return -1;
    return flag_erased(c, day, exact, err);
}

/* ---- a day with totals only: it is closed */

#define IN_ZONE  "day = # AND (?1 < 0 OR zone = ?1) AND ?2 = 0"
#define OF_LABEL IN_ZONE " AND ?4 = 1 AND label IN (SELECT id FROM temp.gone_label)"
#define OF_ALL   IN_ZONE " AND ?4 = 0"

static const char *const zone_totals[] = {
    "DELETE FROM closed_total WHERE " OF_ALL,
    "DELETE FROM closed_set_total WHERE " OF_ALL,
    "DELETE FROM closed_step_total WHERE " OF_ALL,
    "DELETE FROM hour_total WHERE " OF_ALL,
};

static const char *const label_totals[] = {
    "DELETE FROM closed_total WHERE " OF_LABEL,
    "DELETE FROM closed_step_total WHERE " OF_LABEL,
    "INSERT INTO closed_set_total SELECT #, zone, new, outcome, sum(requests), max(uniques), sum(uniques_most) "
    "FROM closed_set_total JOIN temp.strip ON old = labels WHERE " IN_ZONE " AND ?4 = 1 GROUP BY zone, new, outcome "
    "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, uniques = max(uniques, excluded.uniques), "
    "uniques_most = uniques_most + excluded.uniques_most",
    "DELETE FROM closed_set_total WHERE " IN_ZONE " AND ?4 = 1 AND labels IN (SELECT old FROM temp.strip)",
};

static const char count_all[] =
    "SELECT coalesce(sum(requests), 0) FROM closed_total WHERE label = 0 AND outcome = 0 AND " OF_ALL;
static const char count_label[] = "SELECT coalesce(sum(requests), 0) FROM closed_total WHERE outcome = 0 AND " OF_LABEL;

static int erase_totals(struct conn *c, struct erasure *e, int64_t day, struct cs_error *err)
{
    bool label = e->what->label_name != NULL;
    const char *const *list = label ? label_totals : zone_totals;
    size_t len = label ? sizeof label_totals / sizeof *label_totals : sizeof zone_totals / sizeof *zone_totals;
    int64_t n;

    if (day_number(c, label ? count_label : count_all, day, values_of(e), &n, err) < 0)
        return -1;
    for (size_t i = 0; i < len && n; i++)
        if (day_run(c, list[i], day, values_of(e), err) < 0)
            return -1;
    e->n += n;
    return n ? flag_erased(c, day, false, err) : 0;
}

/* ---- all of them */

static int erase_day(struct conn *c, struct erasure *e, int64_t day, struct cs_error *err)
{
    bool table;

    if ((e->what->day >= 0 && day != e->what->day) || (e->what->before_day && day >= e->what->before_day))
        return 0;
    if (day_table_exists(c, day, &table, err) < 0)
        return -1;
    return table ? erase_visits(c, e, day, err) : erase_totals(c, e, day, err);
}

static int erase_days(struct conn *c, struct erasure *e, struct cs_error *err)
{
    int64_t day = -1, found = 1;

    while (found) {
        if (day_number(c, "SELECT count(*) FROM day_note WHERE day > ?1", 0, NUMBERS(day), &found, err) < 0)
            return -1;
        if (found && (day_number(c, "SELECT min(day) FROM day_note WHERE day > ?1", 0, NUMBERS(day), &day, err) < 0 ||
                      erase_day(c, e, day, err) < 0))
            return -1;
    }
    return 0;
}

/* Runs SQL with the zone for ?1; *number is -1 when it gives none. */
static int about_zone(struct conn *c, const char *sql, const char *zone, int64_t *number, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int got;

    if (day_prepare(c, sql, 0, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    query_text(&q, zone);
    got = query_next(&q, err);
    *number = got == 1 ? row_int(&q, 0) : -1;
    sqlite3_finalize(s);
    return got < 0 ? -1 : 0;
}

/* A zone that is erased as a whole takes along its id, so that its pseudonyms never come back. Its releases stay: they have no
 * pseudonym, only what was published already, and a week must never be published again with other numbers. */
static int erase_zone(struct conn *c, const char *zone, struct cs_error *err)
{
    int64_t nothing;

    if (about_zone(c, "DELETE FROM zone_id WHERE zone = ?", zone, &nothing, err) < 0 ||
        (query_changed(c) && visits_run(c, SWEEP("zone_id"), err) < 0))
        return -1;
    return 0;
}

static int check(const struct cs_visits_erasure *what, struct cs_error *err)
{
    if (what->has_src && (what->day < 0 || !what->zone))
        return cs_fail(err, CS_EINPUT, "a source is erased of one day and zone: its pseudonym is another one elsewhere");
    if (what->label_value && !what->label_name)
        return cs_fail(err, CS_EINPUT, "a label's value is erased of one name");
    return 0;
}

static int erase(struct conn *c, struct erasure *e, struct cs_error *err)
{
    const struct cs_visits_erasure *what = e->what;
    bool whole_zone = what->zone && what->day < 0 && !what->has_src && !what->label_name && !what->before_day;

    e->values[0] = -1;
    e->values[1] = what->has_src;
    e->values[2] = what->has_src ? (int64_t)what->src : 0;
    e->values[3] = what->label_name != NULL;
    if (what->zone && about_zone(c, "SELECT id FROM word WHERE word = ?", what->zone, &e->values[0], err) < 0)
        return -1;
    if (strip_prepare(c, what->label_name, what->label_value, err) < 0 ||
        ((!what->zone || e->values[0] >= 0) && erase_days(c, e, err) < 0) ||
        (whole_zone && erase_zone(c, what->zone, err) < 0) ||
        visits_run(c, "DROP TABLE temp.gone_label; DROP TABLE temp.strip", err) < 0)
        return -1;
    return sweep_words(c, err);
}

int db_visits_erase(void *conn, const struct cs_visits_erasure *what, int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    struct erasure e = { .what = what };

    *n = 0;
    if (visits_writer_ready(c, err) < 0 || check(what, err) < 0 || visits_writer_flush(c, err) < 0)
        return -1;
    if (what->day < 0 && !what->zone && !what->label_name && !what->before_day)
        return 0;
    if (what->has_src && !what->src)
        return 0; /* stands for not known */
    if (erase(c, &e, err) < 0)
        return -1;
    *n = e.n;
    return 0;
}
