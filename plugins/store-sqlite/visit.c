/*
 * Visits: adding one, with all totals of it, and asking for those of a source; see store.h.
 *
 * Is a source new, for a label, an outcome, a set of labels? Its earlier rows of the day tell, and they stand next to each
 * other in the day's table: so the counts are exact, after a restart and after whatever was undone too.
 */
#include "visits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The visit in numbers. */
struct row {
    int64_t day, hour, zone, src, outcome, reached, error, alg, client;
    const struct label_set *set;
};

/* Was this source there already? Place 0 is whatever the label, the others are those of the set. */
struct earlier {
    bool any[1 + LABELS_MOST], outcome[1 + LABELS_MOST], set_any, set_outcome;
    bool too_many; /* rows that were not looked at */
};

/* ---- checks */

static int check_word(const char *what, const char *word, bool may_be_empty, struct cs_error *err)
{
    size_t len = strlen(word);

    if ((len || may_be_empty) && len <= 64 && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len)
        return 0;
    return cs_fail(err, CS_EINPUT, "%s of a visit must be 1 to 64 of a-z, 0-9, -, . and _", what);
}

static int check(const struct cs_visit *visit, struct cs_error *err)
{
    if (day_check(visit->day, err) < 0)
        return -1;
    if (visit->hour < 0 || visit->hour > 23)
        return cs_fail(err, CS_EINPUT, "%" PRId64 " is no hour of a day", visit->hour);
    if (strlen(visit->zone) > 253 || visit->zone[strspn(visit->zone, "abcdefghijklmnopqrstuvwxyz0123456789-._")])
        return cs_fail(err, CS_EINPUT, "a visit's zone must be a DNS name in lower case");
    if (check_word("outcome", visit->outcome, false, err) < 0 || check_word("reached", visit->reached, false, err) < 0 ||
        check_word("error", visit->error, true, err) < 0 || check_word("alg", visit->alg, true, err) < 0)
        return -1;
    return check_word("client", visit->client, false, err);
}

static int in_numbers(struct conn *c, const struct cs_visit *visit, struct row *row, struct cs_error *err)
{
    const struct {
        const char *word;
        int64_t *id;
    } words[] = { { visit->zone, &row->zone },   { visit->outcome, &row->outcome }, { visit->reached, &row->reached },
                  { visit->error, &row->error }, { visit->alg, &row->alg },         { visit->client, &row->client } };

    row->day = visit->day;
    row->hour = visit->hour;
    row->src = visit->has_src ? (int64_t)visit->src : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words_word(c, words[i].word, words[i].id, err) < 0)
            return -1;
    return words_set(c, visit->labels, visit->n_labels, &row->set, err);
}

/* ---- is the source new? */

static bool has_label(const struct label_set *set, int64_t label)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->labels[i] == label)
            return true;
    return false;
}

static void note_earlier(const struct row *row, const struct label_set *set, int64_t outcome, struct earlier *e)
{
    bool same = outcome == row->outcome;

    e->any[0] = true;
    e->outcome[0] |= same;
    e->set_any |= set->id == row->set->id;
    e->set_outcome |= set->id == row->set->id && same;
    for (size_t i = 0; i < row->set->n; i++)
        if (has_label(set, row->set->labels[i])) {
            e->any[1 + i] = true;
            e->outcome[1 + i] |= same;
        }
}

static int look_earlier(struct conn *c, const struct day_statements *d, const struct row *row, struct earlier *e,
                        struct cs_error *err)
{
    struct query q = query_on(c, d->earlier);
    int rows = 0, got;

    query_int(&q, row->zone);
    query_int(&q, row->src);
    query_int(&q, EARLIER_MOST + 1);
    while ((got = query_next(&q, err)) == 1) {
        const struct label_set *set;

        e->too_many = ++rows > EARLIER_MOST;
        if (words_set_by_id(c, row_int(&q, 0), &set, err) < 0) {
            query_end(&q);
            return -1;
        }
        note_earlier(row, set, row_int(&q, 1), e);
    }
    return got;
}

/* ---- adding */

