/* store-sqlite: who may ask. Clients, their subjects, a subject's access, a job's client, and the step from schema 2. */
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

static const char schema_2[] =
#include "schema.sql.h"
#include "schema-2.sql.h"
    ;

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HASH_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define UNTIL_2027 INT64_C(1801353600000) /* 2027-01-31T00:00:00Z */

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
    store_file_sql(&f, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin');"
                       "INSERT INTO subject (subject, zone) VALUES ('CN=a.lab.example', 'lab.example'), "
                       "('CN=b.lab.example', 'lab.example')");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

static int row_of_client(void *arg, const struct cs_client *c)
{
    struct rows *l = arg;
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof l->text - len, "%s|%d|%.1s|%.1s %lld|%.1s|%s|%s|%lld|%d\n", c->client, (int)c->kind,
             c->token_sha256, c->old_token_sha256, (long long)c->old_token_until_ms, c->spki_sha256, c->issuer, c->name,
             (long long)c->expires_ms, c->enabled);
    return ++l->n == l->most;
}

static int row_of_client_subject(void *arg, const char *subject)
{
    struct rows *l = arg;
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof l->text - len, "%s\n", subject);
    return ++l->n == l->most;
}

static struct cs_client a_client(const char *name, enum cs_client_kind kind)
{
    return (struct cs_client){ .size = sizeof(struct cs_client), .client = name, .kind = kind, .token_sha256 = "",
                               .old_token_sha256 = "", .spki_sha256 = "", .issuer = "", .name = "", .enabled = true };
}

static struct cs_client with_token(const char *name, const char *hash)
{
    struct cs_client client = a_client(name, CS_CLIENT_TOKEN);

    client.token_sha256 = hash;
    return client;
}

