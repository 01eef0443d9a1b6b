/* store-sqlite: analytics.db as it is published: the file, what its views tell, and what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fakes/published.h"

static bool file_has(const char *path, const void *bytes, size_t len)
{
    static char all[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(all, 1, sizeof all, file);
    assert_true(n < sizeof all);
    fclose(file);
    return memmem(all, n, bytes, len) != NULL;
}

static bool is_there(const char *ending)
{
    char path[128];

    snprintf(path, sizeof path, "%s%s", p.f.analytics, ending);
    return access(path, F_OK) == 0;
}

/* ---- Tests: what the views tell ---- */

/* Visits that the operator's view of visits.db shows, counted once more; days closed without folding. */
static const struct {
    const char *published, *counted;
} recounts[] = {
    { "SELECT day, zone, outcome, requests, at_least, at_most FROM requests WHERE label = ''",
      "SELECT date(day * 86400, 'unixepoch'), zone, outcome, sum(n), count(DISTINCT nullif(src, '')), "
      "count(DISTINCT nullif(src, '')) + sum(iif(src = '', n, 0)) FROM v.visit GROUP BY 1, 2, 3" },
    { "SELECT day, zone, requests, at_least, at_most FROM sources WHERE label = ''",
      "SELECT date(day * 86400, 'unixepoch'), zone, sum(n), count(DISTINCT nullif(src, '')), "
      "count(DISTINCT nullif(src, '')) + sum(iif(src = '', n, 0)) FROM v.visit GROUP BY 1, 2" },
    { "SELECT day, zone, requests, at_least FROM sources WHERE label = 'campaign' AND value = 'spring'",
      "SELECT date(day * 86400, 'unixepoch'), zone, sum(n), count(DISTINCT nullif(src, '')) FROM v.visit "
      "WHERE ', ' || labels || ',' GLOB '*, campaign=spring,*' GROUP BY 1, 2" },
    { "SELECT day, zone, labels ->> 'campaign', labels ->> 'edition', labels ->> 'os', requests, at_least FROM set_sources",
      "SELECT date(day * 86400, 'unixepoch'), zone, c.value, e.value, o.value, sum(n), count(DISTINCT nullif(src, '')) FROM "
      "v.visit "
      "LEFT JOIN v.label AS c ON c.name = 'campaign' AND ', ' || labels || ',' GLOB '*, campaign=' || c.value || ',*' "
      "LEFT JOIN v.label AS e ON e.name = 'edition' AND ', ' || labels || ',' GLOB '*, edition=' || e.value || ',*' "
      "LEFT JOIN v.label AS o ON o.name = 'os' AND ', ' || labels || ',' GLOB '*, os=' || o.value || ',*' "
      "GROUP BY 1, 2, 3, 4, 5" },
    { "SELECT day, zone, outcome, sum(requests) FROM label_sets GROUP BY 1, 2, 3",
      "SELECT date(day * 86400, 'unixepoch'), zone, outcome, sum(n) FROM v.visit GROUP BY 1, 2, 3" },
    { "SELECT day, zone, posted, subject, csr, challenge, issued FROM funnel WHERE label = ''",
      "SELECT date(day * 86400, 'unixepoch'), zone, sum(n), coalesce(sum(n) FILTER (WHERE reached <> 'posted'), 0), "
      "coalesce(sum(n) FILTER (WHERE reached NOT IN ('posted', 'subject')), 0), "
      "coalesce(sum(n) FILTER (WHERE reached NOT IN ('posted', 'subject', 'csr')), 0), "
      "coalesce(sum(n) FILTER (WHERE reached = 'issued'), 0) FROM v.visit GROUP BY 1, 2" },
    { "SELECT day, zone, outcome, reached, reason, requests FROM failures WHERE label = ''",
      "SELECT date(day * 86400, 'unixepoch'), zone, outcome, reached, error, sum(n) FROM v.visit "
      "WHERE outcome NOT IN ('issued', 'stored') GROUP BY 1, 2, 3, 4, 5" },
    { "SELECT zone, sum(requests) FROM hours GROUP BY zone", "SELECT zone, sum(n) FROM v.visit GROUP BY zone" },
};

