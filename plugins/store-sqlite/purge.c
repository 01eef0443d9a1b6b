/*
 * Forgetting what has been kept long enough: the table of a day with its pseudonyms, then labels of few sources, then totals.
 * See store.h.
 */
#include "visits.h"

#include <stdlib.h>

static int drop_tables(struct conn *c, const struct cs_visits_retention *keep, int64_t *n, struct cs_error *err)
{
    int64_t before = keep->visits_before > keep->totals_before ? keep->visits_before : keep->totals_before;
    struct days days;
    int rc = 0;

    if (day_tables_list(c, &days, err) < 0)
        return -1;
    for (size_t i = 0; i < days.n && days.at[i] < before && rc == 0; i++) {
        rc = db_day_close(c, days.at[i], keep->k, err) < 0 ? -1 : day_table_drop(c, days.at[i], err);
        *n += rc == 0;
    }
    free(days.at);
    return rc;
}

/* The next day whose labels are due, after the one given; those whose visits are still kept wait for that. */
static const char due[] = "SELECT coalesce(min(day), -1) FROM day_note WHERE day < ?1 AND day > ?2 AND labels_k < ?3 "
                          "AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'visit_' || day)";

static int fold_all_labels(struct conn *c, const struct cs_visits_retention *keep, int64_t *folded, struct cs_error *err)
{
    int64_t day = -1;

    for (;;) {
        if (day_number(c, due, 0, NUMBERS(keep->labels_before, day, keep->k), &day, err) < 0)
            return -1;
        if (day < 0)
            return *folded ? settle_tidy(c, err) : 0;
        if (settle_take_back(c, day, err) < 0 || fold_sets(c, day, keep->k, false, err) < 0 ||
            fold_labels(c, day, keep->k, err) < 0 || settle_day(c, day, err) < 0)
            return -1;
        ++*folded;
    }
}

static int drop_totals(struct conn *c, int64_t before, int64_t *dropped, struct cs_error *err)
{
    static const char *const list[] = {
        "DELETE FROM closed_total WHERE day < ?1",      "DELETE FROM open_total WHERE day < ?1",
        "DELETE FROM closed_set_total WHERE day < ?1",  "DELETE FROM open_set_total WHERE day < ?1",
        "DELETE FROM closed_step_total WHERE day < ?1", "DELETE FROM open_step_total WHERE day < ?1",
        "DELETE FROM hour_total WHERE day < ?1",        "DELETE FROM latency WHERE day < ?1",
        "DELETE FROM day_note WHERE day < ?1",
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (day_run(c, list[i], 0, NUMBERS(before), err) < 0)
            return -1;
        *dropped += query_changed(c);
    }
    return 0;
}

int db_visits_purge(void *conn, const struct cs_visits_retention *keep, int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    int64_t changed = 0;

    *n = 0;
    if (visits_writer_ready(c, err) < 0 || visits_writer_flush(c, err) < 0 || drop_tables(c, keep, n, err) < 0 ||
        fold_all_labels(c, keep, &changed, err) < 0 || drop_totals(c, keep->totals_before, &changed, err) < 0)
        return -1;
    return *n || changed ? sweep_words(c, err) : 0;
}