static void put(struct cs_client client)
{
    if (ops->client_put(w, &client, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_clients(const char *expected)
{
    struct rows got = { 0 };

    assert_int_equal(ops->client_list(w, row_of_client, &got, &err), 0);
    assert_string_equal(got.text, expected);
}

static void clients_are_put_replaced_listed_and_removed(void **state)
{
    struct cs_client key = a_client("robot", CS_CLIENT_CERTIFICATE), name = a_client("Web-1", CS_CLIENT_CERTIFICATE);
    struct cs_client ci = with_token("ci", HASH_A);
    struct rows first = { .most = 1 };

    (void)state;
    key.spki_sha256 = HASH_C;
    key.enabled = false;
    name.issuer = "CN=Lab CA,O=Lab";
    name.name = "DNS:web-1.lab.example";
    name.expires_ms = UNTIL_2027;
    put(ci);
    put(key);
    put(name);
    assert_clients("Web-1|2|| 0||CN=Lab CA,O=Lab|DNS:web-1.lab.example|1801353600000|1\n"
                   "ci|1|a| 0||||0|1\n"
                   "robot|2|| 0|c|||0|0\n");
    ci.token_sha256 = HASH_B;
    ci.old_token_sha256 = HASH_A;
    ci.old_token_until_ms = UNTIL_2027;
    put(ci);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM client WHERE old_token_until = '2027-01-31T00:00:00Z'"), 1);
    assert_int_equal(ops->client_remove(w, "Web-1", &err), 0);
    assert_clients("ci|1|b|a 1801353600000||||0|1\nrobot|2|| 0|c|||0|0\n");
    assert_int_equal(ops->client_remove(w, "Web-1", &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_string_equal(err.text, "there is no client Web-1");
    assert_int_equal(ops->client_list(w, row_of_client, &first, &err), 0);
    assert_int_equal(first.n, 1);
}

typedef int find_fn(void *conn, const char *what, cs_client_fn *fn, void *arg, struct cs_error *err);

static void assert_finds(find_fn *find, const char *what, const char *expected)
{
    struct rows got = { 0 };

    assert_int_equal(find(w, what, row_of_client, &got, &err), 0);
    assert_string_equal(got.text, expected);
}

static void a_client_is_found_by_what_it_shows(void **state)
{
    struct cs_client ci = with_token("ci", HASH_A), robot = a_client("robot", CS_CLIENT_CERTIFICATE);
    struct cs_client web = a_client("web", CS_CLIENT_CERTIFICATE);
    struct rows got = { 0 };

    (void)state;
    ci.old_token_sha256 = HASH_B;
    ci.old_token_until_ms = UNTIL_2027;
    robot.spki_sha256 = HASH_A;
    web.issuer = "CN=Lab CA";
    web.name = "CN=web";
    put(ci);
    put(robot);
    put(web);
    assert_finds(ops->client_find, "ci", "ci|1|a|b 1801353600000||||0|1\n");
    assert_finds(ops->client_find, "c", "");
    assert_finds(ops->client_find_token, HASH_A, "ci|1|a|b 1801353600000||||0|1\n");
    assert_finds(ops->client_find_token, HASH_B, "ci|1|a|b 1801353600000||||0|1\n");
    assert_finds(ops->client_find_token, HASH_C, "");
    assert_finds(ops->client_find_token, "", "");
    assert_finds(ops->client_find_key, HASH_A, "robot|2|| 0|a|||0|1\n");
    assert_finds(ops->client_find_key, HASH_B, "");
    assert_finds(ops->client_find_key, "", "");
    assert_int_equal(ops->client_find_name(w, "CN=Lab CA", "CN=web", row_of_client, &got, &err), 0);
    assert_string_equal(got.text, "web|2|| 0||CN=Lab CA|CN=web|0|1\n");
    got = (struct rows){ 0 };
    assert_int_equal(ops->client_find_name(w, "CN=Other CA", "CN=web", row_of_client, &got, &err), 0);
    assert_int_equal(ops->client_find_name(w, "", "", row_of_client, &got, &err), 0);
    assert_string_equal(got.text, "");
}

static bool may(const char *client, const char *subject)
{
    bool found = false;

    assert_int_equal(ops->client_subject_find(w, client, subject, &found, &err), 0);
    return found;
}

static void the_subjects_of_a_client_follow_both(void **state)
{
    struct rows got = { 0 };

    (void)state;
    put(with_token("ci", HASH_A));
    assert_int_equal(ops->client_subject_put(w, "ci", "CN=b.lab.example", &err), 0);
    assert_int_equal(ops->client_subject_put(w, "ci", "CN=a.lab.example", &err), 0);
    assert_int_equal(ops->client_subject_put(w, "ci", "CN=a.lab.example", &err), 0);
    assert_int_equal(ops->client_subject_list(w, "ci", row_of_client_subject, &got, &err), 0);
    assert_string_equal(got.text, "CN=a.lab.example\nCN=b.lab.example\n");
    assert_true(may("ci", "CN=a.lab.example"));
    assert_false(may("ci", "CN=A.lab.example"));
    put(with_token("ci", HASH_B)); /* replacing the row leaves the list alone */
    assert_true(may("ci", "CN=a.lab.example"));
    assert_int_equal(ops->client_subject_remove(w, "ci", "CN=a.lab.example", &err), 0);
    assert_false(may("ci", "CN=a.lab.example"));
    assert_int_equal(ops->client_subject_remove(w, "ci", "CN=a.lab.example", &err), -1);
    assert_string_equal(err.text, "client ci has no subject CN=a.lab.example");
    store_file_sql(&f, "UPDATE client SET client = 'build'; UPDATE subject SET subject = 'CN=c.lab.example' "
                       "WHERE subject = 'CN=b.lab.example'");
    assert_true(may("build", "CN=c.lab.example"));
    store_file_sql(&f, "PRAGMA foreign_keys = ON; UPDATE client SET client = 'ci'");
    assert_true(may("ci", "CN=c.lab.example"));
    assert_int_equal(ops->subject_remove(w, "CN=c.lab.example", &err), 0);
    assert_false(may("ci", "CN=c.lab.example"));
    assert_int_equal(ops->client_subject_put(w, "ci", "CN=a.lab.example", &err), 0);
    assert_int_equal(ops->client_remove(w, "ci", &err), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM client_subject"), 0);
}

#define CLIENT "client must have 1 to 64 of the characters a-z, A-Z, 0-9, dot, _ and -"
#define KIND "kind must be token or certificate"
#define TOKEN                                                                                                          \
    "a client of kind token needs token_sha256, 64 hexadecimal digits in lower case: `countersign client add` makes a " \
    "token and its hash"
#define TOKEN_ONLY "a client of kind token must have no spki_sha256, issuer or name"
#define OLD                                                                                                            \
    "old_token_sha256 and old_token_until belong together: both empty, or the hash of a token and a time in UTC such as " \
    "2027-01-31T00:00:00Z"
#define NO_TOKEN "a client of kind certificate must have no token"
#define EITHER "a client of kind certificate needs either spki_sha256, or issuer and name"
#define SPKI "spki_sha256 must be 64 hexadecimal digits in lower case: the SHA-256 of the public key (SubjectPublicKeyInfo)"
#define ISSUER "issuer must be a name in the RFC 4514 form, such as CN=Lab CA,O=Lab"
#define NAME                                                                                                           \
    "name must be a subject in the RFC 4514 form, such as CN=robot,O=Lab, or one of DNS:a.x, URI:spiffe://x/a, email:a@x"
#define EXPIRES "expires must be empty or a time in UTC such as 2027-01-31T00:00:00Z"
#define ENABLED "enabled must be 1 or 0"
#define ACCESS "access must be open, token or certificate"
#define NO_CACHE "no_cache must be aged, never or always"
#define NO_CLIENT "client must be one of the table client: add it first, with `countersign client add`"
#define NO_SUBJECT "subject must be one of the table subject: add it first, with `countersign subject add`"
#define A_TOKEN(client, hash) "INSERT INTO client (client, kind, token_sha256) VALUES (" client ", 'token', '" hash "')"
#define A_CERTIFICATE(columns, values) \
    "INSERT INTO client (client, kind, " columns ") VALUES ('x', 'certificate', " values ")"

static void rows_that_make_no_sense_are_refused_in_words(void **state)
{
    static const struct {
        const char *sql, *answer;
    } cases[] = {
        { A_TOKEN("''", HASH_A), CLIENT },
        { A_TOKEN("'a b'", HASH_A), CLIENT },
        { A_TOKEN("'a' || char(0) || 'b'", HASH_A), CLIENT },
        { A_TOKEN("hex(zeroblob(33))", HASH_A), CLIENT },
        { "INSERT INTO client (client, kind) VALUES ('x', 'key')", KIND },
        { "INSERT INTO client (client, kind) VALUES ('x', NULL)", KIND },
        { "INSERT INTO client (client, kind) VALUES ('x', 'token')", TOKEN },
        { A_TOKEN("'x'", "abc"), TOKEN },
        { "INSERT INTO client (client, kind, token_sha256) VALUES ('x', 'token', upper('" HASH_A "'))", TOKEN },
        { "INSERT INTO client (client, kind, token_sha256, issuer) VALUES ('x', 'token', '" HASH_A "', 'CN=x')", TOKEN_ONLY },
        { A_TOKEN("'x'", HASH_A), "" },
        { A_TOKEN("'y'", HASH_A), "UNIQUE constraint failed: client.token_sha256" },
        { "UPDATE client SET old_token_sha256 = '" HASH_B "'", OLD },
        { "UPDATE client SET old_token_until = '2027-01-31T00:00:00Z'", OLD },
        { "UPDATE client SET old_token_sha256 = '" HASH_B "', old_token_until = '2027-01-31'", OLD },
        { "UPDATE client SET old_token_sha256 = '" HASH_B "', old_token_until = '2027-01-31T00:00:00Z'", "" },
        { "UPDATE client SET expires = '2027-02-30T00:00:00Z'", EXPIRES },
        { "UPDATE client SET expires = 'tomorrow'", EXPIRES },
        { "UPDATE client SET expires = '2027-01-31T00:00:00Z'", "" },
        { "UPDATE client SET enabled = 2", ENABLED },
        { "UPDATE client SET kind = 'certificate'", NO_TOKEN },
        { "INSERT INTO client_subject VALUES ('y', 'CN=a.lab.example')", NO_CLIENT },
        { "INSERT INTO client_subject VALUES ('x', 'CN=c.lab.example')", NO_SUBJECT },
        { "INSERT INTO client_subject VALUES ('x', 'CN=a.lab.example')", "" },
        { "UPDATE client_subject SET subject = 'CN=c.lab.example'", NO_SUBJECT },
        { "DELETE FROM client", "" },
        { "INSERT INTO client (client, kind) VALUES ('x', 'certificate')", EITHER },
        { A_CERTIFICATE("issuer", "'CN=x'"), EITHER },
        { A_CERTIFICATE("name", "'CN=x'"), EITHER },
        { A_CERTIFICATE("spki_sha256, issuer, name", "'" HASH_A "', 'CN=x', 'CN=y'"), EITHER },
        { A_CERTIFICATE("spki_sha256", "'abc'"), SPKI },
        { A_CERTIFICATE("issuer, name", "'/CN=x', 'CN=y'"), ISSUER },
        { A_CERTIFICATE("issuer, name", "'CN=x', 'y.lab.example'"), NAME },
        { A_CERTIFICATE("issuer, name", "'CN=x', 'DNS:'"), NAME },
        { A_CERTIFICATE("issuer, name", "'CN=x', 'URI:spiffe://lab.example/y'"), "" },
        { "UPDATE client SET name = 'CN=y' || char(10)", NAME },
        { "UPDATE client SET name = 'email:y@lab.example'", "" },
        { "UPDATE subject SET access = 'anybody'", ACCESS },
        { "UPDATE subject SET access = NULL", ACCESS },
        { "INSERT INTO subject (subject, zone, access) VALUES ('CN=x.lab.example', 'lab.example', '')", ACCESS },
        { "UPDATE subject SET no_cache = 'often'", NO_CACHE },
        { "INSERT INTO subject (subject, zone, no_cache) VALUES ('CN=x.lab.example', 'lab.example', '')", NO_CACHE },
        { "UPDATE subject SET access = 'certificate'", "" },
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
    struct cs_client client = with_token("a b", HASH_A);

    (void)state;
    assert_int_equal(ops->client_put(w, &client, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, CLIENT);
    put(with_token("ci", HASH_A));
    client.client = "other";
    assert_int_equal(ops->client_put(w, &client, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, "another client has this token, key or name already");
    assert_int_equal(ops->client_subject_put(w, "nobody", "CN=a.lab.example", &err), -1);
    assert_string_equal(err.text, NO_CLIENT);
    client.kind = (enum cs_client_kind)3;
    assert_int_equal(ops->client_put(w, &client, &err), -1);
    assert_string_equal(err.text, KIND);
}

/* ---- a subject's access, a job's client */

static int note_access(void *arg, const struct cs_subject *row)
{
    *(int *)arg = (int)row->access;
    return 1;
}

static void a_subject_has_its_access(void **state)
{
    struct cs_subject subject = { .size = sizeof subject, .subject = "CN=c.lab.example", .zone = "lab.example", .names = "",
                                  .profile = "", .cas = "", .enabled = true, .access = CS_ACCESS_TOKEN };
    int access = -1;

    (void)state;
    assert_int_equal(ops->subject_find(w, "CN=a.lab.example", note_access, &access, &err), 0);
    assert_int_equal(access, CS_ACCESS_OPEN);
    assert_int_equal(ops->subject_put(w, &subject, &err), 0);
    assert_int_equal(ops->subject_find(w, "CN=c.lab.example", note_access, &access, &err), 0);
    assert_int_equal(access, CS_ACCESS_TOKEN);
    subject.access = CS_ACCESS_CERTIFICATE;
    assert_int_equal(ops->subject_put(w, &subject, &err), 0);
    assert_int_equal(ops->subject_find(w, "CN=c.lab.example", note_access, &access, &err), 0);
    assert_int_equal(access, CS_ACCESS_CERTIFICATE);
    subject.access = (enum cs_access)3;
    assert_int_equal(ops->subject_put(w, &subject, &err), -1);
    assert_string_equal(err.text, ACCESS);
}

static int note_client(void *arg, const struct cs_job *row)
{
    snprintf(arg, 65, "%s", row->client);
    return 1;
}

static void a_job_has_the_client_it_was_made_with(void **state)
{
    struct cs_job job = { .size = sizeof job, .id = "j", .subject = "CN=a", .zone = "lab.example", .ca = "le", .names = "a",
                          .profile = "", .csr = (const uint8_t *)"c", .csr_len = 1, .state = CS_JOB_OPEN, .step = "",
                          .problem = "", .client = "ci" };
    char client[65] = "";

    (void)state;
    assert_int_equal(ops->job_put(w, &job, 0, &err), 0);
    job.client = NULL;
    job.step = "next";
    assert_int_equal(ops->job_put(w, &job, 1, &err), 0);
    job.state = CS_JOB_DONE;
    assert_int_equal(ops->job_put(w, &job, 2, &err), 0);
    assert_int_equal(ops->job_find(w, "j", note_client, client, &err), 0);
    assert_string_equal(client, "ci");
    job.id = "k";
    job.key[0] = 1;
    assert_int_equal(ops->job_put(w, &job, 0, &err), 0);
    assert_int_equal(ops->job_find(w, "k", note_client, client, &err), 0);
    assert_string_equal(client, "");
}

/* ---- from schema 2 */

static void assert_same_schema_as_a_new_file(const struct store_file *old)
{
    sqlite3 *sq = NULL;
    sqlite3_stmt *s = NULL;
    char attach[400];

    assert_int_equal(sqlite3_open(old->path, &sq), SQLITE_OK);
    snprintf(attach, sizeof attach, "ATTACH '%s' AS fresh", f.path);
    assert_int_equal(sqlite3_exec(sq, attach, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sq, "SELECT count(*) FROM sqlite_schema JOIN fresh.sqlite_schema "
                                            "USING (type, name, sql)", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(s, 0),
                     store_file_number(&f, "SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL"));
    sqlite3_finalize(s);
    sqlite3_close(sq);
}

static void a_file_of_schema_2_is_brought_up_to_date(void **state)
{
    struct store_file old = { 0 };
    struct rows subjects = { 0 }, jobs = { 0 };
    char client[65] = "?";
    int access = -1;
    void *conn = NULL;

    (void)state;
    store_file_open(&old, 1000);
    store_file_sql(&old, schema_2);
    store_file_sql(&old,
                   "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin');"
                   "INSERT INTO subject (subject, zone, names) VALUES ('CN=a.lab.example', 'lab.example', ''), "
                   "('CN=b.lab.example,O=Lab', 'lab.example', '.lab.example');"
                   "INSERT INTO subject_ca VALUES ('CN=a.lab.example', 1, 'le');"
                   "INSERT INTO label (zone, name, allowed) VALUES ('lab.example', 'a', 'b');"
                   "INSERT INTO job VALUES ('j', x'" HASH_A "', 3, 'CN=a', 'lab.example', 'le', 'a', '', x'00', x'" HASH_B "', "
                   "'open', 'poll', x'01', 1, '', 1, 2, 3, 4);");
    assert_int_equal(old.ops->migrate(old.self, false, &err), -1);
    assert_non_null(strstr(err.text, "has schema 2, this version needs 5"));
    store_file_migrate(&old);
    assert_non_null(strstr(store_host.lines, "from=2 to=5"));
    assert_int_equal(old.ops->migrate(old.self, false, &err), 0);

    assert_int_equal(old.ops->connect(old.self, CS_STATE_WRITER, &conn, &err), 0);
    assert_int_equal(old.ops->subject_list(conn, row_of_subject, &subjects, &err), 0);
    assert_string_equal(subjects.text, "CN=a.lab.example|lab.example|||le|1\n"
                                       "CN=b.lab.example,O=Lab|lab.example|.lab.example|||1\n");
    assert_int_equal(old.ops->subject_find(conn, "CN=a.lab.example", note_access, &access, &err), 0);
    assert_int_equal(access, CS_ACCESS_OPEN);
    assert_int_equal(old.ops->job_list_open(conn, row_of_job, &jobs, &err), 0);
    assert_int_equal(jobs.n, 1);
    assert_int_equal(old.ops->job_find(conn, "j", note_client, client, &err), 0);
    assert_string_equal(client, "");
    old.ops->disconnect(old.self, conn);
    assert_same_schema_as_a_new_file(&old);
    store_file_close(&old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_are_put_replaced_listed_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_is_found_by_what_it_shows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_subjects_of_a_client_follow_both, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_make_no_sense_are_refused_in_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_words_reach_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_subject_has_its_access, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_has_the_client_it_was_made_with, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_schema_2_is_brought_up_to_date, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
