/*
 * Who may ask: every access of a subject, with every credential, for a subject that is the client's, another's, disabled or
 * unknown. Each cell: the status, the problem's type, WWW-Authenticate; or with whose credential the order was stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "engine/clock.h"
#include "fakes/rig.h"
#include "http/authorization.h"
#include "http/problem.h"

#define FOUR(d)    d d d d
#define SIXTEEN(d) FOUR(d) FOUR(d) FOUR(d) FOUR(d)
#define HASH(d)    SIXTEEN(d) SIXTEEN(d) SIXTEEN(d) SIXTEEN(d)

enum { OPEN = 0, TOKEN, CERTIFICATE, ACCESSES };
enum { OWN = 0, OTHER, DISABLED, UNKNOWN, SUBJECTS };

static const char *const access_words[ACCESSES] = { "open", "token", "certificate" };
static const char *const subject_words[SUBJECTS] = { "own", "other", "disabled", "unknown" };

static struct rig rig;
static char *csrs[ACCESSES][SUBJECTS];

/* ---- Who is there ---------------------------------------------------------------------------------------------------- */

static void run(const char *format, ...) CS_PRINTF(1, 2);
static void run(const char *format, ...)
{
    char sql[1024];
    va_list args;

    va_start(args, format);
    assert_in_range(vsnprintf(sql, sizeof sql, format, args), 1, sizeof sql - 1);
    va_end(args);
    rig_sql(&rig, sql);
}

static void add_subjects(void)
{
    char name[64];

    for (int access = 0; access < ACCESSES; access++)
        for (int subject = 0; subject < SUBJECTS; subject++) {
            snprintf(name, sizeof name, "%s-%s.x.example", access_words[access], subject_words[subject]);
            csrs[access][subject] = rig_csr(name);
            if (subject != UNKNOWN)
                run("INSERT INTO subject (subject, zone, access, no_cache, enabled) "
                    "VALUES ('CN=%s', 'x.example', '%s', 'always', %d)",
                    name, access_words[access], subject != DISABLED);
        }
}

static const char *hash_of(const char *token)
{
    static char hash[CLIENT_HASH_SIZE];
    uint8_t digest[32];

    assert_int_equal(EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL), 1);
    hex_encode(hash, digest, sizeof digest);
    return hash;
}

/* Each may ask for every subject named "own", disabled ones too. A token is its client's name. */
static void add_clients(void)
{
    static const char *const tokens[] = { "ci", "late", "off" };

    for (size_t i = 0; i < 3; i++)
        run("INSERT INTO client (client, kind, token_sha256) VALUES ('%s', 'token', '%s')", tokens[i], hash_of(tokens[i]));
    run("UPDATE client SET old_token_sha256 = '%s', old_token_until = '2001-01-01T00:00:00Z' WHERE client = 'ci'",
        hash_of("ci-before"));
    run("INSERT INTO client (client, kind, spki_sha256) VALUES ('robot', 'certificate', '" HASH("a") "'), "
        "('robot-late', 'certificate', '" HASH("b") "'), ('robot-off', 'certificate', '" HASH("c") "')");
    run("INSERT INTO client (client, kind, issuer, name) VALUES ('web', 'certificate', 'CN=Lab CA', 'DNS:web.x.example')");
    run("UPDATE client SET expires = '2001-01-01T00:00:00Z' WHERE client IN ('late', 'robot-late')");
    run("UPDATE client SET enabled = 0 WHERE client IN ('off', 'robot-off')");
    run("INSERT INTO client_subject SELECT client, subject FROM client, subject WHERE subject LIKE '%%-own.%%' "
        "OR subject LIKE '%%-disabled.%%'");
}

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 3);
    add_subjects();
    add_clients();
    rig.credential = (struct credential){ 0 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int access = 0; access < ACCESSES; access++)
        for (int subject = 0; subject < SUBJECTS; subject++)
            free(csrs[access][subject]);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

/* ---- What is shown --------------------------------------------------------------------------------------------------- */

#define FOR_EVER INT64_C(253402300799000)
#define CERT(der, key, from_ms, to_ms, ...)                                                                            \
    { .sha256 = HASH(der), .spki_sha256 = HASH(key), .issuer = issuer, .names = { __VA_ARGS__ },                       \
      .n_names = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), .not_before_ms = (from_ms),                 \
      .not_after_ms = (to_ms), .refs = 1 }

static char issuer[] = "CN=Lab CA", subject[] = "CN=web", san[] = "DNS:web.x.example", other_san[] = "DNS:x.example";
static struct client_certificate robot = CERT("1", "a", 0, FOR_EVER, subject);
static struct client_certificate robot_late = CERT("2", "b", 0, FOR_EVER, subject);
static struct client_certificate robot_off = CERT("3", "c", 0, FOR_EVER, subject);
static struct client_certificate web = CERT("4", "d", 0, FOR_EVER, subject, other_san, san);
static struct client_certificate stranger = CERT("5", "e", 0, FOR_EVER, subject, other_san);
static struct client_certificate over = CERT("6", "a", 0, 1, subject);
static struct client_certificate not_yet = CERT("7", "a", FOR_EVER - 1, FOR_EVER, subject);

