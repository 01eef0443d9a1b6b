/*
 * A whole server without HTTP, for tests; see rig.h. What it waits for, and sees, is in rig_wait.c. The folders of the built
 * plugins come from the environment (BUILD_ROOT).
 */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/clock.h"
#include "engine/http_client.h"
#include "engine/log.h"
#include "records/keep.h"

static const char *build_root(void)
{
    const char *root = getenv("BUILD_ROOT");

    assert_non_null(root);
    return root;
}

static void write_config(const struct rig *rig, const char *path, const char *dns_words)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f, "state = \"%s/state\"; runtime = \"%s/run\"; log_level = \"error\"; resolvers = ( \"%s\" );\n",
            rig->folder, rig->folder, rig->resolver ? rig->resolver : "127.0.0.1:1");
    fprintf(f, "ca = { fake = { plugin = \"%s/tests/fakes/%s.so\"; log = \"%s/calls\"; max_parallel = 1; }; };\n", build_root(),
            rig->ca ? rig->ca : "fake-ca", rig->folder);
    fprintf(f, "dns = { fake = { plugin = \"%s/tests/fakes/fake-dns.so\"; folder = \"%s/dns\"; %s };\n", build_root(),
            rig->folder, dns_words);
    fprintf(f, "other = { plugin = \"%s/tests/fakes/fake-dns.so\"; folder = \"%s/other\"; }; %s };\n", build_root(),
            rig->folder, rig->ca ? "both = \"ca.fake\";" : "");
    fprintf(f, "store = { main = { plugin = \"%s/plugins/store-sqlite/store-sqlite.so\"; file = \"%s/state.db\"; "
            "visits = \"%s/visits.db\"; busy_timeout = \"50ms\"; }; };\n", build_root(), rig->folder, rig->folder);
    assert_int_equal(fclose(f), 0);
}

static void make_folders(struct rig *rig)
{
    static const char *const names[] = { "state", "run", "dns", "other" };
    char path[128];

    if (!rig->folder[0]) {
        snprintf(rig->folder, sizeof rig->folder, "/tmp/countersign-rig.XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", rig->folder, names[i]);
        mkdir(path, 0700);
    }
}

