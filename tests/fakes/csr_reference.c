/*
 * OpenSSL's opinion on a CSR; see csr_reference.h.
 */
#include "csr_reference.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request/csr_names.h"
#include "request/subject_name.h"

enum verdict { UNREADABLE, BAD_KEY, BAD_SIGNATURE, GOOD };

static const char *const verdicts[] = { "cannot be read", "has a bad key", "has a bad signature", "is good" };

static X509_REQ *decode(const uint8_t *der, size_t len)
{
    const unsigned char *at = der;
    unsigned char *again = NULL;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)len);
    int again_len = request ? i2d_X509_REQ(request, &again) : -1;

    if (again_len < 0 || (size_t)again_len != len || memcmp(again, der, len) != 0) {
        X509_REQ_free(request);
        request = NULL;
    }
    OPENSSL_free(again);
    return request;
}

static bool is_valid(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is = context && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return is;
}

static enum verdict judge(X509_REQ *request)
{
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;

    if (!request)
        return UNREADABLE;
    if (!key || (EVP_PKEY_is_a(key, "EC") && !is_valid(key)))
        return BAD_KEY;
    return X509_REQ_verify(request, key) == 1 ? GOOD : BAD_SIGNATURE;
}

static bool same_key(X509_REQ *request, const struct csr *csr)
{
    unsigned char *spki = NULL;
    uint8_t hash[32];
    int len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);
    bool same = len > 0 && EVP_Digest(spki, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1 &&
                memcmp(hash, csr->spki_sha256, sizeof hash) == 0;

    OPENSSL_free(spki);
    return same;
}

static bool same_subject(X509_REQ *request, const struct csr *csr)
{
    char *subject = subject_name_text(X509_REQ_get_subject_name(request), NULL);
    bool same = subject && strcmp(subject, csr->subject) == 0;

    free(subject);
    return same;
}

static bool same_names(X509_REQ *request, const struct csr *csr)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    struct csr other = { 0 };
    bool same = csr_names_read(&other, X509_REQ_get_subject_name(request), san, NULL) == 0 && other.n_names == csr->n_names &&
                other.cn_only == csr->cn_only && strcmp(other.cn, csr->cn) == 0;

    for (size_t i = 0; same && i < csr->n_names; i++)
        same = strcmp(other.names[i], csr->names[i]) == 0;
    csr_free(&other);
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return same;
}

/* What reads the bytes has changed hands here: decoding, making the key, verifying. */
static bool is_ours(const struct cs_error *refused)
{
    return strcmp(refused->reason, "bad-signature") != 0 && strcmp(refused->reason, "ec-point") != 0 &&
           !strstr(refused->text, "an attribute that is not one");
}

static bool agrees(X509_REQ *request, enum verdict verdict, const struct csr *csr, const struct cs_error *refused)
{
    if (!refused)
        return verdict == GOOD && same_key(request, csr) && same_subject(request, csr) && same_names(request, csr);
    if (is_ours(refused))
        return true;
    if (strcmp(refused->reason, "bad-signature") == 0)
        return verdict == BAD_SIGNATURE;
    return verdict == (strcmp(refused->reason, "ec-point") == 0 ? BAD_KEY : UNREADABLE);
}

bool csr_reference_agrees(const uint8_t *der, size_t len, const struct csr *csr, const struct cs_error *refused)
{
    X509_REQ *request = decode(der, len);
    enum verdict verdict = judge(request);
    bool same = agrees(request, verdict, csr, refused);

    if (!same)
        fprintf(stderr, "OpenSSL: the CSR %s; csr_read(): %s %s\n", verdicts[verdict],
                refused ? refused->reason : "accepted, but perhaps read otherwise", refused ? refused->text : "");
    X509_REQ_free(request);
    ERR_clear_error();
    return same;
}