/* For a subject of its own: "=NAME" is an order with that client, "=" one with nobody's; otherwise the type of the problem. */
static const struct row {
    const char *what;
    enum client_token state;
    const char *token;
    struct client_certificate *certificate;
    bool bad_certificate;
    const char *expected[ACCESSES];
} rows[] = {
    { "nothing", CLIENT_NO_TOKEN, NULL, NULL, false, { "=", "token-needed", "certificate-needed" } },
    { "a malformed token", CLIENT_MALFORMED_TOKEN, NULL, NULL, false, { "bad-token", "bad-token", "bad-token" } },
    { "a bad field", CLIENT_BAD_FIELD, NULL, NULL, false, { "bad-authorization", "bad-authorization", "bad-authorization" } },
    { "Basic", CLIENT_OTHER_SCHEME, NULL, NULL, false, { "bad-scheme", "bad-scheme", "bad-scheme" } },
    { "nobody's token", CLIENT_TOKEN, "nobody", NULL, false, { "bad-token", "bad-token", "bad-token" } },
    { "a late token", CLIENT_TOKEN, "late", NULL, false, { "token-expired", "token-expired", "token-expired" } },
    { "an old token", CLIENT_TOKEN, "ci-before", NULL, false, { "token-expired", "token-expired", "token-expired" } },
    { "a disabled token", CLIENT_TOKEN, "off", NULL, false, { "token-disabled", "token-disabled", "token-disabled" } },
    { "a token", CLIENT_TOKEN, "ci", NULL, false, { "=ci", "=ci", "certificate-needed" } },

    { "a bad certificate", CLIENT_NO_TOKEN, NULL, NULL, true, { "bad-certificate", "bad-certificate", "bad-certificate" } },
    { "a stranger's", CLIENT_NO_TOKEN, NULL, &stranger, false, { "=", "token-needed", "unknown-certificate" } },
    { "one that is over", CLIENT_NO_TOKEN, NULL, &over, false,
      { "certificate-expired", "certificate-expired", "certificate-expired" } },
    { "one too early", CLIENT_NO_TOKEN, NULL, &not_yet, false,
      { "certificate-expired", "certificate-expired", "certificate-expired" } },
    { "a late client's", CLIENT_NO_TOKEN, NULL, &robot_late, false,
      { "certificate-expired", "certificate-expired", "certificate-expired" } },
    { "a disabled client's", CLIENT_NO_TOKEN, NULL, &robot_off, false,
      { "certificate-disabled", "certificate-disabled", "certificate-disabled" } },
    { "a known key", CLIENT_NO_TOKEN, NULL, &robot, false, { "=robot", "token-needed", "=robot" } },
    { "a known name", CLIENT_NO_TOKEN, NULL, &web, false, { "=web", "token-needed", "=web" } },

    { "both", CLIENT_TOKEN, "ci", &robot, false, { "=ci", "=ci", "=robot" } },
    { "a token, a stranger's", CLIENT_TOKEN, "ci", &stranger, false, { "=ci", "=ci", "unknown-certificate" } },
    { "a token, a bad one", CLIENT_TOKEN, "ci", NULL, true, { "bad-certificate", "bad-certificate", "bad-certificate" } },
    { "a token, one over", CLIENT_TOKEN, "ci", &over, false,
      { "certificate-expired", "certificate-expired", "certificate-expired" } },
    { "a token, a disabled client's", CLIENT_TOKEN, "ci", &robot_off, false,
      { "certificate-disabled", "certificate-disabled", "certificate-disabled" } },
    { "nobody's token, a known key", CLIENT_TOKEN, "nobody", &robot, false, { "bad-token", "bad-token", "bad-token" } },
    { "a late token, a known key", CLIENT_TOKEN, "late", &robot, false, { "token-expired", "token-expired", "token-expired" } },
    { "a bad field, a known key", CLIENT_BAD_FIELD, NULL, &robot, false,
      { "bad-authorization", "bad-authorization", "bad-authorization" } },
};

