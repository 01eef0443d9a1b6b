/*
 * What a revocation reads and writes; see revocation_parts.h. Everything that is called by the store runs in its threads, and
 * touches of a struct revocation only what stays as it is until the write is done.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/revocation_reason.h"
#include "base/text.h"
#include "engine/step.h"
#include "records/outbox.h"
#include "request/revocation_parts.h"

bool revocation_store_can(const struct store_conn *c)
{
    return c->ops->revocation_put && c->ops->revocation_find && c->ops->revocation_list_open && c->ops->revoked_key_put &&
           c->ops->revoked_key_list && c->ops->certificate_by_serial;
}

/* ---- Copies ------------------------------------------------------------------------------------------------------------- */

void revocation_certificates_free(struct revocation_certificate *list)
{
    while (list) {
        struct revocation_certificate *next = list->next;

        free(list->job);
        free(list->zone);
        free(list->subject);
        free(list->names);
        free(list->ca);
        free(list->serial);
        free(list->pem);
        free(list->der);
        free(list);
        list = next;
    }
}

/* The first block of the chain, without a look at what is in it. */
static uint8_t *leaf_of(const char *pem, size_t len, size_t *der_len)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    char *label = NULL, *header = NULL;
    uint8_t *der = NULL, *copy = NULL;
    long n = 0;

    if (bio && PEM_read_bio(bio, &label, &header, &der, &n) == 1 && n > 0)
        copy = malloc((size_t)n);
    if (copy)
        memcpy(copy, der, (size_t)n);
    *der_len = copy ? (size_t)n : 0;
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    return copy;
}

static struct revocation_certificate *copy_certificate(const struct cs_certificate *row)
{
    struct revocation_certificate *copy = calloc(1, sizeof *copy);

    if (!copy)
        return NULL;
    copy->job = text_copy(row->job);
    copy->zone = text_copy(row->zone);
    copy->subject = text_copy(row->subject);
    copy->names = text_copy(row->names);
    copy->ca = text_copy(row->ca);
    copy->serial = text_copy(row->serial);
    copy->pem = text_copy_n(row->pem, row->pem_len);
    copy->der = leaf_of(row->pem, row->pem_len, &copy->der_len);
    copy->not_after_ms = row->not_after_ms;
    memcpy(copy->spki_sha256, row->spki_sha256, sizeof copy->spki_sha256);
    if (copy->job && copy->zone && copy->subject && copy->names && copy->ca && copy->serial && copy->pem && copy->der)
        return copy;
    revocation_certificates_free(copy);
    return NULL;
}

static int keep_revocation(void *arg, const struct cs_revocation *row)
{
    struct revocation_certificate *certificate = arg;

    certificate->state = row->state;
    certificate->reason = (int)row->reason;
    certificate->asked_ms = row->asked_ms;
    certificate->ended_ms = row->ended_ms;
    certificate->by_operator = strcmp(row->asker, "operator") == 0;
    return 1;
}

/* ---- A certificate by its number ---------------------------------------------------------------------------------------- */

static bool is_wanted(const struct revocation_search *search, const struct revocation_certificate *certificate)
{
    uint8_t hash[32];

    if (search->ca[0] && strcmp(search->ca, certificate->ca) != 0)
        return false;
    return !search->sha256 || (EVP_Digest(certificate->der, certificate->der_len, hash, NULL, EVP_sha256(), NULL) == 1 &&
                               memcmp(hash, search->sha256, sizeof hash) == 0);
}

static int take_certificate(void *arg, const struct cs_certificate *row)
{
    struct revocation_search *search = arg;
    struct revocation_certificate *copy = copy_certificate(row);

    search->no_memory |= !copy;
    if (!copy)
        return 1;
    if (is_wanted(search, copy)) {
        copy->next = search->found;
        search->found = copy;
    } else {
        revocation_certificates_free(copy);
    }
    return 0;
}

int revocation_find_certificates(const struct store_conn *c, struct revocation_search *search, struct cs_error *err)
{
    if (!revocation_store_can(c))
        return cs_fail(err, CS_ECONFIG, "the store's plugin keeps no revocations: nothing can be revoked with it");
    if (c->ops->certificate_by_serial(c->conn, search->serial, take_certificate, search, err) < 0)
        return -1;
    if (search->no_memory)
        return cs_fail(err, CS_EBUSY, "no memory for a certificate; try again in a moment");
    for (struct revocation_certificate *at = search->found; at; at = at->next)
        if (c->ops->revocation_find(c->conn, at->job, keep_revocation, at, err) < 0)
            return -1;
    return 0;
}

/* ---- After a start ------------------------------------------------------------------------------------------------------ */

struct open_list {
    struct revocation_certificate *first; /* job, reason, asker and time only, at first */
    bool no_memory;
};

