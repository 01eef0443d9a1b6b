/* store-sqlite: days that close, visits that are erased, and the bytes that must be gone then. */
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
#define close_day(day, k) visits_file_close_day(&v, day, k)
#define erase(...) visits_file_erase(&v, __VA_ARGS__)

/* ---- closing ---- */

static void closing_folds_sets_of_few_sources(void **state)
{
    (void)state;
    fill(1, 3, 400);
    assert_true(number("SELECT count(*) FROM set_total WHERE outcome = 0 AND labels > 1 AND uniques < 5") > 20);
    close_day(DAY, 5);
    close_day(DAY + 1, 10);
    assert_int_equal(number("SELECT count(*) FROM set_total WHERE day < 20780 AND outcome = 0 AND labels > 1 AND uniques < 5"),
                     0);
    assert_true(number("SELECT count(*) FROM set_total WHERE day = 20778 AND labels > 1") > 0);
    assert_int_equal(number("SELECT count(*) FROM set_total WHERE day = 20778 AND labels = 1 AND outcome = 0"), 3);
    visits_file_agree(&v, 0);
    close_day(DAY, 5);
    visits_file_agree(&v, 0);
    close_day(DAY, 10);
    visits_file_agree(&v, 0);
    assert_int_equal(number("SELECT flags FROM day_note WHERE day = 20778"), CS_DAY_CLOSED);
    visits_file_begin(&v);
    assert_int_equal(v.ops->day_close(v.w, DAY, 5, &v.err), 0);
    visits_file_commit(&v);
    visits_file_agree(&v, 0);
}

/* Of the sources with this value each came once. */
static void add_sources(const char *value, uint64_t n)
{
    struct cs_visit_label label = { "campaign", value };
    struct cs_visit visit = visits_file_one();

    visit.labels = &label;
    visit.n_labels = 1;
    for (visit.src = 1; visit.src <= n; visit.src++)
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
}

/* With three keys and another list of proxies, 37 pseudonyms are ten sources at least, 36 perhaps nine; labels fold under 5. */
static void sources_that_may_count_again_are_as_few_as_they_may_be(void **state)
{
    const struct cs_day day = {
        .size = sizeof day, .day = DAY, .keys = 3, .flags = CS_DAY_TWO_KEYS | CS_DAY_PROXIES, .proxy_changes = 1
    };

    (void)state;
    visits_file_begin(&v);
    add_sources("einhorn", 16);
    add_sources("greif", 36);
    add_sources("drache", 37);
    assert_int_equal(v.ops->day_put(v.w, &day, &v.err), 0);
    visits_file_commit(&v);
    close_day(DAY, 10);
    assert_int_equal(number("SELECT requests FROM set_total WHERE labels > 1 AND outcome = 0"), 37);
    assert_int_equal(number("SELECT requests FROM set_total WHERE labels = 1 AND outcome = 0"), 52);
    visits_file_purge(&v, DAY + 1, DAY + 1, 0);
    assert_int_equal(number("SELECT group_concat(value || requests) = 'drache37,greif36,other16' "
                            "FROM (SELECT value, requests FROM total JOIN label ON label.id = label "
                            "WHERE outcome = 0 AND label > 0 ORDER BY value)"),
                     1);
    assert_int_equal(number("SELECT count(*) FROM set_total WHERE labels > 1 AND outcome = 0"), 1);
}

static void a_day_without_visits_closes_too(void **state)
{
    (void)state;
    close_day(DAY, 10);
    assert_int_equal(number("SELECT flags FROM day_note WHERE day = 20778"), CS_DAY_CLOSED);
    assert_int_equal(v.ops->day_close(v.r, DAY, 10, &v.err), -1);
    assert_int_equal(v.ops->day_close(v.w, DAY, 10, &v.err), -1);
}