static int add_row(struct conn *c, const struct day_statements *d, const struct row *row, struct cs_error *err)
{
    struct query q = query_on(c, d->add);

    query_int(&q, row->zone);
    query_int(&q, row->src);
    query_int(&q, row->set->id);
    query_int(&q, row->outcome);
    query_int(&q, row->reached);
    query_int(&q, row->error);
    query_int(&q, row->alg);
    query_int(&q, row->client);
    return query_run(&q, err);
}

/* A source that is new among the rows that were looked at may stand among the others: it then counts at most. So does each
 * request of which the source is not known.
 */
static void count(struct conn *c, const struct row *row, struct tally_key key, const struct earlier *e, bool known)
{
    bool most = !row->src || !known;

    key.day = row->day;
    key.id[0] = row->zone;
    tally_add(c->visits->tally, &key, row->src && most && !e->too_many, most);
}

static void count_all(struct conn *c, const struct row *row, const struct earlier *e)
{
    for (size_t i = 0; i <= row->set->n; i++) {
        int64_t label = i ? row->set->labels[i - 1] : 0;

        count(c, row, (struct tally_key){ TALLY_TOTAL, .id = { 0, label, 0 } }, e, e->any[i]);
        count(c, row, (struct tally_key){ TALLY_TOTAL, .id = { 0, label, row->outcome } }, e, e->outcome[i]);
        count(c, row, (struct tally_key){ TALLY_STEP, .id = { 0, label, row->outcome, row->reached, row->error } }, e, true);
    }
    count(c, row, (struct tally_key){ TALLY_SET, .id = { 0, row->set->id, 0 } }, e, e->set_any);
    count(c, row, (struct tally_key){ TALLY_SET, .id = { 0, row->set->id, row->outcome } }, e, e->set_outcome);
    count(c, row, (struct tally_key){ TALLY_HOUR, .id = { 0, row->hour } }, e, true);
    tally_add(c->visits->tally, &(struct tally_key){ TALLY_DAY, .day = row->day }, false, false);
}

static int flag_day(struct conn *c, int64_t day, int64_t flag, struct cs_error *err)
{
    struct query q = query_on(c, c->v.day_flag);

    query_int(&q, day);
    query_int(&q, flag);
    return query_run(&q, err);
}

/* The row is what fails last; afterwards everything is counted in memory, where nothing can fail. */
int db_visit_add(void *conn, const struct cs_visit *visit, struct cs_error *err)
{
    struct conn *c = conn;
    struct row row = { 0 };
    struct earlier earlier = { 0 };
    struct day_statements *d;

    if (visits_writer_ready(c, err) < 0 || check(visit, err) < 0 || tally_make_room(c, err) < 0 ||
        day_table_open(c, visit->day, &d, err) < 0 || in_numbers(c, visit, &row, err) < 0)
        return -1;
    if (row.src && look_earlier(c, d, &row, &earlier, err) < 0)
        return -1;
    if (earlier.too_many && flag_day(c, row.day, CS_DAY_AT_LEAST, err) < 0)
        return -1;
    if (add_row(c, d, &row, err) < 0)
        return -1;
    count_all(c, &row, &earlier);
    return 0;
}

/* ---- asking */

int db_visits_of(void *conn, int64_t day, const char *zone, uint64_t src, cs_report_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    sqlite3_stmt *s = NULL;
    struct query q;
    bool exists;
    int got;

    if (day_table_exists(c, day, &exists, err) < 0)
        return -1;
    if (!exists || !src)
        return 0;
    if (day_prepare(c,
                    "SELECT o.word, CAST(sum(n) AS TEXT) FROM visit_# JOIN word AS z ON z.id = zone AND z.word = ? "
                    "JOIN word AS o ON o.id = outcome WHERE src = ? GROUP BY o.word ORDER BY o.word",
                    day, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    query_text(&q, zone);
    query_int(&q, (int64_t)src);
    while ((got = query_next(&q, err)) == 1) {
        struct cs_report_value values[] = { { "outcome", row_text(&q, 0) }, { "requests", row_text(&q, 1) } };

        if (fn(arg, values, 2)) {
            got = 0;
            break;
        }
    }
    sqlite3_finalize(s);
    return got;
}
