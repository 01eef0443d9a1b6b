/* A store whose visits are published; see published.h. */
#include "published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>

#include "visit_book.h"

struct published p;

int published_set_up(void **state)
{
    (void)state;
    store_file_open(&p.f, 200);
    store_file_migrate(&p.f);
    p.ops = p.f.ops;
    p.err = (struct cs_error){ 0 };
    assert_int_equal(p.ops->connect(p.f.self, CS_VISITS_WRITER, &p.w, &p.err), 0);
    assert_int_equal(p.ops->connect(p.f.self, CS_VISITS_READER, &p.r, &p.err), 0);
    return 0;
}

int published_tear_down(void **state)
{
    (void)state;
    p.ops->disconnect(p.f.self, p.r);
    p.ops->disconnect(p.f.self, p.w);
    store_file_close(&p.f);
    return 0;
}

/* ---- What comes in ---- */

void add_visit(struct cs_visit visit)
{
    visit.size = sizeof visit;
    visit.reached = visit.reached ? visit.reached : "issued";
    visit.outcome = visit.outcome ? visit.outcome : "issued";
    visit.error = visit.error ? visit.error : "";
    visit.zone = visit.zone ? visit.zone : "lab.example";
    visit.alg = "rsa-2048";
    visit.client = "curl";
    visit.has_src = true;
    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->visit_add(p.w, &visit, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
}

void add_random_visits(int64_t day, int n, uint64_t seed)
{
    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    for (int i = 0; i < n; i++) {
        struct cs_visit_label labels[3];
        struct cs_visit visit = visit_book_random(&seed, day, labels);

        assert_int_equal(p.ops->visit_add(p.w, &visit, &p.err), 0);
    }
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
}

void note_day(int64_t day, int64_t keys, int64_t received, int64_t flags)
{
    struct cs_day note = { .size = sizeof note, .day = day, .keys = keys, .received = received, .flags = flags };

    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->day_put(p.w, &note, &p.err), 0);
    if (flags & CS_DAY_CLOSED)
        assert_int_equal(p.ops->day_close(p.w, day, 0, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
}

void publish(void)
{
    if (p.ops->publish(p.r, &p.err) < 0)
        fail_msg("%s", p.err.text);
}

/* ---- What is there ---- */

int64_t number_of(const char *sql)
{
    return store_file_number_of(p.f.analytics, sql);
}

/* The rows of a query, columns separated by "|", rows by a newline. */
const char *rows_of(const char *sql)
{
    static char out[4096];
    sqlite3 *sq = NULL;
    sqlite3_stmt *s = NULL;
    size_t len = 0;

    out[0] = '\0';
    assert_int_equal(sqlite3_open_v2(p.f.analytics, &sq, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(sq, sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
    while (sqlite3_step(s) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const char *value = (const char *)sqlite3_column_text(s, i);

            len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i ? "|" : "", value ? value : "NULL");
            assert_true(len < sizeof out);
        }
        len += (size_t)snprintf(out + len, sizeof out - len, "\n");
    }
    sqlite3_finalize(s);
    sqlite3_close(sq);
    return out;
}
