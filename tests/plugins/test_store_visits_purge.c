/* store-sqlite: days that are purged, what is left of them, and releases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/visits_file.h"

enum { DAY = VISIT_DAY };

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

#define booked(sql) visit_book_number(&v.book, sql)
#define number(sql) visits_file_number(&v, sql)
#define fill(seed, days, n) visits_file_fill(&v, seed, days, n)
#define erase(...) visits_file_erase(&v, __VA_ARGS__)
#define purge(visits, labels, totals) visits_file_purge(&v, visits, labels, totals)

/* ---- purging ---- */

static void old_days_lose_their_table_and_keep_their_totals(void **state)
{
    (void)state;
    fill(14, 4, 300);
    assert_int_equal(purge(DAY + 2, 0, 0), 2);
    visit_book_sql(&v.book, "INSERT INTO closed VALUES (20778, 5), (20779, 5); INSERT INTO gone VALUES (20778), (20779)");
    visits_file_agree(&v, 0);
    assert_int_equal(number("SELECT flags FROM day_note WHERE day = 20778"), CS_DAY_CLOSED);
    assert_int_equal(purge(DAY + 2, 0, 0), 0);
    visits_file_agree(&v, 0);
    assert_int_equal(purge(DAY + 4, 0, 0), 2);
    assert_true(visits_file_scrub(&v));
    for (uint64_t i = 1; i <= 60; i++)
        assert_int_equal(visits_file_find_src(&v, 0x9e3779b97f4a7c15u * i), 0);
    assert_int_equal(number("SELECT count(*) FROM visit"), 0);
    assert_int_equal(number("SELECT count(*) FROM word WHERE word IN ('weak-key', 'not-visible')"), 2);
}

static void labels_of_few_sources_fold_later(void **state)
{
    struct cs_visit_label label = { "campaign", "einhorn" };
    struct cs_visit visit = visits_file_one();

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    for (visit.src = 1; visit.src <= 12; visit.src++) {
        label.value = visit.src <= 3 ? "einhorn" : visit.src <= 7 ? "greif" : "drache";
        for (uint64_t i = 0; i < visit.src; i++)
            assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    }
    visits_file_commit(&v);
    assert_int_equal(purge(DAY, DAY + 1, 0), 0);
    assert_int_equal(number("SELECT count(*) FROM total WHERE outcome = 0"), 4);
    assert_int_equal(purge(DAY + 1, DAY + 1, 0), 1);
    assert_int_equal(number("SELECT count(*) FROM total WHERE outcome = 0"), 3);
#define OF_LABEL(column, text)                                                                                                 \
    "SELECT " column " FROM total JOIN label ON label.id = label WHERE outcome = 0 AND value = '" text "'"
    assert_int_equal(number(OF_LABEL("requests", "other")), 28);
    assert_int_equal(number(OF_LABEL("uniques", "other")), 4);
    assert_int_equal(number(OF_LABEL("uniques_most", "other")), 7);
    assert_int_equal(number(OF_LABEL("uniques", "drache")), 5);
    assert_int_equal(number("SELECT sum(requests) FROM step_total JOIN label ON label.id = label WHERE value = 'other'"), 28);
    assert_int_equal(number("SELECT sum(requests) FROM step_total WHERE label = 0"), 78);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "einhorn") + visits_file_find_text(&v, "greif"), 0);
    assert_true(visits_file_find_text(&v, "drache") > 0);
    assert_int_equal(purge(DAY + 1, DAY + 1, 0), 0);
    assert_int_equal(number("SELECT count(*) FROM total WHERE outcome = 0"), 3);
}

static void totals_go_in_the_end(void **state)
{
    struct cs_latency latency = {
        .size = sizeof latency, .day = DAY, .role = "ca", .instance = "le-of-old", .bucket = 1, .n = 1
    };

    (void)state;
    fill(15, 3, 100);
    visits_file_begin(&v);
    assert_int_equal(v.ops->latency_add(v.w, &latency, &v.err), 0);
    visits_file_commit(&v);
    assert_int_equal(purge(DAY + 1, DAY + 1, DAY + 2), 2);
    visit_book_sql(&v.book, "DELETE FROM raw WHERE day < 20780");
    visits_file_agree(&v, 0);
    assert_int_equal(number("SELECT count(*) FROM day_note"), 1);
    assert_int_equal(purge(DAY + 9, DAY + 9, DAY + 9), 1);
    assert_true(visits_file_scrub(&v));
    for (const char *const *text = (const char *const[]){ "le-of-old", "shop.example", "campaign", "weak-key", NULL }; *text;
         text++)
        assert_int_equal(visits_file_find_text(&v, *text), 0);
    assert_int_equal(number("SELECT count(*) FROM label") + number("SELECT count(*) FROM label_set"), 3);
}