static void every_view_equals_a_recount_of_the_visits(void **state)
{
    sqlite3 *sq = NULL;
    char sql[4096];

    (void)state;
    add_random_visits(DAY - 1, 700, 7);
    add_random_visits(DAY, 700, 8);
    note_day(DAY - 1, 1, 700, CS_DAY_CLOSED);
    note_day(DAY, 1, 700, CS_DAY_CLOSED);
    publish();
    assert_int_equal(sqlite3_open(p.f.analytics, &sq), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS v", p.f.visits);
    assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof recounts / sizeof *recounts; i++) {
        sqlite3_stmt *s = NULL;

        snprintf(
            sql, sizeof sql,
            "SELECT (SELECT count(*) FROM (%s)), (SELECT count(*) FROM (%s EXCEPT %s)) + (SELECT count(*) FROM (%s EXCEPT %s))",
            recounts[i].published, recounts[i].published, recounts[i].counted, recounts[i].counted, recounts[i].published);
        if (sqlite3_prepare_v2(sq, sql, -1, &s, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        assert_true(sqlite3_column_int(s, 0) >= 3);
        if (sqlite3_column_int(s, 1))
            fail_msg("%d rows differ: %s", sqlite3_column_int(s, 1), recounts[i].published);
        sqlite3_finalize(s);
    }
    sqlite3_close(sq);
}

static void an_open_day_tells_requests_of_zones_and_nothing_else(void **state)
{
    struct cs_visit_label label[] = { { "campaign", "spring" } };

    (void)state;
    add_visit((struct cs_visit){ .day = DAY - 1, .src = 1 });
    note_day(DAY - 1, 1, 1, CS_DAY_CLOSED);
    add_visit((struct cs_visit){ .day = DAY, .src = 5, .labels = label, .n_labels = 1 });
    add_visit((struct cs_visit){ .day = DAY, .src = 5, .labels = label, .n_labels = 1 });
    add_visit((struct cs_visit){ .day = DAY, .src = 6, .outcome = "failed", .reached = "csr", .error = "not-visible" });
    publish();
    assert_rows("SELECT * FROM requests WHERE day = '2026-11-21'",
                "2026-11-21|lab.example|||issued|2|NULL|NULL\n2026-11-21|lab.example|||failed|1|NULL|NULL\n");
    assert_rows("SELECT * FROM funnel WHERE day = '2026-11-21'", "2026-11-21|lab.example|||3|3|3|2|2\n");
    assert_rows("SELECT * FROM failures", "2026-11-21|lab.example|||failed|csr|not-visible|1\n");
    assert_rows("SELECT day, closed, recorded, lost FROM days", "2026-11-20|1|1|0\n2026-11-21|0|3|NULL\n");
    assert_rows("SELECT day FROM sources UNION SELECT day FROM set_sources UNION SELECT day FROM label_sets", "2026-11-20\n");
    assert_false(file_has(p.f.analytics, "campaign", 8) || file_has(p.f.analytics, "spring", 6));
    assert_false(file_has(p.f.analytics, "curl", 4) || file_has(p.f.analytics, "rsa-2048", 8));
    note_day(DAY, 1, 3, CS_DAY_CLOSED);
    publish();
    assert_rows("SELECT * FROM sources WHERE day = '2026-11-21'",
                "2026-11-21|lab.example|||3|2|2\n2026-11-21|lab.example|campaign|spring|2|1|1\n");
    assert_false(file_has(p.f.analytics, "curl", 4) || file_has(p.f.analytics, "rsa-2048", 8));
}

static void no_pseudonym_is_published(void **state)
{
    uint64_t src = 0x1122334455667788u, turned = __builtin_bswap64(src);

    (void)state;
    add_visit((struct cs_visit){ .day = DAY, .src = src });
    note_day(DAY, 1, 1, CS_DAY_CLOSED);
    publish();
    assert_true(number_of("SELECT sum(requests) FROM sources") == 1);
    assert_false(file_has(p.f.analytics, &src, sizeof src) || file_has(p.f.analytics, &turned, sizeof turned));
    assert_int_equal(number_of("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%src%'"), 0);
}

static void note_changed_day(int64_t day, int64_t keys, int64_t changes, int64_t flags)
{
    const struct cs_day note = {
        .size = sizeof note, .day = day, .keys = keys, .received = 7, .flags = flags | CS_DAY_PROXIES, .proxy_changes = changes
    };

    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    assert_int_equal(p.ops->day_put(p.w, &note, &p.err), 0);
    assert_int_equal(p.ops->day_close(p.w, day, 0, &p.err), 0);
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
}

static void flags_of_a_day_widen_what_is_known_of_its_sources(void **state)
{
    (void)state;
    for (int64_t day = DAY; day < DAY + 5; day++)
        for (uint64_t i = 0; i < 7; i++)
            add_visit((struct cs_visit){ .day = day, .src = 1 + i % 5 });
    note_day(DAY, 1, 9, CS_DAY_CLOSED);
    note_day(DAY + 1, 2, 7, CS_DAY_CLOSED | CS_DAY_TWO_KEYS);
    note_changed_day(DAY + 2, 1, 1, CS_DAY_CLOCK | CS_DAY_ERASED);
    note_day(DAY + 3, 0, 0, CS_DAY_CLOSED);
    note_changed_day(DAY + 4, 2, 3, CS_DAY_TWO_KEYS);
    store_file_sql_on(p.f.visits,
                      "UPDATE day_note SET flags = flags | 1, key_destroyed_ms = 1795824300000, k = 10 WHERE day = 20781");
    publish();
    assert_rows("SELECT day, requests, at_least, at_most FROM sources",
                "2026-11-21|7|5|5\n2026-11-22|7|3|5\n2026-11-23|7|3|5\n2026-11-24|7|5|5\n2026-11-25|7|1|5\n");
    assert_rows("SELECT day, lost, flags, keys, key_destroyed, k FROM days",
                "2026-11-21|2||1|NULL|0\n2026-11-22|0|two keys|2|NULL|0\n2026-11-23|0|proxies changed, clock, erased|1|NULL|0\n"
                "2026-11-24|-7|at least|0|2026-11-28T00:05:00Z|10\n2026-11-25|0|two keys, proxies changed|2|NULL|0\n");
}

/* 2026-12-31 is a Thursday: the days around it are week 53 of 2026, and 2027 begins on a Monday in the week after. */
static void weeks_are_those_of_iso_8601(void **state)
{
    static const int64_t days[] = { 20815, 20816, 20818, 20819, 20822, 20823 };

    (void)state;
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        for (uint64_t n = 0; n <= i; n++)
            add_visit((struct cs_visit){ .day = days[i], .src = 1 + n });
        note_day(days[i], 1, 1, CS_DAY_CLOSED);
    }
    publish();
    assert_rows("SELECT date, week, monday FROM base_day",
                "2026-12-28|2026-W53|2026-12-28\n2026-12-29|2026-W53|2026-12-28\n2026-12-30|2026-W53|2026-12-28\n"
                "2026-12-31|2026-W53|2026-12-28\n2027-01-01|2026-W53|2026-12-28\n2027-01-02|2026-W53|2026-12-28\n"
                "2027-01-03|2026-W53|2026-12-28\n2027-01-04|2027-W01|2027-01-04\n2027-01-05|2027-W01|2027-01-04\n");
    assert_rows("SELECT * FROM weeks",
                "2026-W53|2026-12-28|7|lab.example|||10|4|10\n2027-W01|2027-01-04|2|lab.example|||11|6|11\n");
}

/* 2026-11-21, a Saturday, and the day before; then nothing until a Wednesday in two weeks. */
static void a_week_is_complete_when_the_server_was_off_on_a_day_of_it(void **state)
{
    (void)state;
    add_visit((struct cs_visit){ .day = DAY - 1, .src = 1 });
    note_day(DAY - 1, 1, 1, CS_DAY_CLOSED);
    publish();
    assert_rows("SELECT week, days FROM weeks", "2026-W47|1\n");
    add_visit((struct cs_visit){ .day = DAY + 18, .src = 1 });
    publish();
    assert_rows("SELECT week, days FROM weeks", "2026-W47|3\n");
    assert_rows("SELECT * FROM days",
                "2026-11-20|1|1|1|0||1|NULL|0\n2026-11-21|1|0|0|0||0|NULL|0\n2026-11-22|1|0|0|0||0|NULL|0\n"
                "2026-12-07|1|0|0|0||0|NULL|0\n2026-12-08|1|0|0|0||0|NULL|0\n2026-12-09|0|0|1|NULL||0|NULL|0\n");
}

static void percentiles_are_the_upper_edges_of_their_buckets(void **state)
{
    static const int64_t calls[][2] = { { 0, 50 }, { 8, 39 }, { 9, 10 }, { 40, 1 } };

    (void)state;
    note_day(DAY, 1, 0, 0);
    assert_int_equal(p.ops->begin(p.w, &p.err), 0);
    for (size_t i = 0; i < 4; i++) {
        struct cs_latency latency = {
            .size = sizeof latency, .day = DAY, .role = "ca", .instance = "le", .bucket = calls[i][0], .n = calls[i][1]
        };

        assert_int_equal(p.ops->latency_add(p.w, &latency, &p.err), 0);
    }
    assert_int_equal(p.ops->commit(p.w, &p.err), 0);
    publish();
    assert_rows("SELECT * FROM latencies", "2026-11-21|ca|le|100|1.0|4.76|4.76\n");
}

static void sets_of_labels_are_json_whatever_their_values(void **state)
{
    struct cs_visit_label labels[] = { { "a", "x=y \"z\" \\" }, { "b", "\xc3\xbc" } };

    (void)state;
    add_visit((struct cs_visit){ .day = DAY, .src = 1, .labels = labels, .n_labels = 2 });
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    note_day(DAY, 1, 2, CS_DAY_CLOSED);
    store_file_sql_on(p.f.visits, "INSERT INTO closed_set_total SELECT day, zone, 1, outcome, 3, 2, 2 FROM closed_set_total "
                                  "WHERE labels = 0");
    publish();
    assert_rows(
        "SELECT labels, labels ->> 'a', labels ->> 'b', requests FROM set_sources ORDER BY requests, labels",
        "{\"a\":\"x=y \\\"z\\\" \\\\\",\"b\":\"\xc3\xbc\"}|x=y \"z\" \\|\xc3\xbc|1\n{}|NULL|NULL|1\nNULL|NULL|NULL|3\n");
}

/* ---- Tests: the file ---- */

static void the_file_is_whole_and_has_nothing_beside_it(void **state)
{
    struct stat st;

    (void)state;
    add_random_visits(DAY, 300, 3);
    note_day(DAY, 1, 300, CS_DAY_CLOSED);
    for (int i = 0; i < 2; i++) {
        publish();
        assert_int_equal(stat(p.f.analytics, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_rows("PRAGMA integrity_check", "ok\n");
        assert_rows("PRAGMA journal_mode", "delete\n");
        assert_int_equal(number_of("PRAGMA freelist_count"), 0);
        assert_false(is_there(".new") || is_there("-journal") || is_there("-wal") || is_there("-shm"));
    }
    assert_rows("SELECT name FROM about", "first_day\nlast_closed_day\npublished\nversion\n");
}

static void what_a_crash_left_is_taken_over(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s.new", p.f.analytics);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 100000; i++)
        fputs("left by a crash ", file);
    fclose(file);
    publish();
    assert_false(is_there(".new") || file_has(p.f.analytics, "left by a crash", 15));
    assert_rows("PRAGMA integrity_check", "ok\n");
}

static void a_failure_leaves_the_last_one(void **state)
{
    struct stat before, after;

    (void)state;
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    publish();
    assert_int_equal(stat(p.f.analytics, &before), 0);
    store_file_sql_on(p.f.visits, "ALTER TABLE closed_total RENAME TO elsewhere");
    assert_int_equal(p.ops->publish(p.r, &p.err), -1);
    assert_non_null(strstr(p.err.text, p.f.visits));
    assert_int_equal(stat(p.f.analytics, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_false(is_there(".new"));
    store_file_sql_on(p.f.visits, "ALTER TABLE elsewhere RENAME TO closed_total");
    publish();
    assert_int_equal(number_of("SELECT sum(requests) FROM requests"), 1);
}

static void two_do_not_publish_at_the_same_time(void **state)
{
    char path[128];
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s.new", p.f.analytics);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(write(fd, "theirs", 6), 6);
    assert_int_equal(p.ops->publish(p.r, &p.err), -1);
    assert_int_equal(p.err.code, CS_EBUSY);
    assert_true(is_there(".new") && file_has(path, "theirs", 6));
    close(fd);
    publish();
}

static void who_reads_the_old_one_goes_on_reading_it(void **state)
{
    sqlite3 *sq = NULL;
    sqlite3_stmt *s = NULL;

    (void)state;
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    add_visit((struct cs_visit){ .day = DAY, .src = 2, .outcome = "failed" });
    publish();
    assert_int_equal(sqlite3_open_v2(p.f.analytics, &sq, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sq, "SELECT requests FROM requests", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    add_visit((struct cs_visit){ .day = DAY, .src = 1 });
    publish();
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite3_close(sq);
    assert_int_equal(number_of("SELECT sum(requests) FROM requests"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(every_view_equals_a_recount_of_the_visits),
        WITH_STORE(an_open_day_tells_requests_of_zones_and_nothing_else),
        WITH_STORE(no_pseudonym_is_published),
        WITH_STORE(flags_of_a_day_widen_what_is_known_of_its_sources),
        WITH_STORE(weeks_are_those_of_iso_8601),
        WITH_STORE(a_week_is_complete_when_the_server_was_off_on_a_day_of_it),
        WITH_STORE(percentiles_are_the_upper_edges_of_their_buckets),
        WITH_STORE(sets_of_labels_are_json_whatever_their_values),
        WITH_STORE(the_file_is_whole_and_has_nothing_beside_it),
        WITH_STORE(what_a_crash_left_is_taken_over),
        WITH_STORE(a_failure_leaves_the_last_one),
        WITH_STORE(two_do_not_publish_at_the_same_time),
        WITH_STORE(who_reads_the_old_one_goes_on_reading_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
