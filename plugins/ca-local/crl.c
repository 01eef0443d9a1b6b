/*
 * The list of revoked certificates; see crl.h. The list that is in memory is what stands in the file: a new one takes its place
 * when it is written.
 */
#include "crl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/pem.h"
#include "file.h"

#define FILE_NAME "crl.pem"
#define DAY_S     ((int64_t)24 * 3600)
#define LOOK_S    3600 /* whether its time comes to the end */

struct crl {
    struct cs_instance *in;
    const char *folder;
    X509 *certificate;
    EVP_PKEY *key;
    int64_t days;
    X509_CRL *list;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    pthread_t thread;
    bool has_thread, ending, complained;
};

static int failed(struct cs_error *err, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    cs_fail(err, CS_EINTERNAL, "cannot %s: %s", what, why ? why : "no memory");
    ERR_clear_error();
    return -1;
}

/* ---- A list ---------------------------------------------------------------------------------------------------------------
 */

/* RFC 5280 5.2.3: one more than that of the list before. */
static int set_number(X509_CRL *list)
{
    ASN1_INTEGER *before = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    BIGNUM *number = before ? ASN1_INTEGER_to_BN(before, NULL) : BN_new();
    ASN1_INTEGER *next = number && BN_add_word(number, 1) ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    int rc = next && X509_CRL_add1_ext_i2d(list, NID_crl_number, next, 0, X509V3_ADD_REPLACE) == 1 ? 0 : -1;

    ASN1_INTEGER_free(before);
    ASN1_INTEGER_free(next);
    BN_free(number);
    return rc;
}

static int set_authority(X509_CRL *list, X509 *certificate)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    int rc = -1;

    if (X509_CRL_get_ext_by_NID(list, NID_authority_key_identifier, -1) >= 0)
        return 0;
    X509V3_set_ctx(&context, certificate, NULL, NULL, list, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    if (extension && X509_CRL_add_ext(list, extension, -1) == 1)
        rc = 0;
    X509_EXTENSION_free(extension);
    return rc;
}

static int set_times(X509_CRL *list, int64_t now_s, int64_t days)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now_s), *to = ASN1_TIME_set(NULL, (time_t)(now_s + days * DAY_S));
    int rc = from && to && X509_CRL_set1_lastUpdate(list, from) == 1 && X509_CRL_set1_nextUpdate(list, to) == 1 ? 0 : -1;

    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return rc;
}

/* RFC 5280 5.3.1: for "unspecified" the extension is left out. */
static int set_reason(X509_REVOKED *entry, int reason)
{
    ASN1_ENUMERATED *word = reason ? ASN1_ENUMERATED_new() : NULL;
    int rc = 0;

    if (reason)
        rc = word && ASN1_ENUMERATED_set(word, reason) == 1 && X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, word, 0, 0) == 1
                 ? 0
                 : -1;
    ASN1_ENUMERATED_free(word);
    return rc;
}

static int add_entry(X509_CRL *list, const ASN1_INTEGER *serial, int reason, int64_t now_s)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)now_s);
    ASN1_INTEGER *number = ASN1_INTEGER_dup(serial);
    int rc = -1;

    if (entry && when && number && X509_REVOKED_set_serialNumber(entry, number) == 1 &&
        X509_REVOKED_set_revocationDate(entry, when) == 1 && set_reason(entry, reason) == 0 &&
        X509_CRL_add0_revoked(list, entry) == 1) {
        entry = NULL;
        rc = X509_CRL_sort(list) == 1 ? 0 : -1;
    }
    X509_REVOKED_free(entry);
    ASN1_TIME_free(when);
    ASN1_INTEGER_free(number);
    return rc;
}

static X509_CRL *empty_list(X509 *certificate)
{
    X509_CRL *list = X509_CRL_new();

    if (list && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate)) == 1)
        return list;
    X509_CRL_free(list);
    return NULL;
}

/* ---- The file --------------------------------------------------------------------------------------------------------------
 */

/* Anybody may read it. */
static int write_list(const struct crl *crl, X509_CRL *list, struct cs_error *err)
{
    BIO *content = BIO_new(BIO_s_mem());
    int rc = content && PEM_write_bio_X509_CRL(content, list) == 1 ? file_write(crl->folder, FILE_NAME, content, 0644, err)
                                                                   : failed(err, "write the list of revoked certificates");

    BIO_free(content);
    return rc;
}

/* With one more entry when `serial` is given. The lock is held. */
static int renew(struct crl *crl, const ASN1_INTEGER *serial, int reason, struct cs_error *err)
{
    const int64_t now_s = cs_wall_ms() / 1000;
    X509_CRL *next = crl->list ? X509_CRL_dup(crl->list) : empty_list(crl->certificate);
    int rc = -1;

    if (!next || set_authority(next, crl->certificate) < 0 || set_number(next) < 0 || set_times(next, now_s, crl->days) < 0 ||
        (serial && add_entry(next, serial, reason, now_s) < 0) || X509_CRL_sign(next, crl->key, EVP_sha256()) <= 0)
        failed(err, "sign the list of revoked certificates");
    else
        rc = write_list(crl, next, err);
    if (rc == 0) {
        X509_CRL_free(crl->list);
        crl->list = next;
        next = NULL;
    }
    X509_CRL_free(next);
    return rc;
}

