/*
 * The single questions beside orders; see errand.h. Each is asked once: whoever wants the answer may ask again.
 */
#include "errand.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/base64url.h"
#include "base/pem.h"
#include "base/text.h"
#include "directory.h"
#include "transport.h"

#define KEY_ID_LONGEST 64
#define SERIAL_LONGEST 64

struct errand {
    struct acme *acme;
    struct cs_op *op;
    struct waiter waiter;
    struct exchange *exchange;
    X509 *certificate; /* NULL: status */
    int reason;
};

static void errand_free(struct errand *errand)
{
    waiter_leave(&errand->waiter);
    transport_cancel(errand->exchange);
    X509_free(errand->certificate);
    free(errand);
}

static void give_up(struct errand *errand, const struct cs_error *err)
{
    cs_op_err(errand->op, err);
    errand_free(errand);
}

static void failed(struct errand *errand, const struct failure *failure)
{
    if (failure->problem)
        cs_op_problem(errand->op, failure->problem, failure->problem_len);
    if (failure->type == ACME_ACCOUNT_DOES_NOT_EXIST)
        account_lost(errand->acme->account, account_url(errand->acme->account));
    give_up(errand, &failure->err);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct cs_error err;

    cs_fail(&err, why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT, "the CA did not answer in time");
    give_up(arg, &err);
}

static X509 *read_certificate(const char *pem, size_t len)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

/* NULL: the op is finished. `pem` NULL: no certificate is needed. */
static struct errand *errand_new(struct acme *acme, const char *pem, size_t len, struct cs_op *op)
{
    struct errand *errand = calloc(1, sizeof *errand);
    struct cs_error err;

    if (!errand) {
        cs_fail(&err, CS_EBUSY, "out of memory");
        cs_op_err(op, &err);
        return NULL;
    }
    *errand = (struct errand){ .acme = acme, .op = op, .certificate = pem ? read_certificate(pem, len) : NULL };
    if (pem && !errand->certificate) {
        cs_fail(&err, CS_EINPUT, "that is not a certificate in PEM");
        give_up(errand, &err);
        return NULL;
    }
    cs_op_on_cancel(op, on_cancel, errand);
    return errand;
}

static void ask(struct errand *errand, const struct exchange_want *want, exchange_fn *fn)
{
    struct cs_error err;

    errand->exchange = transport_ask(errand->acme, want, fn, errand);
    if (errand->exchange)
        return;
    cs_fail(&err, CS_EBUSY, "out of memory");
    give_up(errand, &err);
}

/* ---- revoke ------------------------------------------------------------------------------------------------------ */

static void on_revoked(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct errand *errand = arg;

    (void)reply;
    errand->exchange = NULL;
    if (failure && failure->type != ACME_ALREADY_REVOKED) {
        failed(errand, failure);
        return;
    }
    cs_op_ok(errand->op);
    errand_free(errand);
}

/* For free(); NULL: no memory. */
static char *revoke_body(const struct errand *errand)
{
    uint8_t *der = NULL;
    int len = i2d_X509(errand->certificate, &der);
    char *encoded = len > 0 ? malloc(BASE64_ENCODED_MAX((size_t)len)) : NULL, *text = NULL;
    json_t *body = NULL;

    if (encoded) {
        base64url_encode(encoded, der, (size_t)len);
        body = json_pack("{s:s, s:i}", "certificate", encoded, "reason", errand->reason);
        text = json_dumps(body, JSON_COMPACT);
    }
    json_decref(body);
    free(encoded);
    OPENSSL_free(der);
    return text;
}

static void on_account(void *arg, const struct failure *failure)
{
    struct errand *errand = arg;
    const struct directory_object *directory = directory_object(errand->acme->directory);
    struct cs_error err;
    char *body;

    if (failure) {
        failed(errand, failure);
        return;
    }
    if (!directory->revoke_cert[0]) {
        cs_fail_as(&err, CS_EREFUSED, "ca-no-revocation", "the CA does not offer revocation");
        give_up(errand, &err);
        return;
    }
    body = revoke_body(errand);
    ask(errand,
        &(struct exchange_want){ .url = directory->revoke_cert,
                                 .sign = SIGN_ACCOUNT,
                                 .kid = account_url(errand->acme->account),
                                 .payload = body,
                                 .kind = REPLY_ANY },
        on_revoked);
    free(body);
}