/* What the types mean outside. */
#define BEARER        "Bearer realm=\"countersign\""
#define INVALID       BEARER ", error=\"invalid_token\""
#define BY_CERTIFICATE "ClientCertificate realm=\"countersign\""
static const struct {
    const char *type;
    int status;
    const char *challenge;
} meanings[] = {
    { "unknown-subject", 400, NULL },
    { "wrong-subject", 403, NULL },
    { "token-needed", 401, BEARER },
    { "bad-scheme", 401, BEARER },
    { "bad-authorization", 401, BEARER ", error=\"invalid_request\"" },
    { "bad-token", 401, INVALID },
    { "token-expired", 401, INVALID },
    { "token-disabled", 401, INVALID },
    { "certificate-needed", 401, BY_CERTIFICATE },
    { "bad-certificate", 401, BY_CERTIFICATE },
    { "unknown-certificate", 401, BY_CERTIFICATE },
    { "certificate-expired", 401, BY_CERTIFICATE },
    { "certificate-disabled", 401, BY_CERTIFICATE },
};

static const char *expected_of(const struct row *row, int access, int subject_kind)
{
    if (subject_kind == DISABLED || subject_kind == UNKNOWN)
        return "unknown-subject";
    if (subject_kind == OTHER && access != OPEN && row->expected[access][0] == '=')
        return "wrong-subject";
    return row->expected[access];
}

static struct credential credential_of(const struct row *row)
{
    struct credential credential = { .token = row->state, .certificate = row->certificate,
                                     .bad_certificate = row->bad_certificate };

    if (row->token)
        memcpy(credential.token_sha256, hash_of(row->token), CLIENT_HASH_SIZE);
    return credential;
}