/* Of days that have totals only: what says nothing else goes, what was added up shrinks as far as can be known. */
static void totals_without_visits_can_be_erased(void **state)
{
    (void)state;
    fill(16, 2, 400);
    purge(DAY + 1, 0, 0);
    visit_book_sql(&v.book, "INSERT INTO gone VALUES (20778); INSERT INTO closed VALUES (20778, 5)");
    assert_int_equal(erase((struct cs_visits_erasure){ .day = DAY, .zone = "lab.example", .has_src = true, .src = 5 }), 0);
    visits_file_agree(&v, 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "lab.example" }),
                     booked("SELECT count(*) FROM raw WHERE zone = 'lab.example'"));
    visit_book_sql(&v.book, "DELETE FROM raw WHERE zone = 'lab.example'");
    visits_file_agree(&v, 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .label_name = "os" }),
                     booked("SELECT count(*) FROM raw_label JOIN raw USING (id) WHERE name = 'os'"));
    visits_file_strip_book(&v, "name = 'os'");
    visits_file_agree(&v, BOOK_WITHOUT_SETS);
    assert_int_equal(number("SELECT count(*) FROM (SELECT day, zone FROM set_total WHERE outcome = 0 GROUP BY day, zone HAVING "
                            "sum(requests) <> (SELECT requests FROM total AS t WHERE t.day = set_total.day AND t.zone = "
                            "set_total.zone AND label = 0 AND outcome = 0))"),
                     0);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "os=") + visits_file_find_text(&v, "lab.example"), 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .before_day = DAY + 1 }),
                     booked("SELECT count(*) FROM raw WHERE day = 20778"));
    visit_book_sql(&v.book, "DELETE FROM raw WHERE day = 20778");
    visits_file_agree(&v, 0);
}

/* ---- scrubbing and releases ---- */

static int stop_at_once(void *arg, const struct cs_day *day)
{
    (void)arg;
    (void)day;
    return 1;
}

static void a_reader_with_a_snapshot_delays_the_scrub(void **state)
{
    bool done = true;

    (void)state;
    fill(17, 1, 100);
    assert_int_equal(v.ops->begin(v.r, &v.err), 0);
    assert_int_equal(v.ops->day_list(v.r, stop_at_once, NULL, &v.err), 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "shop.example" }),
                     booked("SELECT count(*) FROM raw WHERE zone = 'shop.example'"));
    assert_false(visits_file_scrub(&v));
    assert_true(visits_file_find_text(&v, "shop.example") > 0);
    assert_int_equal(v.ops->commit(v.r, &v.err), 0);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "shop.example"), 0);
    assert_int_equal(v.ops->scrub(v.r, &done, &v.err), -1);
    visits_file_begin(&v);
    assert_int_equal(v.ops->scrub(v.w, &done, &v.err), -1);
    assert_false(done);
    visits_file_commit(&v);
}

static int keep_blob(void *arg, const void *data, size_t len)
{
    snprintf(arg, 100, "%.*s", (int)len, (const char *)data);
    return 0;
}

static int add_release(void *arg, const char *zone, const char *week)
{
    char *names = arg;
    size_t len = strlen(names);

    snprintf(names + len, 100 - len, "%s %s;", zone, week);
    return 0;
}

static void a_release_is_frozen(void **state)
{
    char data[100] = "", names[100] = "";

    (void)state;
    visits_file_begin(&v);
    assert_int_equal(v.ops->release_put(v.w, "lab.example", "2026-W47", "first", 5, &v.err), 0);
    assert_int_equal(v.ops->release_put(v.w, "lab.example", "2026-W47", "second", 6, &v.err), -1);
    assert_int_equal(v.err.code, CS_ECONFLICT);
    assert_int_equal(v.ops->release_put(v.w, "lab.example", "last week", "third", 5, &v.err), -1);
    assert_int_equal(v.err.code, CS_EINPUT);
    assert_int_equal(v.ops->release_put(v.w, "lab.example", "2026-W09", "other", 5, &v.err), 0);
    visits_file_commit(&v);
    assert_int_equal(v.ops->release_list(v.r, add_release, names, &v.err), 0);
    assert_string_equal(names, "lab.example 2026-W09;lab.example 2026-W47;");
    assert_int_equal(v.ops->release_get(v.r, "lab.example", "2026-W47", keep_blob, data, &v.err), 0);
    assert_string_equal(data, "first");
    data[0] = '\0';
    assert_int_equal(v.ops->release_get(v.r, "shop.example", "2026-W47", keep_blob, data, &v.err), 0);
    assert_string_equal(data, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_days_lose_their_table_and_keep_their_totals),
        TEST(labels_of_few_sources_fold_later),
        TEST(totals_go_in_the_end),
        TEST(totals_without_visits_can_be_erased),
        TEST(a_reader_with_a_snapshot_delays_the_scrub),
        TEST(a_release_is_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
