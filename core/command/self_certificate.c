/*
 * The files and the cryptography of the server's own certificate; see self_certificate.h.
 */
#include "command/self_certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/pem.h"
#include "base/text.h"
#include "command/file_write.h"

enum { PATH_MOST = 4000, SERIAL_BITS = 64, PLACEHOLDER_S = 365 * 24 * 3600, HOUR_S = 3600 };

static int openssl_failed(struct cs_error *err, const char *what)
{
    ERR_clear_error();
    return cs_fail(err, CS_EINTERNAL, "OpenSSL could not %s", what);
}

/* FOLDER/NAME.END; the caller frees it. */
static char *path_of(const char *folder, const char *name, const char *end, struct cs_error *err)
{
    struct text path = TEXT_MAX(PATH_MOST);
    char *taken;

    text_addf(&path, "%s/%s.%s", folder, name, end);
    taken = text_take(&path);
    if (!taken)
        cs_fail(err, CS_ECONFIG, "the path of %s in %s is too long", name, folder);
    return taken;
}

/* ---- Names and times ---- */

static int add_name(X509_NAME *subject, const char *name)
{
    /* CN has 64 characters at most (RFC 5280, ub-common-name); the name that counts is in subjectAltName */
    return strlen(name) > 64 || X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
}

static X509_EXTENSION *alt_name(const char *name)
{
    struct text value = TEXT_MAX(300);
    X509_EXTENSION *extension;

    text_addf(&value, "DNS:%s", name);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text_of(&value));
    text_free(&value);
    return extension;
}

static int64_t time_ms(const ASN1_TIME *time)
{
    struct tm utc;

    return ASN1_TIME_to_tm(time, &utc) ? (int64_t)timegm(&utc) * 1000 : 0;
}

/* ---- Files ---- */

static int make_folder(const char *folder, struct cs_error *err)
{
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return 0;
    return cs_fail(err, CS_ECONFIG, "the folder %s cannot be made: %s", folder, strerror(errno));
}

static int write_pem(const char *path, BIO *content, struct cs_error *err)
{
    char *at = NULL;
    const long len = BIO_get_mem_data(content, &at);

    return file_write_replace(path, at, (size_t)len, 0600, err);
}

/* ---- One that stands in ---- */

static int set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    const int ok = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

    BN_free(number);
    return ok;
}

static X509 *sign_itself(EVP_PKEY *key, const char *name)
{
    X509 *certificate = X509_new();
    X509_EXTENSION *names = alt_name(name);
    const time_t now = (time_t)(cs_wall_ms() / 1000);
    const int ok = certificate && names && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
                   ASN1_TIME_set(X509_getm_notBefore(certificate), now - HOUR_S) &&
                   ASN1_TIME_set(X509_getm_notAfter(certificate), now + PLACEHOLDER_S) &&
                   add_name(X509_get_subject_name(certificate), name) &&
                   X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) &&
                   X509_set_pubkey(certificate, key) && X509_add_ext(certificate, names, -1) &&
                   X509_sign(certificate, key, EVP_sha256());

    X509_EXTENSION_free(names);
    if (ok)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static int write_placeholder(const char *path, const char *name, struct cs_error *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? sign_itself(key, name) : NULL;
    BIO *content = BIO_new(BIO_s_secmem());
    int rc = -1;

    if (certificate && content && PEM_write_bio_PKCS8PrivateKey(content, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(content, certificate) == 1)
        rc = write_pem(path, content, err);
    else
        openssl_failed(err, "make a certificate");
    BIO_free(content);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- What is there ---- */

static bool signed_itself(X509 *certificate)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_SS) != 0;
}

