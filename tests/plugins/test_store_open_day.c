/* store-sqlite: totals of days that are open stand in tables of their own. What that keeps out of analytics.db, to the byte;
 * that they are in the right ones whatever was done; and the step from schema 1 that brings them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fakes/store_host.h"
#include "../fakes/visits_file.h"

enum { DAY = VISIT_DAY, PAGE = 4096, LEAF = 10, MOST = 4 << 20 };

static const char schema_1[] =
#include "visits.sql.h"
    ;

static struct visits_file v;

static int set_up(void **state)
{
    (void)state;
    visits_file_open(&v);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_file_close(&v);
    return 0;
}

#define number(sql)       visits_file_number(&v, sql)
#define close_day(day, k) visits_file_close_day(&v, day, k)
#define erase(...)        visits_file_erase(&v, __VA_ARGS__)

static void disconnect(void)
{
    v.ops->disconnect(v.f.self, v.r);
    v.ops->disconnect(v.f.self, v.w);
}

static void connect_again(void)
{
    assert_int_equal(v.ops->connect(v.f.self, CS_VISITS_WRITER, &v.w, &v.err), 0);
    assert_int_equal(v.ops->connect(v.f.self, CS_VISITS_READER, &v.r, &v.err), 0);
}

/* ---- bytes ---- */

struct bytes {
    size_t len;
    unsigned char *at;
};

static struct bytes bytes_of(const char *path)
{
    struct bytes bytes = { .at = malloc(MOST) };
    FILE *file = fopen(path, "r");

    assert_true(file && bytes.at);
    bytes.len = fread(bytes.at, 1, MOST, file);
    assert_true(bytes.len > 0 && bytes.len < MOST);
    fclose(file);
    return bytes;
}

static void write_bytes(const char *path, const struct bytes *bytes)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes->at, 1, bytes->len, file), bytes->len);
    assert_int_equal(fclose(file), 0);
}

static unsigned two(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* A table that is one page: are there but zeros between its rows' places and its rows, and no gap among these? */
static bool page_is_tidy(const struct bytes *file, int64_t root)
{
    const unsigned char *page = file->at + (root - 1) * PAGE;
    unsigned first = 8 + 2 * two(page + 3), rows = two(page + 5);

    if ((size_t)root * PAGE > file->len || page[0] != LEAF || two(page + 1) || page[7])
        return false;
    for (unsigned i = first; i < rows; i++)
        if (page[i])
            return false;
    return true;
}

/* Connections are closed for it: reading the file ourselves would drop the locks of those. */
static void expect_tidy_open_tables(void)
{
    static const char *const tables[] = { "open_total", "open_set_total", "open_step_total" };
    const char *untidy = NULL;
    struct bytes file;
    char sql[200];

    assert_true(visits_file_scrub(&v));
    disconnect();
    file = bytes_of(v.f.visits);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", tables[i]);
        untidy = page_is_tidy(&file, number(sql)) ? untidy : tables[i];
    }
    free(file.at);
    connect_again();
    if (untidy)
        fail_msg("the page of %s has something else than its rows", untidy);
}

/* ---- Tests: where totals stand ---- */

static void expect_right_tables(void)
{
    static const char *const names[] = { "total", "set_total", "step_total" };
    char sql[300];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM closed_%s JOIN day_note USING (day) WHERE NOT flags & 32", names[i]);
        assert_int_equal(number(sql), 0);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM open_%s JOIN day_note USING (day) WHERE flags & 32", names[i]);
        assert_int_equal(number(sql), 0);
    }
}

