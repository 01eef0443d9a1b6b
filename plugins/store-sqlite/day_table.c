/*
 * The tables of the days' visits: made with a day's first visit, made anew when visits are taken out of it, dropped whole.
 * Their names hold the day, which no statement can be given as a value: the one place where SQL is put together, from
 * constants and a checked number. Called by visit.c, day_close.c, recount.c, erase.c and purge.c.
 */
#include "visits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { VIEW_DAYS = 400 }; /* SQLite joins at most 500 SELECTs */

static const char create[] = ""
#include "visit-day.sql.h"
    ;

static const char view_head[] = "CREATE VIEW visit (day, zone, src, labels, outcome, reached, error, alg, client, n) AS "
                                "SELECT v.day, z.word, CASE v.src WHEN 0 THEN '' ELSE printf('%016x', v.src) END, "
                                "replace(l.labels, char(10), ', '), o.word, r.word, e.word, a.word, c.word, v.n FROM (";
static const char view_tail[] =
    ") AS v JOIN word AS z ON z.id = v.zone JOIN label_set AS l ON l.id = v.labels "
    "JOIN word AS o ON o.id = v.outcome JOIN word AS r ON r.id = v.reached "
    "JOIN word AS e ON e.id = v.error JOIN word AS a ON a.id = v.alg JOIN word AS c ON c.id = v.client";
static const char view_of_nothing[] = "SELECT 0 AS day, 0 AS n, 0 AS " /* and one for each */
                                      "zone, 0 AS src, 0 AS labels, 0 AS outcome, 0 AS reached, 0 AS error, 0 AS alg, "
                                      "0 AS client WHERE FALSE";

/* ---- SQL with a day in it */

int day_check(int64_t day, struct cs_error *err)
{
    if (day < 0 || day > DAY_MOST)
        return cs_fail(err, CS_EINPUT, "%" PRId64 " is no day: days are counted from 1970-01-01", day);
    return 0;
}

static void with_day(struct text *out, const char *sql, int64_t day)
{
    for (const char *hash; (hash = strchr(sql, '#')); sql = hash + 1) {
        text_add_n(out, sql, (size_t)(hash - sql));
        text_addf(out, "%" PRId64, day);
    }
    text_add(out, sql);
}

int day_prepare(struct conn *c, const char *sql, int64_t day, sqlite3_stmt **s, struct cs_error *err)
{
    struct text text = TEXT_MAX(4000);
    int rc = -1;

    if (day_check(day, err) < 0)
        return -1;
    with_day(&text, sql, day);
    if (text_failed(&text))
        cs_fail(err, CS_EBUSY, "no memory");
    else if ((rc = sqlite3_prepare_v2(c->sq, text_of(&text), -1, s, NULL)) != SQLITE_OK)
        rc = conn_fail(c, rc, err);
    text_free(&text);
    return rc;
}

