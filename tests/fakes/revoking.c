/*
 * Certificates that can be revoked, and those who ask for it; see revoking.h.
 */
#include "revoking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "base/text.h"
#include "request/revoked_keys.h"

#define FIRST_SERIAL 0x100

void revoking_up(struct revoking *r)
{
    *r = (struct revoking){ .wait_ms = REVOKING_WAIT_MS };
    for (size_t i = 0; i < REVOKING_HOLDERS; i++)
        holder_make(&r->holders[i], "p256", (unsigned)(FIRST_SERIAL + i));
    holder_make(&r->stranger, "p256", FIRST_SERIAL);
    rig_up(&r->rig, "");
}

void revoking_down(struct revoking *r)
{
    rig_down(&r->rig);
    rig_remove(&r->rig);
    for (size_t i = 0; i < REVOKING_HOLDERS; i++)
        holder_free(&r->holders[i]);
    holder_free(&r->stranger);
    revoking_answer_free(&r->one);
    revoking_answer_free(&r->two);
}

/* ---- Certificates ---- */

static int put_certificate(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->certificate_put(c->conn, arg, err);
}

static void hash_key(uint8_t out[32], const struct holder *holder)
{
    uint8_t *der = NULL;
    const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(holder->certificate), &der);

    assert_true(len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
}

void revoking_store(struct revoking *r, size_t holder, const char *job, const char *ca, int64_t not_after_ms)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char serial[16], *at;
    struct cs_certificate row = { .size = sizeof row, .job = job, .key = { [31] = (uint8_t)holder }, .zone = "x.example",
                                  .subject = "CN=a.x.example", .names = "a.x.example b.x.example", .ca = ca, .profile = "",
                                  .serial = serial, .not_after_ms = not_after_ms, .url = "" };
    struct cs_error err;

    assert_int_equal(PEM_write_bio_X509(pem, r->holders[holder].certificate), 1);
    row.pem_len = (size_t)BIO_get_mem_data(pem, &at);
    row.pem = at;
    snprintf(serial, sizeof serial, "%04x", (unsigned)(FIRST_SERIAL + holder));
    hash_key(row.spki_sha256, &r->holders[holder]);
    if (store_with(instances_at(r->rig.instances, ROLE_STORE, 0), CS_STATE_WRITER, put_certificate, &row, &err) < 0)
        fail_msg("%s", err.text);
    BIO_free(pem);
}

void revoking_store_usual(struct revoking *r, size_t holder)
{
    char job[32];

    snprintf(job, sizeof job, "job-%zu", holder);
    revoking_store(r, holder, job, "fake", cs_wall_ms() + DAY_MS);
}

/* ---- Who asks ---- */

static void note_error(struct revoking_answer *to, const struct cs_error *err)
{
    to->came = true;
    to->code = err->code;
    to->retry_after_ms = err->retry_after_ms;
    snprintf(to->reason, sizeof to->reason, "%s", err->reason);
    snprintf(to->text, sizeof to->text, "%s", err->text);
}

static void on_answer(void *arg, const struct revocation_answer *from)
{
    struct revoking_answer *to = arg;

    assert_false(to->came);
    to->came = true;
    if (from->err)
        note_error(to, from->err);
    to->problem = from->problem ? text_copy(from->problem) : NULL;
    for (const struct revocation_certificate *at = from->certificates; at; at = at->next)
        to->n_certificates++;
    snprintf(to->serial, sizeof to->serial, "%s", from->serial ? from->serial : "");
    to->why = from->reason;
    to->revoked_ms = from->revoked_ms;
    to->again = from->again;
}

struct revocation_ask *revoking_post(struct revoking *r, size_t holder, const struct holder *signer, const char *reason,
                                     struct revoking_answer *answer)
{
    char text[400], moment[DAY_MOMENT];
    struct revocation_ask *ask;
    struct cs_error err = { 0 };
    uint8_t *message;
    size_t len;

    revoking_answer_free(answer);
    day_moment(moment, cs_wall_ms());
    holder_text(text, &r->holders[holder], reason, moment);
    message = holder_sign(signer ? signer : &r->holders[holder], &(struct statement_wish){ .text = text }, &len);
    ask = revocation_by_holder(r->rig.heart, message, len, cs_now_ms() + r->wait_ms, on_answer, answer, &err);
    free(message);
    if (!ask)
        note_error(answer, &err);
    return ask;
}

struct revocation_ask *revoking_operate(struct revoking *r, const char *serial, const char *ca, bool dry_run,
                                        struct revoking_answer *answer)
{
    const struct revocation_wish wish = { .serial = serial, .ca = ca, .reason = 4, .dry_run = dry_run };
    struct revocation_ask *ask;
    struct cs_error err = { 0 };

    revoking_answer_free(answer);
    ask = revocation_by_operator(r->rig.heart, &wish, cs_now_ms() + r->wait_ms, on_answer, answer, &err);
    if (!ask)
        note_error(answer, &err);
    return ask;
}

void revoking_ask(struct revoking *r, size_t holder, struct revoking_answer *answer)
{
    revoking_post(r, holder, NULL, "keyCompromise", answer);
    rig_until(&r->rig, &answer->came);
}

void revoking_answer_free(struct revoking_answer *answer)
{
    free(answer->problem);
    *answer = (struct revoking_answer){ 0 };
}

/* ---- The CA, and what is known ---- */

void revoking_ca(struct revoking *r, const char *words)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/calls.revoke", r->rig.folder);
    if (!words) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(words, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

size_t revoking_calls(struct revoking *r)
{
    char *calls = rig_calls(&r->rig);
    size_t n = 0;

    for (const char *at = calls; (at = strstr(at, "revoke ")); at++)
        n++;
    free(calls);
    return n;
}

size_t revoking_in_phase(struct revoking *r, enum revocation_phase phase)
{
    size_t n = 0;

    for (const struct revocation *at = r->rig.heart->revocations->first; at; at = at->next)
        n += at->phase == phase;
    return n;
}

size_t revoking_rows(struct revoking *r, const char *state)
{
    char where[64];

    snprintf(where, sizeof where, "revocation WHERE state = '%s'", state);
    return rig_count(&r->rig, where);
}

size_t revoking_keys(struct revoking *r)
{
    return revoked_keys_count(r->rig.heart->revoked_keys);
}
