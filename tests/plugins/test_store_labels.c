/* store-sqlite: the labels that zones declare, the step from schema 1 that brings them, and what is erased about a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/store_file.h"
#include "../fakes/store_host.h"
#include "../fakes/store_rows.h"

static const char schema_1[] =
#include "schema.sql.h"
    ;

static struct store_file f;
static void *w;
static struct cs_error err;
static const struct cs_store_ops *ops;

static int set_up(void **state)
{
    (void)state;
    store_file_open(&f, 1000);
    store_file_migrate(&f);
    ops = f.ops;
    err = (struct cs_error){ 0 };
    assert_int_equal(ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    store_file_sql(&f, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin'), ('b.example', 'builtin')");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

static int row_of_label(void *arg, const struct cs_label_rule *rule)
{
    struct rows *l = arg;
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof l->text - len, "%s|%s|%s|%s|%d\n", rule->zone, rule->name, rule->allowed, rule->pattern,
             rule->enabled);
    return ++l->n == l->most;
}

static struct cs_label_rule a_rule(const char *zone, const char *name, const char *allowed, const char *pattern)
{
    return (struct cs_label_rule){ .size = sizeof(struct cs_label_rule), .zone = zone, .name = name, .allowed = allowed,
                                   .pattern = pattern, .enabled = true };
}

static void put(struct cs_label_rule rule)
{
    if (ops->label_put(w, &rule, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_labels(const char *expected)
{
    struct rows got = { 0 };

    assert_int_equal(ops->label_list(w, row_of_label, &got, &err), 0);
    assert_string_equal(got.text, expected);
}

static void labels_are_put_replaced_listed_and_removed(void **state)
{
    struct cs_label_rule disabled = a_rule("b.example", "campaign", "", "spring-*");
    struct rows first = { .most = 1 };

    (void)state;
    disabled.enabled = false;
    put(a_rule("lab.example", "release", "", "v*"));
    put(a_rule("lab.example", "campaign", "spring\nautumn fair", ""));
    put(disabled);
    assert_labels("b.example|campaign||spring-*|0\n"
                  "lab.example|campaign|spring\nautumn fair||1\n"
                  "lab.example|release||v*|1\n");
    put(a_rule("lab.example", "release", "1.0", "1.*"));
    assert_int_equal(ops->label_remove(w, "lab.example", "campaign", &err), 0);
    assert_labels("b.example|campaign||spring-*|0\nlab.example|release|1.0|1.*|1\n");
    assert_int_equal(ops->label_remove(w, "lab.example", "campaign", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_string_equal(err.text, "zone lab.example has no label campaign");
    assert_int_equal(ops->label_list(w, row_of_label, &first, &err), 0);
    assert_int_equal(first.n, 1);
}

#define ZONE "zone must be one of the table zone: add it first, with `countersign zone add`"
#define NAME "name must have 1 to 32 of the characters a-z, 0-9, _ and -"
#define ALLOWED "allowed must be values of 1 to 64 bytes, one on a line, without control characters"
#define MANY "allowed must have at most 1000 values: use pattern for more"
#define PERSONAL "allowed must have no mail address and no six digits in a row: such values are never recorded"
#define PATTERN "pattern must have at most 64 bytes, at most four *, and no control characters"
#define EMPTY "allowed and pattern must not both be empty: nothing would ever fit"
#define ENABLED "enabled must be 1 or 0"
#define INSERT(name, allowed, pattern) \
    "INSERT INTO label (zone, name, allowed, pattern) VALUES ('lab.example', " name ", " allowed ", " pattern ")"
#define ALLOW(allowed) "UPDATE label SET allowed = " allowed
#define FIT(pattern) "UPDATE label SET pattern = " pattern
#define TEXT_OF(n) "substr(hex(zeroblob(500000)), 1, " #n ")"
#define LINES(n) "rtrim(replace(substr(hex(zeroblob(" #n ")), 1, " #n "), '0', 'a' || char(10)), char(10))"

static void a_label_that_makes_no_sense_is_refused_in_words(void **state)
{
    static const struct {
        const char *sql, *answer;
    } cases[] = {
        { "INSERT INTO label (zone, name, allowed) VALUES ('no.example', 'a', 'b')", ZONE },
        { "INSERT INTO label (zone, name, allowed) VALUES (NULL, 'a', 'b')", ZONE },
        { INSERT("''", "'x'", "''"), NAME },
        { INSERT("NULL", "'x'", "''"), NAME },
        { INSERT("'Campaign'", "'x'", "''"), NAME },
        { INSERT("'a.b'", "'x'", "''"), NAME },
        { INSERT("'a' || char(0)", "'x'", "''"), NAME },
        { INSERT("'abcdefghijklmnopqrstuvwxyz_-01234'", "'x'", "''"), NAME },
        { INSERT("'abcdefghijklmnopqrstuvwxyz_-0123'", "'x'", "''"), "" },
        { INSERT("'a'", "''", "''"), EMPTY },
        { INSERT("'a'", "NULL", "''"), ALLOWED },
        { INSERT("'a'", "'x'", "NULL"), PATTERN },
        { ALLOW("'spring' || char(10) || 'autumn fair' || char(10) || 'caf\xc3\xa9'"), "" },
        { ALLOW("'spring' || char(10)"), ALLOWED },
        { ALLOW("char(10) || 'spring'"), ALLOWED },
        { ALLOW("'a' || char(10, 10) || 'b'"), ALLOWED },
        { ALLOW("'a' || char(13, 10) || 'b'"), ALLOWED },
        { ALLOW("'a' || char(0) || 'b'"), ALLOWED },
        { ALLOW("'a' || char(9)"), ALLOWED },
        { ALLOW("'a' || char(127)"), ALLOWED },
        { ALLOW("replace(" TEXT_OF(64) ", '0', 'a')"), "" },
        { ALLOW("replace(" TEXT_OF(65) ", '0', 'a')"), ALLOWED },
        { ALLOW("replace(" TEXT_OF(33) ", '0', '\xc3\xa9')"), ALLOWED },
        { ALLOW(LINES(1000)), "" },
        { ALLOW(LINES(1001)), MANY },
        { ALLOW("'spring' || char(10) || 'ann@lab.example'"), PERSONAL },
        { ALLOW("'room 123456'"), PERSONAL },
        { ALLOW("'12345 @ 6789'"), "" },
        { FIT("'a*b*c*d*[a-z]?'"), "" },
        { FIT("'a*b*c*d*e*'"), PATTERN },
        { FIT("replace(" TEXT_OF(64) ", '0', '?')"), "" },
        { FIT("replace(" TEXT_OF(65) ", '0', '?')"), PATTERN },
        { FIT("'a' || char(10)"), PATTERN },
        { FIT("'a' || char(0) || '*'"), PATTERN },
        { FIT("''"), "" },
        { "UPDATE label SET allowed = '', pattern = '*'", "" },
        { FIT("''"), EMPTY },
        { "UPDATE label SET enabled = 2", ENABLED },
        { "UPDATE label SET enabled = NULL", ENABLED },
        { "UPDATE label SET zone = 'no.example'", ZONE },
        { "UPDATE label SET name = 'A'", NAME },
        { "UPDATE label SET enabled = 0, zone = 'b.example'", "" },
    };
    sqlite3 *shell = NULL;

    (void)state;
    assert_int_equal(sqlite3_open(f.path, &shell), SQLITE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool done = sqlite3_exec(shell, cases[i].sql, NULL, NULL, NULL) == SQLITE_OK;

        if (strcmp(done ? "" : sqlite3_errmsg(shell), cases[i].answer) != 0)
            fail_msg("%s: %s", cases[i].sql, done ? "it is done" : sqlite3_errmsg(shell));
    }
    sqlite3_close(shell);
}

static void the_words_reach_the_caller(void **state)
{
    const struct cs_label_rule rule = a_rule("no.example", "a", "b", "");

    (void)state;
    assert_int_equal(ops->label_put(w, &rule, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, ZONE);
}

/* On a connection with foreign keys, and in a shell, where they are off. */
static void labels_go_with_their_zone(void **state)
{
    (void)state;
    put(a_rule("lab.example", "a", "x", ""));
    put(a_rule("b.example", "a", "y", ""));
    store_file_sql(&f, "UPDATE zone SET zone = 'new.example' WHERE zone = 'lab.example'");
    assert_labels("b.example|a|y||1\nnew.example|a|x||1\n");
    store_file_sql(&f, "PRAGMA foreign_keys = ON; UPDATE zone SET zone = 'newer.example' WHERE zone = 'new.example'");
    assert_labels("b.example|a|y||1\nnewer.example|a|x||1\n");
    store_file_sql(&f, "DELETE FROM zone WHERE zone = 'newer.example'");
    assert_labels("b.example|a|y||1\n");
    store_file_sql(&f, "INSERT INTO subject (subject, zone) VALUES ('CN=a.b.example', 'b.example')");
    assert_int_equal(ops->zone_remove(w, "b.example", &err), -1);
    assert_labels("b.example|a|y||1\n");
    store_file_sql(&f, "DELETE FROM subject");
    assert_int_equal(ops->zone_remove(w, "b.example", &err), 0);
    assert_labels("");
}

