/*
 * A day's totals move: from the tables of open days, where everything is counted, to those of closed ones, which publishing
 * copies whole; and back when they must be counted, or folded, once more. Called by day_close.c, erase.c and purge.c.
 *
 * SQLite puts a new row in front of those that a page already has, so the places of rows in a page tell in which order they
 * came: a day's totals, and above all labels and sets of labels, many of which one visit alone has. Matched with the exact
 * times of certificates, such an order finds who got which. So closed days get their rows in the order of the keys, as the
 * day's visits are put in again, and the tables that the rows leave are written anew: their pages keep nothing.
 */
#include "visits.h"

/* Whoever calls it, none but the rows of a closed day get there: CS_DAY_CLOSED. They are read in the order of the key. */
#define SETTLE(table)                                                                                                          \
    "INSERT INTO closed_" table " SELECT * FROM open_" table " WHERE day = # AND (SELECT flags & 32 FROM day_note WHERE "      \
    "day = #)",                                                                                                                \
        "DELETE FROM open_" table " WHERE day = # AND (SELECT flags & 32 FROM day_note WHERE day = #)"
#define TAKE_BACK(table)                                                                                                       \
    "INSERT INTO open_" table " SELECT * FROM closed_" table " WHERE day = #", "DELETE FROM closed_" table " WHERE day = #"

static int run_all(struct conn *c, const char *const list[6], int64_t day, struct cs_error *err)
{
    for (size_t i = 0; i < 6; i++)
        if (day_run(c, list[i], day, NO_NUMBERS, err) < 0)
            return -1;
    return 0;
}

int settle_day(struct conn *c, int64_t day, struct cs_error *err)
{
    static const char *const list[6] = { SETTLE("total"), SETTLE("set_total"), SETTLE("step_total") };

    return run_all(c, list, day, err);
}

int settle_take_back(struct conn *c, int64_t day, struct cs_error *err)
{
    static const char *const list[6] = { TAKE_BACK("total"), TAKE_BACK("set_total"), TAKE_BACK("step_total") };

    if (day_run(c, "UPDATE day_note SET rewritten = rewritten + 1 WHERE day = # AND flags & 32", day, NO_NUMBERS, err) < 0)
        return -1;
    return run_all(c, list, day, err);
}

int settle_tidy(struct conn *c, struct cs_error *err)
{
    return visits_run(c, SWEEP("open_total") SWEEP("open_set_total") SWEEP("open_step_total"), err);
}

int settle_words(struct conn *c, struct cs_error *err)
{
    return visits_run(c, SWEEP("word") SWEEP("label") SWEEP("label_set"), err);
}
