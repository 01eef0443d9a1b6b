/*
 * The dry run of the role `ca`: an order in a whole server without HTTP, around store-sqlite: posted, checked, signed, and its
 * chain checked again. Then with a service that never answers: the end of an order at its deadline, and at a stop.
 */
#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "command/dryrun.h"
#include "engine/log.h"
#include "engine/wait.h"
#include "records/keep.h"
#include "request/heart.h"
#include "request/request.h"

enum { START_MS = 20000, SHORT_MS = 2000, TRANSFERS = 32 };

struct server {
    struct dryrun *run;
    struct setup setup;
    struct http_client *client;
    struct store *store;
    struct keep *keep;
    struct outbox *outbox;
    struct metrics *metrics;
    struct heart *heart;
    struct instance *ca;
    bool resumed;
};

/* An order, and what came of it. */
struct posted {
    bool came;
    struct cs_error err; /* code CS_OK: a chain came */
    size_t chain_len;
};

/* ---- The server ---- */

static int put_rows(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const char *zone = arg;
    struct text subject = TEXT_MAX(300), names = TEXT_MAX(300);
    struct cs_zone z = { .size = sizeof z,
                         .zone = zone,
                         .dns = "builtin",
                         .parallel = 4,
                         .challenge_zone = "",
                         .servers = "",
                         .visible = CS_VISIBLE_OFF,
                         .enabled = true };
    struct cs_subject s = { .size = sizeof s, .zone = zone, .profile = "", .cas = "", .enabled = true };
    int rc;

    text_addf(&subject, "CN=check.%s", zone);
    text_addf(&names, ".%s", zone);
    s.subject = text_of(&subject);
    s.names = text_of(&names);
    rc = c->ops->zone_put(c->conn, &z, err) < 0 || c->ops->subject_put(c->conn, &s, err) < 0 ? -1 : 0;
    text_free(&subject);
    text_free(&names);
    return rc;
}

static int make_parts(struct server *s, struct cs_error *err)
{
    struct setup *setup = &s->setup;
    char *path = NULL;
    int rc;

    if (dryrun_conf_write(s->run, true, &path, err) < 0)
        return -1;
    rc = setup_read(setup, path);
    free(path);
    if (rc < 0 || setup_make_folder(setup, setup->settings.state, err) < 0)
        return rc < 0 ? cs_fail(err, CS_ECONFIG, "the settings are refused; --log shows why") : -1;
    setup->settings.job_deadline_ms = s->run->mute ? SHORT_MS : s->run->plan->wait_ms;
    setup->loop = loop_new(err);
    if (!setup->loop)
        return -1;
    s->client = http_client_new(setup->loop, "countersign/" CS_VERSION, TRANSFERS, err);
    s->metrics = metrics_new();
    setup->instances =
        s->client && s->metrics ? instances_new(setup->loop, s->client, &setup->settings, setup->config, err) : NULL;
    if (!setup->instances || instances_bind(setup->instances, err) < 0)
        return -1;
    return instances_load(setup->instances, s->run->plan->user, s->run->plan->starter, err);
}

static int open_store(struct server *s, struct cs_error *err)
{
    struct instances *instances = s->setup.instances;
    struct instance *store = instances_at(instances, ROLE_STORE, 0);

    if (instances_open(instances, ROLE_STORE, err) < 0 || store_migrate(store, true, err) < 0 ||
        store_with(store, CS_STATE_WRITER, put_rows, (void *)(uintptr_t)s->run->plan->zone, err) < 0)
        return -1;
    s->store = store_open(s->setup.loop, store, CS_STATE_WRITER, CS_STATE_READER, 1, err);
    s->keep = s->store ? keep_new(s->store) : NULL;
    s->ca = instances_at(instances, ROLE_CA, 0);
    store->in.keep = s->ca->in.keep = s->keep;
    s->outbox = s->keep ? outbox_open(s->setup.loop, s->store, instances, 1000, err) : NULL;
    return s->outbox ? 0 : -1;
}

