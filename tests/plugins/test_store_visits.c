/* store-sqlite: visits and their totals, words, days, latencies; through the plugin's descriptor. */
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
static void *w, *r; /* a writer's connection, a reader's */
static struct cs_error err;
static const struct cs_store_ops *ops;

static int set_up(void **state)
{
    (void)state;
    visits_file_open(&v);
    ops = v.ops;
    w = v.w;
    r = v.r;
    err = (struct cs_error){ 0 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_file_close(&v);
    return 0;
}

#define a_visit() visits_file_one()
#define add_random(conn, seed, day, n) visits_file_add(&v, conn, seed, day, n)
#define agree() visits_file_agree(&v, 0)
#define number(sql) visits_file_number(&v, sql)

static void savepoint(enum cs_savepoint what)
{
    assert_int_equal(ops->savepoint(w, what, &err), 0);
}

static void refuse(struct cs_visit visit, enum cs_code code, const char *words)
{
    err = (struct cs_error){ 0 };
    assert_int_equal(ops->visit_add(w, &visit, &err), -1);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static int row_of_day(void *arg, const struct cs_day *day)
{
    snprintf(arg, 200, "%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64, day->day, day->keys,
             day->received, day->recorded, day->flags, day->key_destroyed_ms, day->proxy_changes);
    return 0;
}

/* ---- */

static void totals_are_those_of_a_plain_recount(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int64_t day = DAY; day < DAY + 3; day++)
        for (int batch = 0; batch < 5; batch++) {
            visits_file_begin(&v);
            savepoint(CS_SAVEPOINT_SET);
            add_random(w, &seed, day, 100);
            savepoint(CS_SAVEPOINT_RELEASE);
            add_random(w, &seed, DAY + 1, 10);
            visits_file_commit(&v);
        }
    agree();
    assert_int_equal(number("SELECT sum(recorded) FROM day_note"), 1650);
    assert_true(number("SELECT sum(uniques) FROM total WHERE outcome = 0 AND label = 0") > 100);
    assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'visit_2*'"), 3);
}

static void what_is_undone_leaves_nothing_in_memory(void **state)
{
    uint64_t seed = 2, before;

    (void)state;
    for (int i = 0; i < 10; i++) {
        visits_file_begin(&v);
        savepoint(CS_SAVEPOINT_SET);
        add_random(w, &seed, DAY + i, 20);
        savepoint(CS_SAVEPOINT_RELEASE);
        savepoint(CS_SAVEPOINT_SET);
        visit_book_sql(&v.book, "SAVEPOINT piece");
        before = seed;
        add_random(w, &seed, DAY + 1 + i, 20);
        visit_book_sql(&v.book, "ROLLBACK TO piece; RELEASE piece");
        savepoint(CS_SAVEPOINT_ROLLBACK);
        seed = i % 2 ? before : seed; /* the same words and the same day at once again, or others */
        add_random(w, &seed, DAY + i, 20);
        visits_file_commit(&v);
        visits_file_begin(&v);
        visit_book_sql(&v.book, "SAVEPOINT piece");
        add_random(w, &seed, DAY + 1 + i, 20);
        ops->rollback(w);
        visit_book_sql(&v.book, "ROLLBACK TO piece; RELEASE piece");
    }
    agree();
}

static void two_connections_take_turns(void **state)
{
    uint64_t seed = 3;
    void *other;

    (void)state;
    assert_int_equal(ops->connect(v.f.self, CS_VISITS_WRITER, &other, &err), 0);
    for (int i = 0; i < 20; i++) {
        void *conn = i % 2 ? other : w;

        assert_int_equal(ops->begin(conn, &err), 0);
        add_random(conn, &seed, DAY, 10);
        assert_int_equal(ops->commit(conn, &err), 0);
    }
    ops->disconnect(v.f.self, other);
    agree();
}

/* Another process takes rows away that this connection remembers. */
static void words_that_somebody_else_took_away_come_back(void **state)
{
    struct cs_visit_label label = { "campaign", "spring" };
    struct cs_visit visit = a_visit();

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visits_file_commit(&v);
    store_file_sql_on(v.f.visits,
                      "DROP VIEW visit; DROP TABLE visit_20778; DELETE FROM open_total; DELETE FROM open_set_total;"
                      "DELETE FROM open_step_total; DELETE FROM hour_total; DELETE FROM word WHERE id > 100;"
                      "DELETE FROM label WHERE id > 0; DELETE FROM label_set WHERE id > 1");
    visits_file_begin(&v);
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visits_file_commit(&v);
    visit_book_add(&v.book, &visit);
    agree();
}

static void a_source_with_very_many_different_visits_counts_at_least(void **state)
{
    char value[16];
    struct cs_visit_label label = { "n", value };
    struct cs_visit visit = a_visit();
    char day[200] = "";

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    for (int i = 0; i < 1003; i++) {
        snprintf(value, sizeof value, "v%d", i);
        assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    }
    visits_file_commit(&v);
    assert_int_equal(number("SELECT requests FROM total WHERE label = 0 AND outcome = 0"), 1003);
    assert_int_equal(number("SELECT uniques FROM total WHERE label = 0 AND outcome = 0"), 1);
    assert_int_equal(number("SELECT sum(uniques) FROM total WHERE label <> 0 AND outcome = 0"), 1001);
    assert_int_equal(number("SELECT sum(uniques_most) FROM total WHERE label <> 0 AND outcome = 0"), 1003);
    assert_int_equal(ops->day_list(r, row_of_day, day, &err), 0);
    assert_string_equal(day, "20778|0|0|1003|1|0|0");
}

static void a_visit_without_a_source_counts_as_a_request(void **state)
{
    struct cs_visit visit = a_visit();

    (void)state;
    visit.has_src = false;
    visits_file_begin(&v);
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visits_file_commit(&v);
    visit_book_add(&v.book, &visit);
    visit_book_add(&v.book, &visit);
    agree();
    assert_int_equal(number("SELECT sum(uniques) FROM total"), 0);
}

static void hostile_words_are_refused_and_leave_nothing(void **state)
{
    struct cs_visit_label labels[9] = { { "a", "x" }, { "b", "y" } };
    struct cs_visit odd;
    char value[66];

    (void)state;
    visits_file_begin(&v);
#define REFUSE(change, words) (odd = a_visit(), odd.labels = labels, (void)(change), refuse(odd, CS_EINPUT, words))
    REFUSE(odd.day = -1, "-1 is no day");
    REFUSE(odd.day = 2932897, "is no day");
    REFUSE(odd.hour = 24, "24 is no hour");
    REFUSE(odd.zone = "Lab.example", "zone must be a DNS name");
    REFUSE(odd.zone = "a'; DROP TABLE word; --", "zone must be a DNS name");
    REFUSE(odd.outcome = "", "outcome of a visit must be");
    REFUSE(odd.outcome = "two words", "outcome of a visit must be");
    REFUSE(odd.reached = "192.0.2.1/32", "reached of a visit must be");
    REFUSE(odd.error = "a\nb", "error of a visit must be");
    REFUSE(odd.alg = "RSA", "alg of a visit must be");
    REFUSE(odd.client = "", "client of a visit must be");
    REFUSE(odd.n_labels = 9, "9 labels, at most 8");
    REFUSE((odd.n_labels = 2, labels[1].name = "a"), "in the order of their names, each once");
    REFUSE((odd.n_labels = 1, labels[0].name = ""), "name must be 1 to 32");
    REFUSE((odd.n_labels = 1, labels[0].name = "a=b"), "name must be 1 to 32");
    REFUSE((odd.n_labels = 1, labels[0] = (struct cs_visit_label){ "a", "" }), "1 to 64 bytes");
    REFUSE((odd.n_labels = 1, labels[0].value = "a\nb=c"), "no control characters");
    memset(value, 'v', 65);
    value[65] = '\0';
    REFUSE((odd.n_labels = 1, labels[0].value = value), "1 to 64 bytes");
    visits_file_commit(&v);
    agree();
    assert_int_equal(number("SELECT count(*) FROM total") + number("SELECT count(*) FROM label_set") +
                         number("SELECT coalesce(sum(recorded), 0) FROM day_note"),
                     2);
}

static void without_a_transaction_nothing_is_added(void **state)
{
    struct cs_latency latency = { .size = sizeof latency, .day = DAY, .role = "ca", .instance = "le", .bucket = 1, .n = 1 };

    (void)state;
    refuse(a_visit(), CS_EBUSY, "there is no transaction");
    assert_int_equal(ops->latency_add(w, &latency, &err), -1);
    assert_int_equal(ops->visit_add(r, &(struct cs_visit){ .zone = "" }, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
}

static int row_of_label(void *arg, const char *zone, const struct cs_visit_label *label)
{
    size_t used = strlen(arg);

    snprintf((char *)arg + used, 1000 - used, "%s %s=%s\n", zone, label->name, label->value);
    return 0;
}

static int row_of_answer(void *arg, const struct cs_report_value *values, size_t n)
{
    size_t used = strlen(arg);

    assert_int_equal(n, 2);
    assert_string_equal(values[0].name, "outcome");
    assert_string_equal(values[1].name, "requests");
    snprintf((char *)arg + used, 1000 - used, "%s %s\n", values[0].text, values[1].text);
    return 0;
}

static int row_of_zone_id(void *arg, const char *zone, uint64_t id)
{
    size_t used = strlen(arg);

    snprintf((char *)arg + used, 1000 - used, "%s %" PRIx64 "\n", zone, id);
    return 0;
}

static void a_reader_asks_for_labels_sources_and_ids(void **state)
{
    struct cs_visit_label labels[] = { { "campaign", "spring" }, { "os", "debian" } };
    struct cs_visit visit = a_visit();
    char rows[1000] = "";

    (void)state;
    visits_file_begin(&v);
    assert_int_equal(ops->zone_id_put(w, "lab.example", UINT64_MAX, &err), 0);
    assert_int_equal(ops->zone_id_put(w, "", 5, &err), 0);
    assert_int_equal(ops->zone_id_put(w, "lab.example", 7, &err), -1);
    assert_int_equal(err.code, CS_ECONFLICT);
    visit.src = UINT64_MAX - 1;
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visit.labels = labels;
    visit.n_labels = 2;
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visit.outcome = "refused";
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    visits_file_commit(&v);
    assert_int_equal(ops->day_labels(r, DAY, row_of_label, rows, &err), 0);
    assert_string_equal(rows, "lab.example campaign=spring\nlab.example os=debian\n");
    rows[0] = '\0';
    assert_int_equal(ops->visits_of(r, DAY, "lab.example", UINT64_MAX - 1, row_of_answer, rows, &err), 0);
    assert_int_equal(ops->visits_of(r, DAY, "", UINT64_MAX - 1, row_of_answer, rows, &err), 0);
    assert_int_equal(ops->visits_of(r, DAY + 1, "lab.example", UINT64_MAX - 1, row_of_answer, rows, &err), 0);
    assert_string_equal(rows, "issued 2\nrefused 1\n");
    rows[0] = '\0';
    assert_int_equal(ops->zone_id_list(r, row_of_zone_id, rows, &err), 0);
    assert_string_equal(rows, " 5\nlab.example ffffffffffffffff\n");
}

static void latencies_and_days_add_up(void **state)
{
    struct cs_latency latency = { .size = sizeof latency, .day = DAY, .role = "ca", .instance = "le", .bucket = 44, .n = 3 };
    struct cs_day day = {
        .size = sizeof day, .day = DAY, .keys = 1, .received = 7, .recorded = 99, .flags = CS_DAY_TWO_KEYS | CS_DAY_AT_LEAST
    };
    struct cs_visit visit = a_visit();
    char row[200] = "";

    (void)state;
    visits_file_begin(&v);
    assert_int_equal(ops->latency_add(w, &latency, &err), 0);
    assert_int_equal(ops->latency_add(w, &latency, &err), 0);
    assert_int_equal(ops->day_put(w, &day, &err), 0);
    assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    assert_int_equal(ops->day_list(w, row_of_day, row, &err), 0);
    assert_string_equal(row, "20778|1|7|1|3|0|0");
    visits_file_commit(&v);
    store_file_sql_on(v.f.visits, "UPDATE day_note SET flags = flags | 1 | 16 | 32");
    day.flags = CS_DAY_PROXIES;
    day.proxy_changes = 2;
    day.key_destroyed_ms = 1;
    visits_file_begin(&v);
    assert_int_equal(ops->day_put(w, &day, &err), 0);
    latency.bucket = 201;
    assert_int_equal(ops->latency_add(w, &latency, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    latency.instance = "le\n";
    assert_int_equal(ops->latency_add(w, &latency, &err), -1);
    visits_file_commit(&v);
    assert_int_equal(ops->day_list(r, row_of_day, row, &err), 0);
    assert_string_equal(row, "20778|1|7|1|53|1|2");
    assert_int_equal(number("SELECT n FROM latency"), 6);
}

static void nothing_is_added_to_a_closed_day(void **state)
{
    struct cs_day day = { .size = sizeof day, .day = DAY, .flags = CS_DAY_CLOSED };

    (void)state;
    visits_file_begin(&v);
    assert_int_equal(ops->day_put(w, &day, &err), 0);
    visits_file_commit(&v);
    assert_int_equal(number("SELECT flags FROM day_note"), 0);
    visits_file_begin(&v);
    assert_int_equal(ops->day_close(w, DAY, 5, &err), 0);
    visits_file_commit(&v);
    visits_file_begin(&v);
    refuse(a_visit(), CS_ECONFLICT, "the day 20778 is closed");
    visits_file_commit(&v);
    agree();
}

/* Rows come in an order; the ids they get must not tell it. */
static void ids_tell_no_order(void **state)
{
    char value[16];
    struct cs_visit_label label = { "n", value };
    struct cs_visit visit = a_visit();

    (void)state;
    visit.labels = &label;
    visit.n_labels = 1;
    visits_file_begin(&v);
    for (int i = 0; i < 400; i++) {
        snprintf(value, sizeof value, "v%03d", i);
        visit.src = (uint64_t)i + 1;
        assert_int_equal(ops->visit_add(w, &visit, &err), 0);
    }
    visits_file_commit(&v);
    for (const char *const *table = (const char *const[]){ "label WHERE id > 0", "label_set WHERE id > 1", NULL }; *table;
         table++) {
        char sql[256];
        int64_t rising;

        /* Sorted by id, about half of the neighbours rise: 200 of 399, and 5 standard deviations are 29. */
        snprintf(sql, sizeof sql, "SELECT sum(up) FROM (SELECT %s > lag(%s) OVER (ORDER BY id) AS up FROM %s)",
                 strncmp(*table, "label_set", 9) ? "value" : "labels", strncmp(*table, "label_set", 9) ? "value" : "labels",
                 *table);
        rising = number(sql);
        assert_in_range(rising, 170, 230);
    }
    assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'visit_*' "
                            "AND sql NOT LIKE '%WITHOUT ROWID%'"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(totals_are_those_of_a_plain_recount, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_undone_leaves_nothing_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_connections_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_that_somebody_else_took_away_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_with_very_many_different_visits_counts_at_least, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_visit_without_a_source_counts_as_a_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_words_are_refused_and_leave_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_transaction_nothing_is_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_asks_for_labels_sources_and_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(latencies_and_days_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_added_to_a_closed_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_tell_no_order, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