/* ---- from schema 1 */

static void a_file_of_schema_1_is_brought_up_to_date(void **state)
{
    static const char schema_text[] = "SELECT count(*) FROM sqlite_schema JOIN fresh.sqlite_schema USING (type, name, sql)";
    struct store_file old = { 0 };
    struct rows zones = { 0 };
    char attach[400];
    sqlite3 *sq = NULL;
    sqlite3_stmt *s = NULL;
    void *conn = NULL;

    (void)state;
    store_file_open(&old, 1000);
    store_file_sql(&old, schema_1);
    store_file_sql(&old, "INSERT INTO zone (zone, dns, parallel) VALUES ('lab.example', 'builtin', 3);"
                         "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', 'lab.example')");
    assert_int_equal(old.ops->migrate(old.self, false, &err), -1);
    assert_non_null(strstr(err.text, "has schema 1, this version needs 5"));
    store_file_migrate(&old);
    assert_non_null(strstr(store_host.lines, "from=1 to=5"));
    assert_int_equal(old.ops->migrate(old.self, false, &err), 0);

    assert_int_equal(old.ops->connect(old.self, CS_STATE_WRITER, &conn, &err), 0);
    assert_int_equal(old.ops->zone_list(conn, row_of_zone, &zones, &err), 0);
    assert_string_equal(zones.text, "lab.example|builtin|3|||1|1||0\n");
    assert_int_equal(old.ops->label_put(conn, &(struct cs_label_rule){ .size = sizeof(struct cs_label_rule),
                                                                      .zone = "lab.example", .name = "a", .allowed = "b",
                                                                      .pattern = "", .enabled = true }, &err), 0);
    old.ops->disconnect(old.self, conn);
    assert_int_equal(store_file_number(&old, "SELECT count(*) FROM label"), 1);

    /* It is what a new file is, and nothing else. */
    assert_int_equal(sqlite3_open(old.path, &sq), SQLITE_OK);
    snprintf(attach, sizeof attach, "ATTACH '%s' AS fresh", f.path);
    assert_int_equal(sqlite3_exec(sq, attach, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sq, schema_text, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_true(sqlite3_column_int64(s, 0) > 20);
    assert_int_equal(sqlite3_column_int64(s, 0),
                     store_file_number(&f, "SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL"));
    sqlite3_finalize(s);
    sqlite3_close(sq);
    store_file_close(&old);
}

/* ---- a key */

#define KEY "X'0700000000000000000000000000000000000000000000000000000000000000'"
#define OTHER_KEY "X'0800000000000000000000000000000000000000000000000000000000000000'"
#define JOB(id, key, state)                                                                                              \
    "INSERT INTO job VALUES ('" id "', randomblob(32), 1, 'CN=a', 'lab.example', 'le', 'a', '', x'00', " key ", '" state "', " \
    "'', x'', 0, '', 1, 1, 1, 1, '');"
#define CERTIFICATE(job, key)                                                                                            \
    "INSERT INTO certificate VALUES ('" job "', randomblob(32), 'lab.example', 'CN=a', 'a', 'le', '', '0a', 1, 2, 3, "   \
    "'PEM-" job "', '', " key ");"
#define REVOCATION(job, state) "INSERT INTO revocation VALUES ('" job "', 1, 'operator', '" state "', 1, 0, '');"
#define EVENT(json) "INSERT INTO outbox (time_ms, kind, json) VALUES (1, 'issued', '" json "');"

static void what_is_over_about_a_key_is_erased_and_nothing_else(void **state)
{
    static const uint8_t key[32] = { 7 };
    int64_t n = -1;

    (void)state;
    store_file_sql(&f, JOB("done", KEY, "done") JOB("failed", KEY, "failed") JOB("open", KEY, "open")
                           JOB("cleaning", KEY, "done") JOB("other", OTHER_KEY, "done") CERTIFICATE("done", KEY)
                               CERTIFICATE("older", KEY) CERTIFICATE("other", OTHER_KEY) EVENT("{\"job\":\"done\"}")
                                   EVENT("{\"job\":\"older\"}") EVENT("{\"job\":\"other\"}") EVENT("{\"job\":\"open\"}")
                                       EVENT("{}") EVENT("no JSON"));
    store_file_sql(&f, CERTIFICATE("revoking", KEY) REVOCATION("done", "done") REVOCATION("revoking", "open")
                           "INSERT INTO revoked_key VALUES (" KEY ")");
    store_file_sql(&f, "INSERT INTO job_challenge VALUES ('cleaning', 'a', 'builtin', 'o.', 'z.', 'v', 1)");
    assert_int_equal(ops->begin(w, &err), 0);
    assert_int_equal(ops->spki_erase(w, key, &n, &err), 0);
    assert_int_equal(ops->commit(w, &err), 0);
    assert_int_equal(n, 4);
    assert_int_equal(store_file_number(&f, "SELECT group_concat(id, ' ') = 'cleaning open other' FROM "
                                           "(SELECT id FROM job ORDER BY id)"), 1);
    assert_int_equal(store_file_number(&f, "SELECT group_concat(job) = 'other,revoking' FROM "
                                           "(SELECT job FROM certificate ORDER BY job)"), 1);
    assert_int_equal(store_file_number(&f, "SELECT group_concat(job) = 'revoking' FROM revocation"), 1);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM revoked_key"), 1);
    assert_int_equal(store_file_number(&f, "SELECT group_concat(number) = '3,4,5,6' FROM outbox"), 1);
    store_file_sql(&f, "DELETE FROM job_challenge; UPDATE revocation SET state = 'failed'");
    assert_int_equal(ops->spki_erase(w, key, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM revocation"), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM revoked_key"), 1);
    assert_int_equal(ops->spki_erase(w, key, &n, &err), 0);
    assert_int_equal(n, 0);
}

/* How often a text stands in the database and its log. */
static size_t in_files(const char *text)
{
    static const char *const ends[] = { "", "-wal" };
    size_t found = 0;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        static char bytes[1 << 22];
        char path[300];
        FILE *file;
        size_t len;

        snprintf(path, sizeof path, "%s%s", f.path, ends[i]);
        file = fopen(path, "re");
        len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
        for (const char *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), text, strlen(text))); at++)
            found++;
        if (file)
            fclose(file);
    }
    return found;
}

static void once_scrubbed_no_byte_of_an_erased_key_is_left(void **state)
{
    static const uint8_t key[32] = { 7 };
    bool done = false;
    int64_t n = 0;

    (void)state;
    store_file_sql(&f, JOB("done", KEY, "done") CERTIFICATE("done", KEY) CERTIFICATE("other", OTHER_KEY));
    assert_true(in_files("PEM-done") > 0);
    assert_int_equal(ops->begin(w, &err), 0);
    assert_int_equal(ops->spki_erase(w, key, &n, &err), 0);
    assert_int_equal(ops->commit(w, &err), 0);
    assert_int_equal(n, 2);
    assert_true(in_files("PEM-done") > 0); /* the log has what was there before */
    assert_int_equal(ops->scrub(w, &done, &err), 0);
    assert_true(done);
    assert_int_equal(in_files("PEM-done"), 0);
    assert_true(in_files("PEM-other") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(labels_are_put_replaced_listed_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_label_that_makes_no_sense_is_refused_in_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_words_reach_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_go_with_their_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_schema_1_is_brought_up_to_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_over_about_a_key_is_erased_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_scrubbed_no_byte_of_an_erased_key_is_left, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("store_labels", tests, NULL, NULL);
}