static void on_resumed(void *arg, const struct cs_error *err)
{
    (void)err;
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(const bool *)arg;
}

static int open_heart(struct server *s, struct cs_error *err)
{
    const struct heart with = { .loop = s->setup.loop,
                                .store = s->store,
                                .instances = s->setup.instances,
                                .outbox = s->outbox,
                                .metrics = s->metrics,
                                .settings = &s->setup.settings };

    if (instances_open(s->setup.instances, ROLE_DNS, err) < 0 || instances_open(s->setup.instances, ROLE_CA, err) < 0 ||
        instances_start(s->setup.instances, err) < 0)
        return -1;
    s->heart = heart_new(&with, err);
    if (!s->heart)
        return -1;
    heart_resume(s->heart, on_resumed, &s->resumed);
    return dryrun_wait(s->setup.loop, is_set, &s->resumed, START_MS) ? 0 : -1;
}

/* What it cannot be made with is no fault of the plugin's. */
static int start(struct server *s)
{
    struct cs_error err = { 0 };

    verdict_enter(s->run->verdicts, "sign", START_MS);
    if (make_parts(s, &err) == 0 && open_store(s, &err) == 0 && open_heart(s, &err) == 0)
        return 0;
    if (!s->run->mute)
        verdict_note(s->run->verdicts, "sign", "not tried, as the server that this takes did not start: %s%s", err.text,
                     s->setup.config ? config_complaints(s->setup.config) : "");
    return -1;
}

static bool is_at_rest(void *arg)
{
    const struct server *s = arg;

    return heart_busy(s->heart) == 0 && instances_calls(s->setup.instances) == 0;
}

static bool stop(struct server *s)
{
    heart_stop(s->heart);
    instances_stop(s->setup.instances);
    return dryrun_wait(s->setup.loop, is_at_rest, s, s->run->plan->wait_ms + (s->run->plugin.ca.blocking ? SHORT_MS : 0));
}

static void take_apart(struct server *s)
{
    verdict_enter(s->run->verdicts, "close", START_MS);
    waits_end(s->setup.loop);
    outbox_close(s->outbox);
    store_close(s->store);
    loop_run_once(s->setup.loop, 0);
    http_client_free(s->client);
    instances_free(s->setup.instances);
    s->setup.instances = NULL;
    heart_free(s->heart);
    keep_free(s->keep);
    metrics_free(s->metrics);
    setup_free(&s->setup);
}

/* ---- An order ---- */

static int add_name(X509_REQ *req, const char *name)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    int ok = extensions && names && general && text && ASN1_STRING_set(text, name, -1) == 1;

    if (ok) {
        GENERAL_NAME_set0_value(general, GEN_DNS, text);
        ok = sk_GENERAL_NAME_push(names, general) > 0 && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0) == 1 &&
             X509_REQ_add_extensions(req, extensions) == 1;
    }
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok ? 0 : -1;
}

/* PEM in a memory BIO; NULL: OpenSSL failed. */
static BIO *make_csr(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *req = X509_REQ_new();
    BIO *out = BIO_new(BIO_s_mem());

    if (!key || !req || !out ||
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) != 1 ||
        add_name(req, name) < 0 || X509_REQ_set_pubkey(req, key) != 1 || X509_REQ_sign(req, key, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509_REQ(out, req) != 1) {
        BIO_free(out);
        out = NULL;
    }
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    return out;
}

static void on_answer(void *arg, const struct answer *answer)
{
    struct posted *posted = arg;

    posted->came = true;
    posted->chain_len = answer->chain_len;
    if (answer->err)
        posted->err = *answer->err;
}

static void post(struct server *s, struct posted *posted, int64_t wait_ms)
{
    struct submission submission = {
        .front = "check", .content_type = "", .deadline_ms = cs_now_ms() + wait_ms
    };
    struct text name = TEXT_MAX(300);
    char *at = NULL;
    BIO *csr;

    text_addf(&name, "check.%s", s->run->plan->zone);
    csr = make_csr(text_of(&name));
    if (csr) {
        submission.body_len = (size_t)BIO_get_mem_data(csr, &at);
        submission.body = at;
    }
    if (!csr || !request_submit(s->heart, &submission, on_answer, posted)) {
        posted->came = true;
        cs_fail(&posted->err, CS_EINTERNAL, "no order could be made");
    }
    BIO_free(csr);
    text_free(&name);
}