/* A list of another CA was this folder's before somebody had the CA made anew: its certificates are nobody's any more. */
static int read_list(struct crl *crl, struct cs_error *err)
{
    BIO *bio = file_read(crl->folder, FILE_NAME, err);

    if (!bio)
        return err->code ? -1 : 0;
    crl->list = PEM_read_bio_X509_CRL(bio, NULL, pem_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!crl->list)
        return cs_fail(err, CS_ECONFIG, "there is no list in %s/" FILE_NAME ": restore it, or remove it if nothing was revoked",
                       crl->folder);
    if (X509_CRL_verify(crl->list, crl->key) == 1)
        return 0;
    ERR_clear_error();
    cs_log(crl->in, CS_LOG_WARN, FILE_NAME " is of another CA's key: a new list begins file=%s/" FILE_NAME, crl->folder);
    X509_CRL_free(crl->list);
    crl->list = NULL;
    return 0;
}

static bool is_due(const struct crl *crl)
{
    time_t half_s = (time_t)(cs_wall_ms() / 1000 + crl->days * DAY_S / 2);

    return !crl->list || !X509_CRL_get0_nextUpdate(crl->list) ||
           X509_cmp_time(X509_CRL_get0_nextUpdate(crl->list), &half_s) <= 0;
}

/* ---- Its thread ------------------------------------------------------------------------------------------------------------
 */

static void renew_in_time(struct crl *crl)
{
    struct cs_error err = { 0 };

    if (!is_due(crl))
        return;
    if (renew(crl, NULL, 0, &err) == 0)
        crl->complained = false;
    else if (!crl->complained)
        cs_log(crl->in, CS_LOG_ERROR, "the list of revoked certificates is not signed anew, trying again: %s", err.text);
    crl->complained = err.code != CS_OK;
}

static void *keep_fresh(void *arg)
{
    struct crl *crl = arg;

    pthread_mutex_lock(&crl->lock);
    while (!crl->ending) {
        struct timespec until;

        renew_in_time(crl);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_S;
        pthread_cond_timedwait(&crl->ended, &crl->lock, &until);
    }
    pthread_mutex_unlock(&crl->lock);
    return NULL;
}

static int begin_thread(struct crl *crl, struct cs_error *err)
{
    int rc = pthread_create(&crl->thread, NULL, keep_fresh, crl);

    crl->has_thread = rc == 0;
    return rc ? cs_fail(err, CS_EBUSY, "cannot start a thread") : 0;
}

static struct crl *make(struct cs_error *err)
{
    struct crl *crl = calloc(1, sizeof *crl);
    pthread_condattr_t attributes;

    if (!crl) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&crl->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&crl->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return crl;
}

struct crl *crl_open(struct cs_instance *in, const char *folder, X509 *certificate, EVP_PKEY *key, int64_t days,
                     struct cs_error *err)
{
    struct crl *crl = make(err);

    if (!crl)
        return NULL;
    crl->in = in;
    crl->folder = folder;
    crl->certificate = certificate;
    crl->key = key;
    crl->days = days;
    if (read_list(crl, err) == 0 && (!is_due(crl) || renew(crl, NULL, 0, err) == 0) && begin_thread(crl, err) == 0)
        return crl;
    crl_close(crl);
    return NULL;
}

void crl_close(struct crl *crl)
{
    if (!crl)
        return;
    pthread_mutex_lock(&crl->lock);
    crl->ending = true;
    pthread_cond_signal(&crl->ended);
    pthread_mutex_unlock(&crl->lock);
    if (crl->has_thread)
        pthread_join(crl->thread, NULL);
    pthread_cond_destroy(&crl->ended);
    pthread_mutex_destroy(&crl->lock);
    X509_CRL_free(crl->list);
    free(crl);
}

int crl_revoke(struct crl *crl, const ASN1_INTEGER *serial, int reason, struct cs_error *err)
{
    ASN1_INTEGER *number = ASN1_INTEGER_dup(serial);
    X509_REVOKED *entry = NULL;
    int rc = 0;

    if (!number)
        return cs_fail(err, CS_EBUSY, "out of memory");
    pthread_mutex_lock(&crl->lock);
    if (X509_CRL_get0_by_serial(crl->list, &entry, number) != 1)
        rc = renew(crl, serial, reason, err);
    pthread_mutex_unlock(&crl->lock);
    ASN1_INTEGER_free(number);
    return rc;
}