static void totals_stand_in_the_tables_of_their_day_whatever_is_done(void **state)
{
    (void)state;
    visits_file_fill(&v, 1, 3, 300);
    expect_right_tables();
    assert_int_equal(number("SELECT count(*) FROM closed_total"), 0);
    close_day(DAY, 3);
    close_day(DAY + 1, 5);
    expect_right_tables();
    assert_true(number("SELECT count(DISTINCT day) FROM closed_total") == 2 &&
                number("SELECT count(DISTINCT day) FROM closed_set_total") == 2 &&
                number("SELECT count(DISTINCT day) FROM closed_step_total") == 2);
    visits_file_agree(&v, 0);
    close_day(DAY, 8);
    expect_right_tables();
    visits_file_agree(&v, 0);
    assert_true(erase((struct cs_visits_erasure){ .day = -1, .label_name = "os" }) > 0);
    visits_file_strip_book(&v, "name = 'os'");
    expect_right_tables();
    visits_file_agree(&v, 0);
    assert_int_equal(visits_file_purge(&v, DAY + 1, DAY + 1, 0), 1);
    expect_right_tables();
    assert_int_equal(visits_file_purge(&v, DAY + 3, DAY + 3, 0), 2);
    expect_right_tables();
    assert_int_equal(number("SELECT count(*) FROM open_total"), 0);
}

static void a_day_that_is_closed_leaves_no_byte_in_the_tables_of_open_ones(void **state)
{
    uint64_t seed = 2;

    (void)state;
    visits_file_fill(&v, 3, 1, 400);
    visits_file_begin(&v);
    visits_file_add(&v, v.w, &seed, DAY + 1, 3);
    visits_file_commit(&v);
    close_day(DAY, 5);
    assert_true(number("SELECT count(*) FROM open_total") > 3);
    expect_tidy_open_tables();
    visits_file_agree(&v, 0);
}

static void nor_do_visits_that_are_erased(void **state)
{
    (void)state;
    visits_file_fill(&v, 4, 1, 30);
    assert_true(erase((struct cs_visits_erasure){ .day = -1, .label_name = "campaign" }) > 0);
    expect_tidy_open_tables();
}

/* ---- Tests: what is published ---- */

/* Visits of today that differ in all that is not told of it: labels, sources, kinds of key and client. */
static void add_today(bool rare)
{
    static const char *const ends[][3] = { { "issued", "issued", "" },
                                           { "failed", "challenge", "not-visible" },
                                           { "refused", "csr", "weak-key" } };
    char value[16];
    struct cs_visit_label label = { "campaign", value };

    visits_file_begin(&v);
    for (int i = 0; i < 400; i++) {
        struct cs_visit visit = visits_file_one();
        const char *const *end = ends[i * i % 3];

        snprintf(value, sizeof value, "rare-%d", i % 150);
        visit.day = DAY + 1;
        visit.hour = i % 24;
        visit.outcome = end[0];
        visit.reached = end[1];
        visit.error = end[2];
        visit.src = rare ? (uint64_t)i % 170 + 1 : 1;
        visit.alg = rare ? "ed25519" : "rsa-2048";
        visit.client = rare ? "countersign" : "curl";
        visit.labels = &label;
        visit.n_labels = rare;
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    }
    visits_file_commit(&v);
}

/* From the same file each time. The moment of publishing is taken out. */
static struct bytes published_with(const struct bytes *closed, bool rare)
{
    struct bytes bytes;
    char *moment;

    disconnect();
    write_bytes(v.f.visits, closed);
    connect_again();
    add_today(rare);
    assert_int_equal(v.ops->publish(v.r, &v.err), 0);
    bytes = bytes_of(v.f.analytics);
    moment = memmem(bytes.at, bytes.len, "published20", 11);
    assert_non_null(moment);
    memset(moment + 9, '0', 20);
    return bytes;
}

static void what_is_not_told_of_an_open_day_changes_no_byte_of_the_published_file(void **state)
{
    struct bytes closed, plain, rare, again;

    (void)state;
    visits_file_fill(&v, 5, 1, 500);
    close_day(DAY, 3);
    assert_true(visits_file_scrub(&v));
    disconnect();
    closed = bytes_of(v.f.visits);
    connect_again();
    plain = published_with(&closed, false);
    again = published_with(&closed, false);
    rare = published_with(&closed, true);
    assert_int_equal(number("SELECT count(*) FROM label WHERE value GLOB 'rare-*'"), 150);
    assert_true(again.len == plain.len && memcmp(again.at, plain.at, plain.len) == 0);
    assert_int_equal(rare.len, plain.len);
    assert_int_equal(memcmp(rare.at, plain.at, plain.len), 0);
    free(closed.at);
    free(plain.at);
    free(again.at);
    free(rare.at);
}

