/* store-sqlite: analytics.db when most of it is as it was published last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../fakes/published.h"

static const char *const tables[] = { "about WHERE name <> 'published'",
                                      "base_day",
                                      "base_word",
                                      "base_label",
                                      "base_label_set",
                                      "base_total",
                                      "base_set_total",
                                      "base_step_total",
                                      "base_hour_total",
                                      "base_latency" };

/* Another connection knows nothing of what was published. */
static void connect_anew(void)
{
    p.ops->disconnect(p.f.self, p.r);
    assert_int_equal(p.ops->connect(p.f.self, CS_VISITS_READER, &p.r, &p.err), 0);
}

/* So that it shows whether closed days are read: their totals are changed behind the store's back. */
static bool reads_closed_days(void)
{
    int64_t before, after;

    before = number_of("SELECT total(requests) FROM base_total WHERE label = 0");
    store_file_sql_on(p.f.visits, "UPDATE closed_total SET requests = requests + 1000");
    publish();
    after = number_of("SELECT total(requests) FROM base_total WHERE label = 0");
    store_file_sql_on(p.f.visits, "UPDATE closed_total SET requests = requests - 1000");
    return after >= before + 1000;
}

static void publish_again_and_compare(void)
{
    char command[400], kept[200], sql[1000];
    sqlite3 *sq = NULL;

    publish();
    snprintf(kept, sizeof kept, "%s.again", p.f.analytics);
    snprintf(command, sizeof command, "cp %s %s", p.f.analytics, kept);
    assert_int_equal(system(command), 0);
    connect_anew();
    publish();
    assert_int_equal(sqlite3_open(p.f.analytics, &sq), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS again", kept);
    assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        sqlite3_stmt *s = NULL;

        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM (SELECT * FROM (SELECT * FROM again.%s EXCEPT SELECT * FROM main.%s) "
                 "UNION ALL SELECT * FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM again.%s))",
                 tables[i], tables[i], tables[i], tables[i]);
        assert_int_equal(sqlite3_prepare_v2(sq, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        if (sqlite3_column_int(s, 0))
            fail_msg("%d rows differ: %s", sqlite3_column_int(s, 0), tables[i]);
        sqlite3_finalize(s);
    }
    sqlite3_close(sq);
    assert_int_equal(remove(kept), 0);
}

static void add_latency(int64_t day, int64_t bucket)
{
    const struct cs_latency latency = {
        .size = sizeof latency, .day = day, .role = "ca", .instance = bucket > 9 ? "slow" : "le", .bucket = bucket, .n = 3
    };

    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->latency_add(p.w, &latency, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
}

static void it_is_what_would_be_written_anew(void **state)
{
    (void)state;
    add_random_visits(DAY, 300, 3);
    add_latency(DAY, 4);
    note_day(DAY, 1, 300, CS_DAY_CLOSED);
    publish_again_and_compare();
    add_random_visits(DAY + 1, 200, 4);
    note_day(DAY + 1, 1, 200, 0);
    publish_again_and_compare();
    add_random_visits(DAY + 1, 100, 5); /* the same day goes on */
    add_latency(DAY + 1, 12);
    publish_again_and_compare();
    add_random_visits(DAY + 5, 100, 6); /* and closes, with days behind it on which the server did not run */
    note_day(DAY + 1, 2, 300, CS_DAY_CLOSED | CS_DAY_TWO_KEYS);
    note_day(DAY + 5, 1, 100, 0);
    publish_again_and_compare();
    assert_int_equal(number_of("SELECT count(*) FROM days"), 6);
    assert_true(number_of("SELECT count(*) FROM label_sets") > 100);
}

static void days_that_were_closed_are_not_read_again(void **state)
{
    (void)state;
    add_random_visits(DAY, 100, 3);
    note_day(DAY, 1, 100, CS_DAY_CLOSED);
    add_random_visits(DAY + 1, 10, 4);
    publish();
    assert_false(reads_closed_days());
    add_random_visits(DAY + 1, 10, 5);
    assert_false(reads_closed_days());
    connect_anew();
    assert_true(reads_closed_days());
}

static int64_t erase(struct cs_visits_erasure what)
{
    int64_t n;

    what.size = sizeof what;
    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->visits_erase(p.w, &what, &n, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
    return n;
}

static bool has(const char *text)
{
    char command[400];

    snprintf(command, sizeof command, "LC_ALL=C grep -q -a -P '%s' %s", text, p.f.analytics);
    return system(command) == 0;
}

static void what_was_erased_leaves_no_byte(void **state)
{
    struct cs_visit_label label = { "campaign", "somebody" };

    (void)state;
    add_visit((struct cs_visit){ .day = DAY, .src = 1, .labels = &label, .n_labels = 1 });
    add_visit((struct cs_visit){ .day = DAY, .src = 2 });
    note_day(DAY, 1, 2, CS_DAY_CLOSED);
    add_visit((struct cs_visit){ .day = DAY + 1, .src = 1, .zone = "gone.example" });
    add_visit((struct cs_visit){ .day = DAY + 1, .src = 1 });
    publish();
    assert_true(has("somebody") && has("gone.example"));
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .label_name = "campaign" }), 1);
    publish();
    assert_false(has("somebody"));
    assert_int_equal(erase((struct cs_visits_erasure){ .day = -1, .zone = "gone.example" }), 1); /* of a day that is open */
    publish();
    assert_false(has("gone.example"));
    assert_int_equal(number_of("SELECT sum(requests) FROM requests WHERE label = ''"), 3);
}

static void what_was_folded_or_purged_is_gone(void **state)
{
    const struct cs_visits_retention keep = {
        .size = sizeof keep, .visits_before = DAY + 2, .labels_before = DAY + 2, .totals_before = DAY + 1, .k = 5
    };
    struct cs_visit_label label = { "campaign", "somebody" };
    int64_t n;

    (void)state;
    for (int64_t day = DAY; day < DAY + 2; day++) {
        add_visit((struct cs_visit){ .day = day, .src = 1, .labels = &label, .n_labels = 1 });
        note_day(day, 1, 1, CS_DAY_CLOSED);
    }
    add_visit((struct cs_visit){ .day = DAY + 2, .src = 1 });
    publish();
    assert_true(has("somebody"));
    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->visits_purge(p.w, &keep, &n, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
    publish();
    assert_false(has("somebody"));
    assert_rows("SELECT value, requests FROM sources WHERE label <> ''", "other|1\n");
    assert_int_equal(number_of("SELECT count(*) FROM days"), 2);
}

/* Hour by hour the counts of the day that runs take the place of those before. */
static void a_day_that_runs_leaves_nothing_behind_of_the_hours_before(void **state)
{
    int64_t size;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char zone[40];

        snprintf(zone, sizeof zone, "zone-%d.example", i);
        add_visit((struct cs_visit){ .day = DAY, .src = 1, .zone = zone });
    }
    publish();
    size = number_of("SELECT page_count FROM pragma_page_count");
    for (int i = 0; i < 24; i++) {
        add_visit((struct cs_visit){ .day = DAY, .src = 1, .zone = "zone-1.example" });
        publish();
        assert_int_equal(number_of("SELECT freelist_count FROM pragma_freelist_count"), 0);
        assert_rows("PRAGMA integrity_check", "ok\n");
    }
    assert_int_equal(number_of("SELECT page_count FROM pragma_page_count"), size);
    store_file_sql_on(p.f.visits, "UPDATE open_total SET requests = requests + 1234567890 WHERE label = 0");
    publish();
    assert_true(has("\\x49\\x96\\x02[\\xd0-\\xff]"));
    store_file_sql_on(p.f.visits, "UPDATE open_total SET requests = requests - 1234567890 WHERE label = 0");
    publish();
    assert_false(has("\\x49\\x96\\x02[\\xd0-\\xff]"));
    assert_int_equal(number_of("SELECT requests FROM requests WHERE zone = 'zone-1.example'"), 25);
}

static void a_file_that_somebody_touched_is_written_anew(void **state)
{
    (void)state;
    add_random_visits(DAY, 100, 3);
    note_day(DAY, 1, 100, CS_DAY_CLOSED);
    publish();
    store_file_sql_on(p.f.analytics, "UPDATE base_total SET requests = 1000000");
    publish();
    assert_int_equal(number_of("SELECT count(*) FROM base_total WHERE requests = 1000000"), 0);
    assert_int_equal(remove(p.f.analytics), 0);
    publish();
    assert_int_equal(number_of("SELECT sum(requests) FROM requests WHERE label = ''"), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(it_is_what_would_be_written_anew),
        WITH_STORE(days_that_were_closed_are_not_read_again),
        WITH_STORE(what_was_erased_leaves_no_byte),
        WITH_STORE(what_was_folded_or_purged_is_gone),
        WITH_STORE(a_day_that_runs_leaves_nothing_behind_of_the_hours_before),
        WITH_STORE(a_file_that_somebody_touched_is_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