static void closing_makes_counts_exact_that_were_not(void **state)
{
    char value[16];
    struct cs_visit_label label = { "n", value };
    struct cs_visit visit = visits_file_one();

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    for (int i = 0; i < 1005; i++) {
        snprintf(value, sizeof value, "v%d", i);
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
        visit_book_add(&v.book, &visit);
    }
    visits_file_commit(&v);
    assert_int_equal(number("SELECT flags FROM day_note"), CS_DAY_AT_LEAST);
    close_day(DAY, 2);
    assert_int_equal(number("SELECT flags FROM day_note"), CS_DAY_CLOSED);
    visits_file_agree(&v, 0);
}

static void without_their_sources_counts_stay_lower_bounds(void **state)
{
    const struct cs_day day = { .size = sizeof day, .day = DAY, .flags = CS_DAY_AT_LEAST };
    struct cs_visit visit = visits_file_one();

    (void)state;
    visits_file_begin(&v);
    assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    visit.has_src = false;
    assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    assert_int_equal(v.ops->day_put(v.w, &day, &v.err), 0);
    visits_file_commit(&v);
    close_day(DAY, 2);
    assert_int_equal(number("SELECT flags FROM day_note"), CS_DAY_CLOSED | CS_DAY_AT_LEAST);
}

/* One that is known and two that may be anybody's, beside another zone's five. */
static void sources_that_are_not_known_count_at_most_where_they_came(void **state)
{
    struct cs_visit visit = visits_file_one();

    (void)state;
    visits_file_begin(&v);
    visit.zone = "shop.example";
    for (visit.src = 1; visit.src <= 5; visit.src++)
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    visit.zone = "lab.example";
    assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    visit.has_src = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    visits_file_commit(&v);
    close_day(DAY, 2);
    assert_int_equal(number("SELECT flags FROM day_note"), CS_DAY_CLOSED);
    for (const char *const *table = (const char *const[]){ "total", "set_total", NULL }; *table; table++) {
        char sql[200];

        snprintf(sql, sizeof sql,
                 "SELECT group_concat(uniques || '-' || uniques_most) = '1-3,5-5' FROM (SELECT uniques, uniques_most FROM %s "
                 "JOIN word ON word.id = zone WHERE outcome = 0 ORDER BY word)",
                 *table);
        assert_int_equal(number(sql), 1);
    }
}

/* ---- erasing ---- */

static void a_source_is_erased_of_a_day_and_zone(void **state)
{
    uint64_t src = 0x9e3779b97f4a7c15u;

    (void)state;
    fill(2, 1, 600);
    close_day(DAY, 5);
    assert_true(visits_file_find_src(&v, src) > 0);
    for (const char *const *zone = (const char *const[]){ "", "lab.example", "shop.example", NULL }; *zone; zone++) {
        char sql[200];

        snprintf(sql, sizeof sql, "SELECT count(*) FROM raw WHERE src = %" PRId64 " AND zone = '%s'", (int64_t)src, *zone);
        assert_true(booked(sql) > 0);
        assert_int_equal(erase((struct cs_visits_erasure){ .day = DAY, .zone = *zone, .has_src = true, .src = src }),
                         booked(sql));
        snprintf(sql, sizeof sql, "DELETE FROM raw WHERE src = %" PRId64 " AND zone = '%s'", (int64_t)src, *zone);
        visit_book_sql(&v.book, sql);
        visits_file_agree(&v, BOOK_WITHOUT_HOURS);
    }
    assert_int_equal(erase((struct cs_visits_erasure){ .day = DAY, .zone = "", .has_src = true, .src = src }), 0);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_src(&v, src), 0);
    assert_true(visits_file_find_src(&v, src * 2) > 0);
    assert_int_equal(number("SELECT flags FROM day_note WHERE day = 20778"), CS_DAY_CLOSED | CS_DAY_ERASED);
}

/* Sources that are not known have the number 0 in the file: an address whose pseudonym is 0 must not take them along. */
static void the_unknown_are_no_source(void **state)
{
    (void)state;
    fill(2, 1, 100);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = DAY, .zone = "lab.example", .has_src = true, .src = 0 }), 0);
    visits_file_agree(&v, 0);
}

