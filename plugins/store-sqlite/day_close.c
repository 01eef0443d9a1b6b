/*
 * Closing a day: what few sources had is folded, and the day's table is written anew, in the order of its key, so that not even
 * the places of rows in the file tell which came first; settle.c does the same with all else that the day added. See store.h;
 * purge.c closes a day that nobody closed.
 */
#include "visits.h"

/* Spelled so that SQLite copies whole rows without looking into them. */
static const char again[] = "INSERT INTO visit_# SELECT * FROM visit_before";

/* The row of a day on which nothing came may be missing. */
static int note_closed(struct conn *c, int64_t day, bool exact, struct cs_error *err)
{
    return day_run(c,
                   "INSERT INTO day_note (day, flags) VALUES (#, ?1) "
                   "ON CONFLICT DO UPDATE SET flags = (flags & ~?2) | excluded.flags",
                   day, NUMBERS(CS_DAY_CLOSED, exact ? CS_DAY_AT_LEAST : 0), err);
}

static int close_table(struct conn *c, int64_t day, int64_t flags, bool *exact, struct cs_error *err)
{
    if ((flags & CS_DAY_AT_LEAST) && (recount_day(c, day, err) < 0 || recount_is_exact(c, day, exact, err) < 0))
        return -1;
    return day_table_rebuild(c, day, again, NO_NUMBERS, err);
}

int db_day_close(void *conn, int64_t day, int64_t k, struct cs_error *err)
{
    struct conn *c = conn;
    int64_t flags, folded;
    bool table, exact = false;

    if (visits_writer_ready(c, err) < 0 || day_check(day, err) < 0 || visits_writer_flush(c, err) < 0 ||
        day_table_exists(c, day, &table, err) < 0 ||
        day_number(c, "SELECT flags FROM day_note WHERE day = #", day, NO_NUMBERS, &flags, err) < 0 ||
        day_number(c, "SELECT k FROM day_note WHERE day = #", day, NO_NUMBERS, &folded, err) < 0)
        return -1;
    if ((flags & CS_DAY_CLOSED) && folded >= k)
        return 0;
    day_tables_forget(c->visits);
    if (settle_take_back(c, day, err) < 0 || (table && close_table(c, day, flags, &exact, err) < 0) ||
        note_closed(c, day, exact, err) < 0)
        return -1;
    if (fold_sets(c, day, k, table, err) < 0 || settle_day(c, day, err) < 0 || settle_tidy(c, err) < 0)
        return -1;
    return settle_words(c, err);
}