static int take_open(void *arg, const struct cs_revocation *row)
{
    struct open_list *list = arg;
    struct revocation_certificate *one = calloc(1, sizeof *one);

    if (one)
        one->job = text_copy(row->job);
    if (!one || !one->job) {
        list->no_memory = true;
        free(one);
        return 1;
    }
    keep_revocation(one, row);
    one->next = list->first;
    list->first = one;
    return 0;
}

struct only {
    struct revocation_certificate *certificate; /* NULL: none, or no memory */
    bool is_there;
};

static int take_only(void *arg, const struct cs_certificate *row)
{
    *(struct only *)arg = (struct only){ copy_certificate(row), true };
    return 1;
}

/* A revocation without its certificate was edited by hand: there is nothing to ask the CA for. */
static int add_whole(const struct store_conn *c, const struct revocation_certificate *from,
                     struct revocation_certificate **open, struct cs_error *err)
{
    struct only only = { 0 };
    struct revocation_certificate *whole;

    if (c->ops->certificate_find(c->conn, from->job, take_only, &only, err) < 0)
        return -1;
    whole = only.certificate;
    if (!whole)
        return only.is_there ? cs_fail(err, CS_EBUSY, "no memory for the open revocations") : 0;
    whole->state = from->state;
    whole->reason = from->reason;
    whole->asked_ms = from->asked_ms;
    whole->by_operator = from->by_operator;
    whole->next = *open;
    *open = whole;
    return 0;
}

int revocation_read_open(const struct store_conn *c, struct revocation_certificate **open, struct cs_error *err)
{
    struct open_list list = { 0 };
    int rc = c->ops->revocation_list_open(c->conn, take_open, &list, err);

    if (rc == 0 && list.no_memory)
        rc = cs_fail(err, CS_EBUSY, "no memory for the open revocations");
    for (const struct revocation_certificate *at = list.first; at && rc == 0; at = at->next)
        rc = add_whole(c, at, open, err);
    revocation_certificates_free(list.first);
    return rc;
}

/* ---- Intent and end ----------------------------------------------------------------------------------------------------- */

static struct cs_revocation row_of(const struct revocation *r, enum cs_revocation_state state)
{
    const struct revocation_certificate *certificate = r->certificate;

    return (struct cs_revocation){
        .size = sizeof(struct cs_revocation),
        .job = certificate->job,
        .reason = certificate->reason,
        .asker = certificate->by_operator ? "operator" : "key-holder",
        .state = state,
        .asked_ms = certificate->asked_ms,
        .ended_ms = certificate->ended_ms,
        .problem = r->stored_problem ? r->stored_problem : "",
    };
}

/* Whoever looked the certificate up a moment ago may have been overtaken. */
int revocation_write_intent(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct revocation *r = arg;
    struct revocation_certificate before = { 0 };
    const struct cs_revocation row = row_of(r, CS_REVOCATION_OPEN);

    if (c->ops->revocation_find(c->conn, row.job, keep_revocation, &before, err) < 0)
        return -1;
    r->done_before = before.state == CS_REVOCATION_DONE;
    if (r->done_before) {
        r->certificate->reason = before.reason;
        r->certificate->ended_ms = before.ended_ms;
        return 0;
    }
    if (c->ops->revocation_put(c->conn, &row, err) < 0 ||
        c->ops->revoked_key_put(c->conn, r->certificate->spki_sha256, err) < 0)
        return -1;
    step_written(STEP_SAVED_REVOCATION, row.job);
    return 0;
}

int revocation_write_end(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct revocation *r = arg;
    const struct cs_revocation row = row_of(r, r->failed ? CS_REVOCATION_FAILED : CS_REVOCATION_DONE);

    if (c->ops->revocation_put(c->conn, &row, err) < 0 ||
        outbox_add(c, r->failed ? "revocation-failed" : "revoked", r->event, strlen(r->event), err) < 0)
        return -1;
    step_written(STEP_SAVED_REVOKED, row.job);
    return 0;
}

static json_t *words_json(const char *words)
{
    json_t *array = json_array();

    while (*words) {
        size_t n = strcspn(words, " ");

        if (n)
            json_array_append_new(array, json_stringn(words, n));
        words += n + strspn(words + n, " ");
    }
    return array;
}

char *revocation_event(const struct revocation *r)
{
    const struct revocation_certificate *of = r->certificate;
    json_t *event = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "job", of->job, "zone", of->zone, "subject",
                              of->subject, "names", words_json(of->names), "ca", of->ca, "serial", of->serial, "reason",
                              revocation_reason_word(of->reason), "by", of->by_operator ? "operator" : "key-holder");
    char *text;

    if (event && r->failed)
        json_object_set_new(event, "error", json_string(error_reason(&r->why)));
    text = event ? json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(event);
    return text;
}