static void a_zone_goes_with_its_id_but_what_was_published_stays(void **state)
{
    (void)state;
    fill(4, 3, 200);
    visits_file_begin(&v);
    assert_int_equal(v.ops->zone_id_put(v.w, "shop.example", 77, &v.err), 0);
    assert_int_equal(v.ops->zone_id_put(v.w, "lab.example", 78, &v.err), 0);
    assert_int_equal(v.ops->release_put(v.w, "shop.example", "2026-W47", "sold", 4, &v.err), 0);
    assert_int_equal(v.ops->release_put(v.w, "lab.example", "2026-W47", "lab", 3, &v.err), 0);
    visits_file_commit(&v);
    close_day(DAY, 5);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "shop.example" }),
                     booked("SELECT count(*) FROM raw WHERE zone = 'shop.example'"));
    visit_book_sql(&v.book, "DELETE FROM raw WHERE zone = 'shop.example'");
    visits_file_agree(&v, 0);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "shop"), visits_file_find_text(&v, "shop.example2026-W47sold"));
    assert_int_equal(number("SELECT count(*) FROM zone_id"), 1);
    assert_int_equal(number("SELECT count(*) FROM release WHERE zone = 'shop.example' AND data = CAST('sold' AS BLOB)"), 1);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "nobody.example" }), 0);
    visits_file_agree(&v, 0);
}

static void a_label_goes_out_of_the_sets_it_is_in(void **state)
{
    (void)state;
    fill(6, 2, 400);
    close_day(DAY, 5);
    assert_true(visits_file_find_text(&v, "trial 14=days") > 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .label_name = "os", .label_value = "trial 14=days" }),
                     booked("SELECT count(*) FROM raw_label WHERE name = 'os' AND value = 'trial 14=days'"));
    visits_file_strip_book(&v, "name = 'os' AND value = 'trial 14=days'");
    visits_file_agree(&v, 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .label_name = "campaign" }),
                     booked("SELECT count(*) FROM raw_label WHERE name = 'campaign'"));
    visits_file_strip_book(&v, "name = 'campaign'");
    visits_file_agree(&v, 0);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "campaign"), 0);
    assert_int_equal(visits_file_find_text(&v, "os=trial 14=days"), 0);
    assert_true(visits_file_find_text(&v, "edition=trial 14=days") > 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .label_name = "campaign" }), 0);
    visits_file_begin(&v);
    visits_file_add(&v, v.w, &(uint64_t){ 8 }, DAY + 1, 50);
    visits_file_commit(&v);
    visits_file_agree(&v, 0);
}

/* Enough of them that pages were split: a page keeps pieces of what was moved out of it. */
static void many_texts_leave_nothing_either(void **state)
{
    char value[64];
    struct cs_visit_label label = { "campaign", value };
    struct cs_visit visit = visits_file_one();

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    for (int i = 0; i < 1500; i++) {
        visit.zone = i % 2 ? "lab.example" : "shop.example";
        visit.src = 0x0102030405060708u + ((uint64_t)(i * 7919 % 1500) << 48);
        snprintf(value, sizeof value, "%s-%x-%040d", i % 2 ? "stays" : "goes", (unsigned)i * 2654435761u, i);
        assert_int_equal(v.ops->visit_add(v.w, &visit, &v.err), 0);
    }
    visits_file_commit(&v);
    assert_true(visits_file_find_text(&v, "goes-") > 1500);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "shop.example" }), 750);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find_text(&v, "goes-"), 0);
    assert_int_equal(number("SELECT count(*) FROM visit WHERE labels GLOB 'campaign=stays-*'"), 750);
    assert_true(visits_file_find(&v, "\x03\x04\x05\x06\x07\x08", 6) >= 750);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = DAY, .before_day = 0 }), 750);
    assert_true(visits_file_scrub(&v));
    assert_int_equal(visits_file_find(&v, "\x03\x04\x05\x06\x07\x08", 6), 0);
    assert_int_equal(visits_file_find_text(&v, "stays-"), 0);
}

