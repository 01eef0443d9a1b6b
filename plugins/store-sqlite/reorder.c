/*
 * SQLite puts a new row in front of those that a page already has, so the places of rows in a page tell in which order they
 * came: a day's totals, and above all labels and sets of labels, many of which one visit alone has. Matched with the exact
 * times of certificates, such an order finds who got which. When a day is closed they are put in again in the order of their
 * keys, as the day's visits are. Called by day_close.c.
 */
#include "visits.h"

/* A table with its day's rows in the order of the key, which is how they are read. */
#define AGAIN(table)                                                                                                           \
    "CREATE TEMP TABLE again AS SELECT * FROM " table " WHERE day = #", "DELETE FROM " table " WHERE day = #",                 \
        "INSERT INTO " table " SELECT * FROM temp.again ORDER BY rowid", "DROP TABLE temp.again"

static const char *const totals[] = { AGAIN("total"), AGAIN("set_total"), AGAIN("step_total") };

int reorder_day(struct conn *c, int64_t day, struct cs_error *err)
{
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        if (day_run(c, totals[i], day, NO_NUMBERS, err) < 0)
            return -1;
    return visits_run(c, SWEEP("word") SWEEP("label") SWEEP("label_set"), err);
}
