/* A plain recount of visits, for tests; see visit_book.h. */
#include "visit_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(struct visit_book *b, bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "visit_book: %s: %s\n", what, sqlite3_errmsg(b->sq));
    abort();
}

void visit_book_sql(struct visit_book *b, const char *sql)
{
    must(b, sqlite3_exec(b->sq, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

void visit_book_open(struct visit_book *b)
{
    must(b, sqlite3_open(":memory:", &b->sq) == SQLITE_OK, "open");
    visit_book_sql(
        b, "CREATE TABLE raw (id INTEGER PRIMARY KEY, day, hour, zone, src, labels, outcome, reached, error, alg, client);"
           "CREATE TABLE raw_label (id, name, value); CREATE INDEX raw_label_id ON raw_label (id);"
                      "CREATE INDEX raw_set ON raw (day, zone, labels);"
           "CREATE TABLE closed (day, k); CREATE TABLE gone (day)");
}

void visit_book_copy(struct visit_book *b, const struct visit_book *from)
{
    sqlite3_backup *backup;

    must(b, sqlite3_open(":memory:", &b->sq) == SQLITE_OK, "open");
    backup = sqlite3_backup_init(b->sq, "main", from->sq, "main");
    must(b, backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE, "backup");
    sqlite3_backup_finish(backup);
}

void visit_book_close(struct visit_book *b)
{
    sqlite3_close(b->sq);
    b->sq = NULL;
}

static sqlite3_stmt *prepared(struct visit_book *b, const char *sql)
{
    sqlite3_stmt *s = NULL;

    must(b, sqlite3_prepare_v2(b->sq, sql, -1, &s, NULL) == SQLITE_OK, sql);
    return s;
}

static void text(sqlite3_stmt *s, int at, const char *value)
{
    sqlite3_bind_text(s, at, value, -1, SQLITE_TRANSIENT);
}

static void add_label(struct visit_book *b, int64_t id, const struct cs_visit_label *label)
{
    sqlite3_stmt *s = prepared(b, "INSERT INTO raw_label VALUES (?, ?, ?)");

    sqlite3_bind_int64(s, 1, id);
    text(s, 2, label->name);
    text(s, 3, label->value);
    must(b, sqlite3_step(s) == SQLITE_DONE, "a label");
    sqlite3_finalize(s);
}

void visit_book_add(struct visit_book *b, const struct cs_visit *visit)
{
    sqlite3_stmt *s = prepared(b, "INSERT INTO raw VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    char labels[1024] = "";
    size_t used = 0;
    int64_t id;

    for (size_t i = 0; i < visit->n_labels; i++)
        used += (size_t)snprintf(labels + used, sizeof labels - used, "%s%s=%s", i ? "\n" : "", visit->labels[i].name,
                                 visit->labels[i].value);
    sqlite3_bind_int64(s, 1, visit->day);
    sqlite3_bind_int64(s, 2, visit->hour);
    text(s, 3, visit->zone);
    if (visit->has_src)
        sqlite3_bind_int64(s, 4, (int64_t)visit->src);
    text(s, 5, labels);
    text(s, 6, visit->outcome);
    text(s, 7, visit->reached);
    text(s, 8, visit->error);
    text(s, 9, visit->alg);
    text(s, 10, visit->client);
    must(b, sqlite3_step(s) == SQLITE_DONE, "a visit");
    sqlite3_finalize(s);
    id = sqlite3_last_insert_rowid(b->sq);
    for (size_t i = 0; i < visit->n_labels; i++)
        add_label(b, id, &visit->labels[i]);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

#define COUNTS   "count(*), count(DISTINCT src), count(DISTINCT src) + count(*) - count(src)"
#define LABELLED "raw JOIN raw_label USING (id)"
#define LABEL    "name || '=' || value"
#define FOLDED                                                                                                                 \
    "(SELECT raw.*, CASE WHEN labels <> '' AND EXISTS (SELECT 1 FROM closed WHERE closed.day = raw.day AND k > "               \
    "(SELECT count(DISTINCT src) FROM raw AS r WHERE r.day = raw.day AND r.zone = raw.zone AND r.labels = raw.labels)) "       \
    "THEN 'other' ELSE labels END AS kept FROM raw)"
#define LABEL_OF     "CASE label WHEN 0 THEN '' ELSE (SELECT name || '=' || value FROM v.label WHERE id = label) END"
#define WORD(column) "(SELECT word FROM v.word WHERE id = " column ")"

static const struct {
    const char *name;
    int leave_out;
    const char *wanted, *found;
} tables[] = {
    { "total without labels", 0,
      "SELECT day, zone, '', " COUNTS " FROM raw GROUP BY day, zone "
      "UNION ALL SELECT day, zone, outcome, " COUNTS " FROM raw GROUP BY day, zone, outcome",
      "SELECT day, " WORD("zone") ", " WORD("outcome") ", requests, uniques, uniques_most FROM v.total WHERE label = 0" },
    { "total with labels", BOOK_WITHOUT_LABELS,
      "SELECT day, zone, " LABEL ", '', " COUNTS " FROM " LABELLED " GROUP BY day, zone, name, value "
      "UNION ALL SELECT day, zone, " LABEL ", outcome, " COUNTS " FROM " LABELLED " GROUP BY day, zone, name, value, outcome",
      "SELECT day, " WORD("zone") ", " LABEL_OF ", " WORD("outcome") ", requests, uniques, uniques_most FROM v.total "
                                                                     "WHERE label <> 0" },
    { "set_total", BOOK_WITHOUT_SETS,
      "SELECT day, zone, kept, '', " COUNTS " FROM " FOLDED " GROUP BY day, zone, kept "
      "UNION ALL SELECT day, zone, kept, outcome, " COUNTS " FROM " FOLDED " GROUP BY day, zone, kept, outcome",
      "SELECT day, " WORD("zone") ", (SELECT l.labels FROM v.label_set AS l WHERE id = set_total.labels), " WORD(
          "outcome") ", "
                     "requests, uniques, uniques_most FROM v.set_total" },
    { "step_total", BOOK_WITHOUT_LABELS,
      "SELECT day, zone, '', outcome, reached, error, count(*) FROM raw GROUP BY 1, 2, 3, 4, 5, 6 "
      "UNION ALL SELECT day, zone, " LABEL ", outcome, reached, error, count(*) FROM " LABELLED " GROUP BY 1, 2, 3, 4, 5, 6",
      "SELECT day, " WORD("zone") ", " LABEL_OF
                                  ", " WORD("outcome") ", " WORD("reached") ", " WORD("error") ", requests "
                                                                                               "FROM v.step_total" },
    { "hour_total", BOOK_WITHOUT_HOURS, "SELECT day, zone, hour, count(*) FROM raw GROUP BY 1, 2, 3",
      "SELECT day, " WORD("zone") ", hour, requests FROM v.hour_total" },
    { "sum of hour_total", 0, "SELECT day, zone, count(*) FROM raw GROUP BY 1, 2",
      "SELECT day, " WORD("zone") ", sum(requests) FROM v.hour_total GROUP BY 1, 2" },
    { "visits", 0,
      "SELECT day, zone, CASE WHEN src IS NULL THEN '' ELSE printf('%016x', src) END, replace(labels, char(10), ', '), "
      "outcome, "
      "reached, error, alg, client, count(*) FROM raw WHERE day NOT IN (SELECT day FROM gone) "
      "GROUP BY day, zone, src, labels, outcome, reached, error, alg, client",
      "SELECT day, zone, src, labels, outcome, reached, error, alg, client, n FROM v.visit" },
};

static int print_rows(struct visit_book *b, const char *what, const char *less, const char *from, int most)
{
    char sql[4096];
    sqlite3_stmt *s;
    int n = 0;

    snprintf(sql, sizeof sql, "SELECT * FROM (%s) EXCEPT SELECT * FROM (%s)", from, less);
    s = prepared(b, sql);
    for (; sqlite3_step(s) == SQLITE_ROW; n++) {
        if (n >= most)
            continue;
        printf("# %s:", what);
        for (int i = 0; i < sqlite3_column_count(s); i++)
            printf(" %s", sqlite3_column_text(s, i) ? (const char *)sqlite3_column_text(s, i) : "NULL");
        printf("\n");
    }
    must(b, sqlite3_finalize(s) == SQLITE_OK, sql);
    return n;
}

int visit_book_differences(struct visit_book *b, const char *path, int leave_out)
{
    sqlite3_stmt *s = prepared(b, "ATTACH ? AS v");
    char what[64];
    int most = leave_out & BOOK_QUIETLY ? 0 : 5, n = 0;

    text(s, 1, path);
    must(b, sqlite3_step(s) == SQLITE_DONE, "ATTACH");
    sqlite3_finalize(s);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if ((tables[i].leave_out & leave_out) || (n && most == 0))
            continue;
        snprintf(what, sizeof what, "missing in %s", tables[i].name);
        n += print_rows(b, what, tables[i].found, tables[i].wanted, most);
        snprintf(what, sizeof what, "wrong in %s", tables[i].name);
        n += print_rows(b, what, tables[i].wanted, tables[i].found, most);
    }
    visit_book_sql(b, "DETACH v");
    return n;
}

/* ---- making up --------------------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *seed, uint64_t most)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % most;
}

/* Small numbers come more often. */
static uint64_t skewed(uint64_t *seed, uint64_t most)
{
    return next(seed, next(seed, most) + 1);
}

struct cs_visit visit_book_random(uint64_t *seed, int64_t day, struct cs_visit_label *labels)
{
    static const char *const zones[] = { "", "lab.example", "shop.example" };
    static const char *const names[] = { "campaign", "edition", "os" };
    static const char *const values[] = { "spring", "autumn", "free", "trial 14=days", "debian", "other" };
    static const char *const outcomes[] = { "issued", "refused", "failed", "stored", "unfinished" };
    static const char *const reached[] = { "issued", "csr", "challenge", "issued", "posted" };
    static const char *const errors[] = { "", "weak-key", "not-visible", "", "" };
    static const char *const algs[] = { "ecdsa-p256", "rsa-2048", "" };
    static const char *const clients[] = { "curl", "countersign", "none" };
    size_t kind = skewed(seed, 5), n = 0;

    for (size_t i = 0; i < 3; i++)
        if (next(seed, 3))
            labels[n++] = (struct cs_visit_label){ names[i], values[skewed(seed, 6)] };
    return (struct cs_visit){
        .size = sizeof(struct cs_visit),
        .day = day,
        .hour = (int64_t)next(seed, 24),
        .zone = zones[next(seed, 3)],
        .has_src = next(seed, 20) != 0,
        .src = 0x9e3779b97f4a7c15u * (1 + skewed(seed, 60)),
        .labels = labels,
        .n_labels = n,
        .outcome = outcomes[kind],
        .reached = reached[kind],
        .error = errors[kind],
        .alg = algs[skewed(seed, 3)],
        .client = clients[skewed(seed, 3)],
    };
}