static void read_client(const char *job, char out[CLIENT_NAME_SIZE])
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;

    snprintf(path, sizeof path, "%s/state.db", rig.folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT client FROM job WHERE id = ?", -1, &s, NULL), SQLITE_OK);
    sqlite3_bind_text(s, 1, job, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    snprintf(out, CLIENT_NAME_SIZE, "%s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void assert_refused(const struct rig_answer *answer, const char *type, const char *cell)
{
    struct cs_error err = { .code = answer->code };
    struct problem problem;
    const char *challenge;
    size_t i = 0;

    if (strcmp(answer->reason, type) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\": %s", cell, answer->reason, type, answer->text);
    memcpy(err.reason, answer->reason, sizeof err.reason);
    while (i < sizeof meanings / sizeof *meanings && strcmp(meanings[i].type, type) != 0)
        i++;
    assert_in_range(i, 0, sizeof meanings / sizeof *meanings - 1);
    problem = problem_of_error(&err, "", NULL, false);
    challenge = authorization_challenge(&err);
    assert_int_equal(problem.status, meanings[i].status);
    assert_string_equal(challenge ? challenge : "", meanings[i].challenge ? meanings[i].challenge : "");
    assert_int_equal(problem_retry_after_s(&err, false), 0);
}

static void assert_cell(const struct row *row, int access, int subject_kind)
{
    const char *expected = expected_of(row, access, subject_kind);
    struct rig_answer answer;
    char cell[128], client[CLIENT_NAME_SIZE];

    snprintf(cell, sizeof cell, "%s for %s-%s", row->what, access_words[access], subject_words[subject_kind]);
    rig.credential = credential_of(row);
    rig_submit(&rig, csrs[access][subject_kind], 60000, true, true, &answer); /* the job's place is enough */
    rig_until(&rig, &answer.came);
    if (expected[0] != '=') {
        assert_refused(&answer, expected, cell);
    } else {
        if (answer.code != CS_OK)
            fail_msg("%s: %s: %s", cell, answer.reason, answer.text);
        read_client(answer.job, client);
        if (strcmp(client, expected + 1) != 0)
            fail_msg("%s: of \"%s\" instead of \"%s\"", cell, client, expected + 1);
        rig_rest(&rig);
    }
    rig_answer_free(&answer);
}

static void every_access_with_every_credential_for_every_subject(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int access = 0; access < ACCESSES; access++)
            for (int kind = 0; kind < SUBJECTS; kind++)
                assert_cell(&rows[i], access, kind);
}

/* ---- While the server runs ------------------------------------------------------------------------------------------- */

static const char *post(const char *token, int access)
{
    static struct rig_answer answer;
    const struct row row = { .state = CLIENT_TOKEN, .token = token };

    rig_answer_free(&answer);
    rig.credential = credential_of(&row);
    rig_submit(&rig, csrs[access][OWN], 60000, true, false, &answer);
    rig_until(&rig, &answer.came);
    rig_rest(&rig);
    return answer.code == CS_OK ? "good" : answer.reason;
}

static void what_is_changed_counts_with_the_next_request(void **state)
{
    (void)state;
    assert_string_equal(post("ci", TOKEN), "good");
    run("UPDATE client SET enabled = 0 WHERE client = 'ci'");
    assert_string_equal(post("ci", TOKEN), "token-disabled");
    run("UPDATE client SET enabled = 1, token_sha256 = '%s' WHERE client = 'ci'", hash_of("ci-next"));
    assert_string_equal(post("ci", TOKEN), "bad-token");
    assert_string_equal(post("ci-next", TOKEN), "good");
    run("DELETE FROM client_subject WHERE client = 'ci'");
    assert_string_equal(post("ci-next", TOKEN), "wrong-subject");
    run("UPDATE subject SET access = 'open'");
    assert_string_equal(post("ci-next", TOKEN), "good");
    run("DELETE FROM client WHERE client = 'ci'");
    assert_string_equal(post("ci-next", TOKEN), "bad-token");
}

/* Nobody writes to the store meanwhile, so that what is remembered stands. */
static void time_is_judged_with_each_request(void **state)
{
    const int64_t hour_s = 3600;

    (void)state;
    run("UPDATE client SET expires = strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', %lld, 'unixepoch'), old_token_until = "
        "strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', %lld, 'unixepoch') WHERE client = 'ci'",
        (long long)(cs_wall_ms() / 1000 + 2 * hour_s), (long long)(cs_wall_ms() / 1000 + hour_s));
    assert_string_equal(post("ci", TOKEN), "good");
    assert_string_equal(post("ci-before", TOKEN), "good");
    clock_move(rig.loop, hour_s * 1000 + 1000);
    assert_string_equal(post("ci-before", TOKEN), "token-expired");
    assert_string_equal(post("ci", TOKEN), "good");
    clock_move(rig.loop, hour_s * 1000);
    assert_string_equal(post("ci", TOKEN), "token-expired");
}

/* Whoever joins an order, or gets its chain, may ask for it himself. */
static void an_order_is_joined_by_its_own_clients_only(void **state)
{
    struct rig_answer first, second;
    const struct row good = { .state = CLIENT_TOKEN, .token = "ci" }, bad = { .state = CLIENT_TOKEN, .token = "nobody" };
    char *gated = rig_csr_for("token-own.x.example", "token-own.x.example");
    char client[CLIENT_NAME_SIZE];

    (void)state;
    rig.credential = credential_of(&good);
    rig_post(&rig, gated, &first);
    rig_until(&rig, &first.came);
    assert_int_equal(first.code, CS_OK);
    rig.credential = credential_of(&bad);
    rig_post(&rig, gated, &second); /* the chain is stored */
    rig_until(&rig, &second.came);
    assert_string_equal(second.reason, "bad-token");
    assert_null(second.chain);
    rig_answer_free(&second);
    run("INSERT INTO client (client, kind, token_sha256) VALUES ('other', 'token', '%s')", hash_of("other"));
    run("INSERT INTO client_subject VALUES ('other', 'CN=token-own.x.example')");
    memcpy(rig.credential.token_sha256, hash_of("other"), CLIENT_HASH_SIZE);
    rig_post(&rig, gated, &second);
    rig_until(&rig, &second.came);
    assert_int_equal(second.code, CS_OK);
    assert_string_equal(second.chain, first.chain);
    read_client(first.job, client);
    assert_string_equal(client, "ci");
    rig_answer_free(&first);
    rig_answer_free(&second);
    free(gated);
}

/* The hash of a token that is empty, or cut in the row, is nobody's. */
static void rows_past_the_rules_let_nobody_in(void **state)
{
    (void)state;
    run("DROP TRIGGER client_update; UPDATE client SET token_sha256 = '', old_token_sha256 = '' WHERE client = 'ci'");
    assert_string_equal(post("ci", TOKEN), "bad-token");
    assert_string_equal(post("", TOKEN), "bad-token");
    run("UPDATE client SET kind = 'certificate', token_sha256 = '%s' WHERE client = 'ci'", hash_of("ci"));
    assert_string_equal(post("ci", TOKEN), "bad-token");
    assert_string_equal(post("ci", OPEN), "bad-token");
}

static int (*real_find)(void *conn, const char *sha256, cs_client_fn *fn, void *arg, struct cs_error *err);

static int find_another(void *conn, const char *sha256, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    (void)sha256;
    return real_find(conn, hash_of("ci"), fn, arg, err);
}

/* Whatever the search comes up with, the hash itself decides. */
static void a_store_that_finds_another_row_lets_nobody_in(void **state)
{
    struct cs_store_ops *ops = &instances_at(rig.instances, ROLE_STORE, 0)->plugin.store;

    (void)state;
    real_find = ops->client_find_token;
    ops->client_find_token = find_another;
    assert_string_equal(post("nobody", TOKEN), "bad-token");
    assert_string_equal(post("nobody", OPEN), "bad-token");
    assert_string_equal(post("ci", TOKEN), "good");
    ops->client_find_token = NULL; /* a store without clients: who shows a token is refused, not believed */
    assert_string_equal(post("late", TOKEN), "bad-token");
    ops->client_find_token = real_find;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_access_with_every_credential_for_every_subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_changed_counts_with_the_next_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_is_judged_with_each_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_is_joined_by_its_own_clients_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_past_the_rules_let_nobody_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_that_finds_another_row_lets_nobody_in, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