/* SQLite does so only as long as the tables are alike; nothing but the time tells otherwise. */
static void totals_of_closed_days_are_copied_as_whole_rows(void **state)
{
    static const char *const tables[] = { "total", "set_total", "step_total" };
    sqlite3 *sq = NULL;
    char sql[400];

    (void)state;
    assert_int_equal(v.ops->publish(v.r, &v.err), 0);
    assert_int_equal(sqlite3_open(v.f.analytics, &sq), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS visits", v.f.visits);
    assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        sqlite3_stmt *s = NULL;
        int whole = 0;

        snprintf(sql, sizeof sql, "EXPLAIN INSERT INTO base_%s SELECT * FROM visits.closed_%s", tables[i], tables[i]);
        assert_int_equal(sqlite3_prepare_v2(sq, sql, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW)
            whole += strcmp((const char *)sqlite3_column_text(s, 1), "RowData") == 0;
        sqlite3_finalize(s);
        assert_int_equal(whole, 1);
    }
    sqlite3_close(sq);
}

/* ---- Tests: from schema 1 ---- */

static void a_file_of_schema_1_is_brought_up_to_date(void **state)
{
    struct store_file old = { 0 };
    char sql[400];

    (void)state;
    store_file_open(&old, 200);
    store_file_sql_on(old.visits, schema_1);
    store_file_sql_on(old.visits, "INSERT INTO day_note (day, flags) VALUES (20776, 33), (20777, 36), (20778, 1);"
                                  "INSERT INTO word VALUES (1000, 'lab.example'); INSERT INTO label VALUES (2000, 'a', 'b');"
                                  "INSERT INTO label_set VALUES (3000, 'a=b')");
    for (int day = 20776; day <= 20778; day++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO total VALUES (%d, 1000, 0, 0, 7, 2, 3), (%d, 1000, 2000, 0, 6, 2, 2);"
                 "INSERT INTO set_total VALUES (%d, 1000, 3000, 0, 6, 2, 2);"
                 "INSERT INTO step_total VALUES (%d, 1000, 0, 1, 1, 0, 7), (%d, 1000, 2000, 1, 1, 0, 6)",
                 day, day, day, day, day);
        store_file_sql_on(old.visits, sql);
    }
    assert_int_equal(old.ops->migrate(old.self, true, &v.err), 0);
    assert_non_null(strstr(store_host.lines, "visits.db from=1 to=2"));
#define old_number(sql) store_file_number_of(old.visits, sql)
    assert_int_equal(old_number("SELECT count(*) FROM total"), 6);
    assert_int_equal(old_number("SELECT count(*) FROM set_total"), 3);
    assert_int_equal(old_number("SELECT count(*) FROM step_total"), 6);
    assert_int_equal(old_number("SELECT group_concat(DISTINCT day) = '20776,20777' FROM closed_total"), 1);
    assert_int_equal(old_number("SELECT group_concat(DISTINCT day) = '20776,20777' FROM closed_set_total"), 1);
    assert_int_equal(old_number("SELECT group_concat(DISTINCT day) = '20776,20777' FROM closed_step_total"), 1);
    assert_int_equal(old_number("SELECT min(requests = 7 AND uniques = 2) FROM total WHERE label = 0"), 1);
    assert_int_equal(old_number("SELECT group_concat(uniques_most) = '7,3,3' FROM "
                                "(SELECT uniques_most FROM total WHERE label = 0 ORDER BY day)"),
                     1);
    assert_int_equal(old_number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB '*total'"), 7);
    assert_int_equal(old_number("SELECT group_concat(day) = '20777' FROM day_times WHERE times = 2"), 1);
    store_file_close(&old);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(totals_stand_in_the_tables_of_their_day_whatever_is_done),
        TEST(a_day_that_is_closed_leaves_no_byte_in_the_tables_of_open_ones),
        TEST(nor_do_visits_that_are_erased),
        TEST(what_is_not_told_of_an_open_day_changes_no_byte_of_the_published_file),
        TEST(totals_of_closed_days_are_copied_as_whole_rows),
        TEST(a_file_of_schema_1_is_brought_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