static void a_label_can_be_erased_of_one_zone_and_day_only(void **state)
{
    (void)state;
    fill(9, 2, 300);
    erase((struct cs_visits_erasure){ .day = DAY, .zone = "lab.example", .label_name = "os" });
    visits_file_strip_book(&v, "name = 'os' AND id IN (SELECT id FROM raw WHERE day = 20778 AND zone = 'lab.example')");
    visits_file_agree(&v, 0);
    assert_true(visits_file_find_text(&v, "os=") > 0);
}

static void what_is_older_than_a_day_is_erased(void **state)
{
    (void)state;
    fill(10, 4, 100);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .before_day = DAY + 2 }), 200);
    visit_book_sql(&v.book, "DELETE FROM raw WHERE day < 20780");
    visits_file_agree(&v, 0);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "lab.example", .before_day = DAY + 3 }),
                     booked("SELECT count(*) FROM raw WHERE zone = 'lab.example' AND day < 20781"));
    visit_book_sql(&v.book, "DELETE FROM raw WHERE zone = 'lab.example' AND day < 20781");
    visits_file_agree(&v, 0);
    assert_int_equal(number("SELECT count(*) FROM day_note WHERE flags = 16"), 3);
}

static void nothing_said_matches_nothing_and_nonsense_is_refused(void **state)
{
    struct cs_visits_erasure what = { .size = sizeof what, .day = -1, .has_src = true, .src = 1, .zone = "lab.example" };
    int64_t n;

    (void)state;
    fill(11, 1, 50);
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1 }), 0);
    visits_file_agree(&v, 0);
    visits_file_begin(&v);
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), -1);
    assert_int_equal(v.err.code, CS_EINPUT);
    what = (struct cs_visits_erasure){ .size = sizeof what, .day = DAY, .has_src = true, .src = 1 };
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), -1);
    what = (struct cs_visits_erasure){ .size = sizeof what, .day = DAY, .label_value = "x" };
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), -1);
    assert_int_equal(v.err.code, CS_EINPUT);
    visits_file_commit(&v);
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), -1);
    visits_file_agree(&v, 0);
}

/* Erased inside a savepoint that is undone: nothing has happened, in the file or in what the connection remembers. */
static void an_erasure_can_be_undone(void **state)
{
    struct cs_visits_erasure what = { .size = sizeof what, .day = -1, .label_name = "os" };
    uint64_t seed = 13;
    int64_t n;

    (void)state;
    fill(12, 2, 100);
    visits_file_begin(&v);
    assert_int_equal(v.ops->savepoint(v.w, CS_SAVEPOINT_SET, &v.err), 0);
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), 0);
    assert_true(n > 0);
    assert_int_equal(v.ops->savepoint(v.w, CS_SAVEPOINT_ROLLBACK, &v.err), 0);
    visits_file_add(&v, v.w, &seed, DAY, 50);
    assert_int_equal(v.ops->visits_erase(v.w, &what, &n, &v.err), 0);
    v.ops->rollback(v.w);
    visit_book_sql(&v.book, "DELETE FROM raw_label WHERE id > 200; DELETE FROM raw WHERE id > 200");
    visits_file_agree(&v, 0);
    visits_file_begin(&v);
    visits_file_add(&v, v.w, &seed, DAY, 50);
    visits_file_commit(&v);
    visits_file_agree(&v, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(closing_folds_sets_of_few_sources),
        TEST(sources_that_may_count_again_are_as_few_as_they_may_be),
        TEST(a_day_without_visits_closes_too),
        TEST(closing_makes_counts_exact_that_were_not),
        TEST(sources_that_are_not_known_count_at_most_where_they_came),
        TEST(without_their_sources_counts_stay_lower_bounds),
        TEST(a_source_is_erased_of_a_day_and_zone),
        TEST(the_unknown_are_no_source),
        TEST(a_zone_goes_with_its_id_but_what_was_published_stays),
        TEST(a_label_goes_out_of_the_sets_it_is_in),
        TEST(many_texts_leave_nothing_either),
        TEST(a_label_can_be_erased_of_one_zone_and_day_only),
        TEST(what_is_older_than_a_day_is_erased),
        TEST(nothing_said_matches_nothing_and_nonsense_is_refused),
        TEST(an_erasure_can_be_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