int day_number(struct conn *c, const char *sql, int64_t day, struct numbers values, int64_t *number, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int got;

    if (day_prepare(c, sql, day, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    for (size_t i = 0; i < values.n && i < (size_t)sqlite3_bind_parameter_count(s); i++)
        query_int(&q, values.at[i]);
    got = query_next(&q, err);
    *number = got == 1 ? row_int(&q, 0) : 0;
    sqlite3_finalize(s);
    return got < 0 ? -1 : 0;
}

int day_run(struct conn *c, const char *sql, int64_t day, struct numbers values, struct cs_error *err)
{
    int64_t nothing;

    return day_number(c, sql, day, values, &nothing, err);
}

int visits_run(struct conn *c, const char *sql, struct cs_error *err)
{
    int rc = sqlite3_exec(c->sq, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : conn_fail(c, rc, err);
}

/* ---- which there are */

int day_table_exists(struct conn *c, int64_t day, bool *exists, struct cs_error *err)
{
    int64_t n;

    if (day_number(c, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'visit_#'", day, NO_NUMBERS, &n,
                   err) < 0)
        return -1;
    *exists = n > 0;
    return 0;
}

static int add_day(struct days *days, int64_t day, struct cs_error *err)
{
    int64_t *more = days->n % 64 ? days->at : realloc(days->at, (days->n + 64) * sizeof *days->at);

    if (!more)
        return cs_fail(err, CS_EBUSY, "no memory");
    days->at = more;
    days->at[days->n++] = day;
    return 0;
}

int day_tables_list(struct conn *c, struct days *days, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int got;

    *days = (struct days){ 0 };
    if (day_prepare(c,
                    "SELECT CAST(substr(name, 7) AS INTEGER) AS day FROM sqlite_schema WHERE type = 'table' "
                    "AND name = 'visit_' || CAST(substr(name, 7) AS INTEGER) ORDER BY day",
                    0, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    while ((got = query_next(&q, err)) == 1)
        if (add_day(days, row_int(&q, 0), err) < 0) {
            got = -1;
            break;
        }
    sqlite3_finalize(s);
    if (got == 0)
        return 0;
    free(days->at);
    *days = (struct days){ 0 };
    return -1;
}

/* ---- the view over all of them */

static int make_view(struct conn *c, struct cs_error *err)
{
    struct text text = TEXT_MAX(64 * 1024);
    struct days days;
    int rc = -1;

    if (day_tables_list(c, &days, err) < 0)
        return -1;
    text_add(&text, view_head);
    for (size_t i = days.n > VIEW_DAYS ? days.n - VIEW_DAYS : 0; i < days.n; i++)
        with_day(&text, "SELECT # AS day, n, " VISIT_COLUMNS " FROM visit_# UNION ALL ", days.at[i]);
    text_add(&text, view_of_nothing);
    text_add(&text, view_tail);
    if (text_failed(&text))
        cs_fail(err, CS_EBUSY, "no memory");
    else
        rc = visits_run(c, text_of(&text), err);
    free(days.at);
    text_free(&text);
    return rc;
}

static int drop_view(struct conn *c, struct cs_error *err)
{
    return visits_run(c, "DROP VIEW IF EXISTS visit", err);
}

/* ---- making and dropping */

static int make_table(struct conn *c, int64_t day, struct cs_error *err)
{
    return drop_view(c, err) < 0 || day_run(c, create, day, NO_NUMBERS, err) < 0 ? -1 : make_view(c, err);
}

int day_table_drop(struct conn *c, int64_t day, struct cs_error *err)
{
    day_tables_forget(c->visits);
    return drop_view(c, err) < 0 || day_run(c, "DROP TABLE visit_#", day, NO_NUMBERS, err) < 0 ? -1 : make_view(c, err);
}

int day_table_rebuild(struct conn *c, int64_t day, const char *insert, struct numbers values, struct cs_error *err)
{
    day_tables_forget(c->visits);
    if (drop_view(c, err) < 0 || day_run(c, "ALTER TABLE visit_# RENAME TO visit_before", day, NO_NUMBERS, err) < 0 ||
        day_run(c, create, day, NO_NUMBERS, err) < 0 || day_run(c, insert, day, values, err) < 0 ||
        visits_run(c, "DROP TABLE visit_before", err) < 0)
        return -1;
    return make_view(c, err);
}

/* ---- statements on a day's table */

static void forget_one(struct day_statements *d)
{
    sqlite3_finalize(d->earlier);
    sqlite3_finalize(d->add);
    *d = (struct day_statements){ 0 };
}

void day_tables_forget(struct visits_writer *v)
{
    for (size_t i = 0; i < DAYS_AT_ONCE; i++)
        forget_one(&v->days[i]);
}

static int must_be_open(struct conn *c, int64_t day, struct cs_error *err)
{
    int64_t flags;

    if (day_number(c, "SELECT flags FROM day_note WHERE day = #", day, NO_NUMBERS, &flags, err) < 0)
        return -1;
    if (flags & CS_DAY_CLOSED)
        return cs_fail(err, CS_ECONFLICT, "the day %" PRId64 " is closed: no visit is added to it any more", day);
    return 0;
}

static int open_one(struct conn *c, int64_t day, struct day_statements *d, struct cs_error *err)
{
    bool exists;

    if (must_be_open(c, day, err) < 0 || day_table_exists(c, day, &exists, err) < 0)
        return -1;
    if (!exists && make_table(c, day, err) < 0)
        return -1;
    d->day = day;
    if (day_prepare(c, "SELECT labels, outcome FROM visit_# WHERE zone = ? AND src = ? LIMIT ?", day, &d->earlier, err) == 0 &&
        day_prepare(c,
                    "INSERT INTO visit_# (" VISIT_COLUMNS ", n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) "
                    "ON CONFLICT DO UPDATE SET n = n + 1",
                    day, &d->add, err) == 0)
        return 0;
    forget_one(d);
    return -1;
}

int day_table_open(struct conn *c, int64_t day, struct day_statements **out, struct cs_error *err)
{
    struct day_statements *oldest = c->visits->days;

    for (size_t i = 0; i < DAYS_AT_ONCE; i++) {
        struct day_statements *d = &c->visits->days[i];

        if (d->add && d->day == day) {
            *out = d;
            return 0;
        }
        if (!d->add || (oldest->add && d->day < oldest->day))
            oldest = d;
    }
    forget_one(oldest);
    *out = oldest;
    return open_one(c, day, oldest, err);
}