static void must(int rc, const struct cs_error *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

static void on_resumed(void *arg, const struct cs_error *err)
{
    struct rig *rig = arg;

    assert_null(err);
    rig->resumed = true;
}

static void give_keep(struct rig *rig)
{
    struct instance *instance;

    for (enum role role = ROLE_CA; role <= ROLE_AUDIT; role++)
        for (size_t i = 0; (instance = instances_at(rig->instances, role, i)); i++)
            instance->in.keep = rig->keep;
}

static void begin(struct rig *rig, const char *dns_words)
{
    char path[128];
    struct cs_error err = { 0 };
    struct heart with = { 0 };

    make_folders(rig);
    snprintf(path, sizeof path, "%s/countersign.conf", rig->folder);
    write_config(rig, path, dns_words);
    log_setup(CS_LOG_ERROR);
    rig->setup = (struct setup){ .state_lock = -1 };
    assert_int_equal(setup_read(&rig->setup, path), 0);
    rig->loop = loop_new(&err);
    rig->client = http_client_new(rig->loop, "test", 8, &err);
    rig->metrics = metrics_new();
    rig->instances = instances_new(rig->loop, rig->client, &rig->setup.settings, rig->setup.config, &err);
    assert_non_null(rig->instances);
    must(instances_load(rig->instances, geteuid(), geteuid(), &err), &err);
    must(instances_open(rig->instances, ROLE_STORE, &err), &err);
    must(store_migrate(instances_at(rig->instances, ROLE_STORE, 0), true, &err), &err);
    rig->store = store_open(rig->loop, instances_at(rig->instances, ROLE_STORE, 0), CS_STATE_WRITER, CS_STATE_READER, 2, &err);
    assert_non_null(rig->store);
    rig->keep = keep_new(rig->store);
    give_keep(rig);
    rig->outbox = outbox_open(rig->loop, rig->store, rig->instances, 1000, &err);
    must(instances_open(rig->instances, ROLE_DNS, &err), &err);
    must(instances_open(rig->instances, ROLE_CA, &err), &err);
    must(instances_start(rig->instances, &err), &err);
    with.loop = rig->loop;
    with.store = rig->store;
    with.instances = rig->instances;
    with.outbox = rig->outbox;
    with.metrics = rig->metrics;
    with.settings = &rig->setup.settings;
    with.breakers = true;
    rig->heart = heart_new(&with, &err);
    assert_non_null(rig->heart);
    rig->resumed = false;
    heart_resume(rig->heart, on_resumed, rig);
}

void rig_up(struct rig *rig, const char *dns_words)
{
    begin(rig, dns_words);
    rig_until(rig, &rig->resumed);
}

void rig_up_stopped(struct rig *rig)
{
    begin(rig, "");
    heart_stop(rig->heart);
    rig_until(rig, &rig->resumed);
}

void rig_down(struct rig *rig)
{
    heart_stop(rig->heart);
    instances_stop(rig->instances);
    if (rig->lock)
        rig_unlock(rig);
    rig_until_true(rig, heart_busy(rig->heart) == 0 && instances_calls(rig->instances) == 0);
    outbox_close(rig->outbox);
    store_close(rig->store);
    loop_run_once(rig->loop, 0);
    http_client_free(rig->client);
    instances_free(rig->instances);
    heart_free(rig->heart);
    keep_free(rig->keep);
    metrics_free(rig->metrics);
    loop_free(rig->loop);
    setup_free(&rig->setup);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void rig_remove(struct rig *rig)
{
    nftw(rig->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rig->folder[0] = '\0';
}

/* ---- Rows ---- */

static int put_zone(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->zone_put(c->conn, arg, err);
}

static int put_subject(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->subject_put(c->conn, arg, err);
}

static void write_row(struct rig *rig, store_fn *fn, void *row)
{
    struct instance *store = instances_at(rig->instances, ROLE_STORE, 0);
    const int64_t end_ms = rig_real_ms() + RIG_PATIENCE_MS;
    struct cs_error err = { 0 };
    int rc;

    do
        rc = store_with(store, CS_STATE_WRITER, fn, row, &err);
    while (rc < 0 && err.code == CS_EBUSY && rig_real_ms() < end_ms);
    must(rc, &err);
}

void rig_zone(struct rig *rig, const char *zone, int64_t parallel)
{
    struct cs_zone row = { .size = sizeof row,
                           .zone = zone,
                           .dns = "fake",
                           .parallel = parallel,
                           .challenge_zone = "",
                           .servers = "",
                           .visible = CS_VISIBLE_OFF,
                           .enabled = true };

    write_row(rig, put_zone, &row);
}

void rig_zone_as(struct rig *rig, const char *zone, const char *dns, enum cs_visible visible, const char *servers)
{
    struct cs_zone row = { .size = sizeof row,
                           .zone = zone,
                           .dns = dns,
                           .parallel = 1,
                           .challenge_zone = "",
                           .servers = servers,
                           .visible = visible,
                           .enabled = true };

    write_row(rig, put_zone, &row);
}

static sqlite3 *open_state(const struct rig *rig)
{
    char path[128];
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/state.db", rig->folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, RIG_PATIENCE_MS);
    return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

void rig_sql(struct rig *rig, const char *sql)
{
    sqlite3 *db = open_state(rig);

    run_sql(db, sql);
    sqlite3_close(db);
}

size_t rig_count(struct rig *rig, const char *table)
{
    sqlite3 *db = open_state(rig);
    sqlite3_stmt *statement = NULL;
    char sql[600];
    size_t n;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    n = (size_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return n;
}

void rig_lock(struct rig *rig)
{
    assert_null(rig->lock);
    rig->lock = open_state(rig);
    run_sql(rig->lock, "BEGIN IMMEDIATE");
}

void rig_unlock(struct rig *rig)
{
    run_sql(rig->lock, "ROLLBACK");
    sqlite3_close(rig->lock);
    rig->lock = NULL;
}

void rig_subject(struct rig *rig, const char *subject, const char *zone, const char *names, const char *profile)
{
    struct cs_subject row = {
        .size = sizeof row, .subject = subject, .zone = zone, .names = names, .profile = profile, .cas = "", .enabled = true
    };

    write_row(rig, put_subject, &row);
}

/* ---- Requests ---- */

char *rig_csr(const char *name)
{
    return rig_csr_for(name, name);
}

char *rig_csr_for(const char *cn, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *csr = rig_csr_of(key, cn, name);

    EVP_PKEY_free(key);
    return csr;
}

char *rig_csr_of(EVP_PKEY *key, const char *cn, const char *name)
{
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    BIO *out = BIO_new(BIO_s_mem());
    char san[300], *data = NULL, *copy;
    size_t len;

    snprintf(san, sizeof san, "DNS:%s", name);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
    X509_REQ_add_extensions(req, extensions);
    X509_REQ_set_pubkey(req, key);
    assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
    PEM_write_bio_X509_REQ(out, req);
    len = (size_t)BIO_get_mem_data(out, &data);
    copy = calloc(1, len + 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    BIO_free(out);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
    return copy;
}

static void on_answer(void *arg, const struct answer *from)
{
    struct rig_answer *to = arg;

    assert_false(to->came);
    to->came = true;
    if (from->err) {
        to->code = from->err->code;
        memcpy(to->reason, from->err->reason, sizeof to->reason);
        memcpy(to->text, from->err->text, sizeof to->text);
    }
    to->chain = from->chain ? text_copy_n(from->chain, from->chain_len) : NULL;
    to->problem = from->problem ? text_copy(from->problem) : NULL;
    snprintf(to->job, sizeof to->job, "%s", from->job);
    snprintf(to->step, sizeof to->step, "%s", from->step);
    to->running = from->running;
    to->retry_after_ms = from->err ? from->err->retry_after_ms : from->wait_ms;
}

struct request *rig_submit(struct rig *rig, const char *csr, int64_t wait_ms, bool detach, bool fresh,
                           struct rig_answer *answer)
{
    const struct submission submission = {
        .front = "test",
        .body = csr,
        .body_len = strlen(csr),
        .credential = rig->credential,
        .source = rig->source,
        .content_type = "",
        .deadline_ms = cs_now_ms() + wait_ms,
        .detach = detach,
        .respond_async = rig->respond_async,
        .fresh = fresh,
        .visit = rig->visit,
    };

    rig->visit = NULL;
    *answer = (struct rig_answer){ 0 };
    return request_submit(rig->heart, &submission, on_answer, answer);
}

struct request *rig_post(struct rig *rig, const char *csr, struct rig_answer *answer)
{
    return rig_submit(rig, csr, 24 * 3600 * 1000, false, false, answer);
}

struct request *rig_look(struct rig *rig, const char *job, struct rig_answer *answer)
{
    *answer = (struct rig_answer){ 0 };
    return request_look(rig->heart, job, on_answer, answer);
}

void rig_answer_free(struct rig_answer *answer)
{
    free(answer->chain);
    free(answer->problem);
    *answer = (struct rig_answer){ 0 };
}