static bool has_come(void *arg)
{
    return ((const struct posted *)arg)->came;
}

static int answered(struct server *s)
{
    const int64_t wait_ms = s->run->plan->wait_ms, began_ms = cs_now_ms();
    struct posted posted = { 0 };

    verdict_enter(s->run->verdicts, "sign", 4 * wait_ms);
    post(s, &posted, 2 * wait_ms);
    if (!dryrun_wait(s->setup.loop, has_come, &posted, 3 * wait_ms))
        cs_fail(&posted.err, CS_EINTERNAL, "no answer came");
    if (posted.err.code)
        dryrun_judge_error(s->run, "sign", &posted.err);
    else
        verdict_pass(s->run->verdicts, "sign",
                     "a chain of %zu bytes for check.%s in %" PRId64 " ms; key, names, dates and "
                     "signatures are right",
                     posted.chain_len, s->run->plan->zone, cs_now_ms() - began_ms);
    return 0;
}

static bool no_calls(void *arg)
{
    return instances_calls(arg) == 0;
}

static int mute(struct server *s)
{
    struct verdicts *verdicts = s->run->verdicts;
    struct posted first = { 0 }, second = { 0 };
    int64_t began_ms;

    verdict_enter(verdicts, "deadline", SHORT_MS + 3 * s->run->plan->wait_ms);
    post(s, &first, SHORT_MS + s->run->plan->wait_ms);
    dryrun_wait(s->setup.loop, has_come, &first, SHORT_MS + s->run->plan->wait_ms);
    if (!dryrun_wait(s->setup.loop, no_calls, s->setup.instances, s->run->plan->wait_ms)) {
        verdict_fail(verdicts, "deadline",
                     "an order whose CA never answers was not finished %" PRId64 " s after its "
                     "deadline: %s",
                     s->run->plan->wait_ms / 1000,
                     s->run->plugin.ca.blocking ? "wait no longer than cs_op_deadline_ms() says"
                                                : "end it in the function of cs_op_on_cancel()");
        return -1;
    }
    if (first.err.code)
        verdict_pass(verdicts, "deadline", "an order whose CA never answers ended at its deadline: %s", first.err.text);
    else
        verdict_pass(verdicts, "deadline", "an order was done before its deadline");
    verdict_enter(verdicts, "stop", SHORT_MS + 3 * s->run->plan->wait_ms);
    post(s, &second, SHORT_MS + s->run->plan->wait_ms);
    dryrun_wait(s->setup.loop, has_come, &second, 300);
    began_ms = cs_now_ms();
    if (!stop(s)) {
        verdict_fail(verdicts, "stop",
                     "an order was not finished %" PRId64 " s after the server began to stop: end it in the function of "
                     "cs_op_on_cancel()",
                     s->run->plan->wait_ms / 1000);
        return -1;
    }
    verdict_pass(verdicts, "stop", "an order under way was let go %" PRId64 " ms after the stop", cs_now_ms() - began_ms);
    return 0;
}

int dryrun_ca(struct dryrun *run)
{
    struct server s = { .run = run, .setup.state_lock = -1 };

    if (start(&s) < 0)
        return -1;
    if (run->mute)
        return mute(&s) < 0 ? -1 : (take_apart(&s), 0);
    if (answered(&s) < 0)
        return -1;
    verdict_enter(run->verdicts, "stop", SHORT_MS + 3 * run->plan->wait_ms);
    if (!stop(&s)) {
        verdict_fail(run->verdicts, "stop", "an order was not finished %" PRId64 " s after the server began to stop",
                     run->plan->wait_ms / 1000);
        return -1;
    }
    take_apart(&s);
    return 0;
}