static int hash_key(X509 *leaf, uint8_t hash[32])
{
    unsigned char *der = NULL;
    const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    const int ok = len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

static int read_times(const char *path, struct self_times *times, struct cs_error *err)
{
    BIO *content = BIO_new_file(path, "r");
    X509 *leaf = content ? PEM_read_bio_X509(content, NULL, pem_no_passphrase, NULL) : NULL;

    if (leaf && !signed_itself(leaf)) {
        *times = (struct self_times){ time_ms(X509_get0_notBefore(leaf)), time_ms(X509_get0_notAfter(leaf)), { 0 } };
        if (!hash_key(leaf, times->spki_sha256)) {
            X509_free(leaf);
            leaf = NULL;
        }
    }
    BIO_free(content);
    ERR_clear_error();
    if (!leaf)
        return cs_fail(err, CS_ECONFIG, "%s cannot be read as a certificate: move it away, and the server gets another one",
                       path);
    X509_free(leaf);
    return 0;
}

int self_certificate_prepare_wait(const char *folder, const char *name, struct self_times *times, struct cs_error *err)
{
    char *path = path_of(folder, name, "pem", err);
    int rc = path ? make_folder(folder, err) : -1;

    *times = (struct self_times){ 0 };
    if (rc == 0 && access(path, F_OK) < 0 && errno == ENOENT)
        rc = write_placeholder(path, name, err);
    else if (rc == 0)
        rc = read_times(path, times, err);
    free(path);
    return rc;
}

/* ---- The order ---- */

static EVP_PKEY *make_key(const char *path, struct cs_error *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *content = BIO_new(BIO_s_secmem());
    int rc = -1;

    if (key && content && PEM_write_bio_PKCS8PrivateKey(content, key, NULL, NULL, 0, NULL, NULL) == 1)
        rc = write_pem(path, content, err);
    else
        openssl_failed(err, "make a key");
    BIO_free(content);
    if (rc == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* NULL with *err clear: there is none. One that cannot be read is nobody's: its order is lost, and another key is made. */
static EVP_PKEY *read_key(const char *path)
{
    BIO *content = BIO_new_file(path, "r");
    EVP_PKEY *key = content ? PEM_read_bio_PrivateKey(content, NULL, pem_no_passphrase, NULL) : NULL;

    BIO_free(content);
    ERR_clear_error();
    return key;
}

static int add_names(X509_REQ *request, const char *name)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *names = alt_name(name);
    int ok = extensions && names && sk_X509_EXTENSION_push(extensions, names) > 0;

    if (!ok)
        X509_EXTENSION_free(names);
    ok = ok && X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

static int make_request(EVP_PKEY *key, const char *name, unsigned char **der, size_t *len, struct cs_error *err)
{
    X509_REQ *request = X509_REQ_new();
    int n = -1;

    *der = NULL;
    if (request && add_name(X509_REQ_get_subject_name(request), name) && X509_REQ_set_pubkey(request, key) &&
        add_names(request, name) && X509_REQ_sign(request, key, EVP_sha256()))
        n = i2d_X509_REQ(request, der);
    X509_REQ_free(request);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0 ? 0 : openssl_failed(err, "make a CSR");
}

int self_certificate_request_wait(const char *folder, const char *name, unsigned char **der, size_t *len, struct cs_error *err)
{
    char *path = path_of(folder, name, "next", err);
    EVP_PKEY *key = NULL;
    int rc = -1;

    if (path && make_folder(folder, err) == 0) {
        key = read_key(path);
        if (!key)
            key = make_key(path, err);
        rc = key ? make_request(key, name, der, len, err) : -1;
    }
    EVP_PKEY_free(key);
    free(path);
    return rc;
}

void self_certificate_drop_key_wait(const char *folder, const char *name)
{
    struct cs_error err;
    char *path = path_of(folder, name, "next", &err);

    if (path)
        unlink(path);
    free(path);
}

/* ---- Its end ---- */

/* The core has compared the chain with the CSR; this is about a key that somebody changed meanwhile. */
static int check_pair(EVP_PKEY *key, const char *chain, size_t len, struct cs_error *err)
{
    BIO *content = BIO_new_mem_buf(chain, (int)len);
    X509 *leaf = content ? PEM_read_bio_X509(content, NULL, pem_no_passphrase, NULL) : NULL;
    const int rc = leaf && X509_check_private_key(leaf, key) == 1
                       ? 0
                       : cs_fail(err, CS_EINTERNAL, "the certificate is not for the key that it was ordered for");

    X509_free(leaf);
    BIO_free(content);
    ERR_clear_error();
    return rc;
}

static int write_pair(const char *path, EVP_PKEY *key, const char *chain, size_t len, struct cs_error *err)
{
    BIO *content = BIO_new(BIO_s_secmem());
    int rc = -1;

    if (content && PEM_write_bio_PKCS8PrivateKey(content, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        BIO_write(content, chain, (int)len) == (int)len)
        rc = write_pem(path, content, err);
    else
        openssl_failed(err, "write the certificate");
    BIO_free(content);
    return rc;
}

int self_certificate_store_wait(const char *folder, const char *name, const char *chain, size_t len, struct self_times *times,
                                struct cs_error *err)
{
    char *next = path_of(folder, name, "next", err), *path = path_of(folder, name, "pem", err);
    EVP_PKEY *key = next ? read_key(next) : NULL;
    int rc = -1;

    if (next && !key)
        cs_fail(err, CS_ECONFIG, "the key %s of the new certificate is gone", next);
    else if (path && check_pair(key, chain, len, err) == 0)
        rc = write_pair(path, key, chain, len, err);
    if (rc == 0)
        rc = read_times(path, times, err);
    if (rc == 0)
        unlink(next);
    EVP_PKEY_free(key);
    free(next);
    free(path);
    return rc;
}