void errand_revoke(struct acme *acme, const char *pem, size_t len, int reason, struct cs_op *op)
{
    struct errand *errand = errand_new(acme, pem, len, op);

    if (!errand)
        return;
    errand->reason = reason;
    account_wait(acme->account, &errand->waiter, on_account, errand);
}

/* ---- renewal information ----------------------------------------------------------------------------------------- */

static void on_renewal_info(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct errand *errand = arg;
    const json_t *window;
    struct cs_error err;

    errand->exchange = NULL;
    if (failure) {
        failed(errand, failure);
        return;
    }
    window = json_object_get(reply->json, "suggestedWindow");
    if (!json_is_string(json_object_get(window, "start")) || !json_is_string(json_object_get(window, "end"))) {
        cs_fail_as(&err, CS_EUPSTREAM, "ca-bad-reply", "the CA's renewal information has no suggestedWindow");
        give_up(errand, &err);
        return;
    }
    cs_op_ok_data(errand->op, reply->body, reply->body_len);
    errand_free(errand);
}

/* RFC 9773 4.1: the issuer's key identifier, a dot, the content of the serial number's DER. */
static int add_certificate_id(struct text *url, X509 *certificate)
{
    AUTHORITY_KEYID *issuer = X509_get_ext_d2i(certificate, NID_authority_key_identifier, NULL, NULL);
    char key_id[BASE64_ENCODED_MAX(KEY_ID_LONGEST)], serial[BASE64_ENCODED_MAX(SERIAL_LONGEST)];
    uint8_t der[SERIAL_LONGEST], *at = der;
    const ASN1_OCTET_STRING *key = issuer ? issuer->keyid : NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), NULL);
    int rc = -1;

    if (key && ASN1_STRING_length(key) <= KEY_ID_LONGEST && len > 2 && len <= SERIAL_LONGEST) {
        i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &at);
        base64url_encode(key_id, ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key));
        base64url_encode(serial, der + 2, (size_t)len - 2);
        text_addf(url, "%s.%s", key_id, serial);
        rc = 0;
    }
    AUTHORITY_KEYID_free(issuer);
    return rc;
}

static int renewal_url(struct text *url, const struct errand *errand, struct cs_error *err)
{
    const char *base = directory_object(errand->acme->directory)->renewal_info;

    if (!base[0])
        return cs_fail(err, CS_ENOTFOUND, "the CA does not offer renewal information");
    text_addf(url, "%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/");
    if (add_certificate_id(url, errand->certificate) < 0)
        return cs_fail(err, CS_EINPUT, "the certificate does not say which key issued it");
    return text_failed(url) ? cs_fail(err, CS_EBUSY, "out of memory") : 0;
}

static void on_directory_for_renewal(void *arg, const struct failure *failure)
{
    struct errand *errand = arg;
    struct text url = TEXT_MAX(URL_LONGEST);
    struct cs_error err;

    if (failure)
        failed(errand, failure);
    else if (renewal_url(&url, errand, &err) < 0)
        give_up(errand, &err);
    else
        ask(errand, &(struct exchange_want){ .url = text_of(&url), .sign = SIGN_NOT, .kind = REPLY_JSON }, on_renewal_info);
    text_free(&url);
}

void errand_renewal_info(struct acme *acme, const char *pem, size_t len, struct cs_op *op)
{
    struct errand *errand = errand_new(acme, pem, len, op);

    if (errand)
        directory_wait(acme->directory, &errand->waiter, on_directory_for_renewal, errand);
}

/* ---- status ------------------------------------------------------------------------------------------------------ */

static void on_directory_for_status(void *arg, const struct failure *failure)
{
    struct errand *errand = arg;
    const char *url = account_url(errand->acme->account);
    struct text line = TEXT_MAX(2 * URL_LONGEST);

    if (failure) {
        failed(errand, failure);
        return;
    }
    text_addf(&line, "the CA is ready directory=%s account=%s", errand->acme->conf->directory, url[0] ? url : "not-used-yet");
    cs_op_ok_data(errand->op, text_of(&line), line.len);
    text_free(&line);
    errand_free(errand);
}

void errand_status(struct acme *acme, struct cs_op *op)
{
    struct errand *errand = errand_new(acme, NULL, 0, op);

    if (!errand)
        return;
    directory_forget(acme->directory);
    directory_wait(acme->directory, &errand->waiter, on_directory_for_status, errand);
}
