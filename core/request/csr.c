/*
 * CSR intake, in the order of cost: bytes, shape, subject, then for a known subject the rest; see csr.h.
 */
#include "request/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/base64url.h"
#include "base/error.h"
#include "base/pem.h"
#include "request/csr_extensions.h"
#include "request/csr_key.h"
#include "request/csr_names.h"
#include "request/csr_proven.h"
#include "request/subject_name.h"

static int too_large(size_t len, struct cs_error *err)
{
    return cs_fail_as(err, CS_EINPUT, "csr-too-large", "the CSR has %zu bytes, %d at most are accepted", len, CSR_MAX_DER);
}

static bool says_der(const char *content_type)
{
    static const char type[] = "application/pkcs10";

    return content_type && strncasecmp(content_type, type, strlen(type)) == 0 && strchr("; \t", content_type[strlen(type)]);
}

static bool begins_as_text(const char *body, size_t len)
{
    return len && (body[0] == '-' || body[0] == ' ' || body[0] == '\t' || body[0] == '\r' || body[0] == '\n');
}

int csr_decode(const void *body, size_t len, const char *content_type, uint8_t *der, size_t *der_len, struct cs_error *err)
{
    *der_len = 0;
    if (len > CSR_MAX_DER)
        return too_large(len, err);
    if (!says_der(content_type) || begins_as_text(body, len))
        return pem_find_csr(body, len, der, der_len, err);
    if (len == 0)
        return cs_fail_as(err, CS_EINPUT, "no-csr",
                          "the body is empty: post the CSR, for example with curl --data-binary @csr.der");
    memcpy(der, body, len);
    *der_len = len;
    return 0;
}

/* The Name of these bytes, for X509_NAME_free(), and as text for free(). */
static int read_subject(struct der_span subject, X509_NAME **name, char **text, struct cs_error *err)
{
    const unsigned char *at = subject.at;

    *name = NULL;
    *text = NULL;
    if (der_is_strict(subject.at, subject.len))
        *name = d2i_X509_NAME(NULL, &at, (long)subject.len);
    if (*name && at == subject.at + subject.len)
        *text = subject_name_text(*name, err);
    else
        cs_fail_as(err, CS_EINPUT, "bad-subject", "the subject is not a Name in DER (RFC 5280 4.1.2.4)");
    ERR_clear_error();
    return *text ? 0 : -1;
}

char *csr_outline(const uint8_t *der, size_t len, struct cs_error *err)
{
    struct der_span subject = { 0 };
    X509_NAME *name;
    char *text;

    errno = 0;
    if (len > CSR_MAX_DER) {
        too_large(len, err);
        return NULL;
    }
    if (der_csr_subject(der, len, &subject, err) != 0)
        return NULL;
    if (read_subject(subject, &name, &text, err) != 0)
        error_blame_memory(err);
    X509_NAME_free(name);
    return text;
}

/* Everything that needs no more than the bytes. */
static int check_bytes(const uint8_t *der, size_t len, struct der_csr *parts, struct csr_key *key, struct cs_error *err)
{
    static const uint8_t version_0[] = { 0x02, 0x01, 0x00 };

    if (len > CSR_MAX_DER)
        return too_large(len, err);
    if (der_csr_split(der, len, parts, err) != 0)
        return -1;
    if (!der_is_strict(der, len))
        return cs_fail_as(err, CS_EINPUT, "bad-der", "the CSR is not DER (X.690): there is a second form of something in it");
    if (parts->version.len != sizeof version_0 || memcmp(parts->version.at, version_0, sizeof version_0) != 0)
        return cs_fail_as(err, CS_EINPUT, "csr-version", "the CSR's version is not 0, the only one there is (RFC 2986 4.1)");
    if (csr_key_check(key, parts->key, err) != 0)
        return -1;
    return csr_key_check_algorithm(key, parts->algorithm, parts->signature, err);
}

static int copy_bytes(struct csr *out, const uint8_t *der, size_t len, struct der_span spki, const struct csr_key *key,
                      struct cs_error *err)
{
    out->der = malloc(len);
    if (!out->der || EVP_Digest(spki.at, spki.len, out->spki_sha256, NULL, EVP_sha256(), NULL) != 1 ||
        csr_key_hash(key, out->number_sha256) < 0)
        return cs_fail(err, CS_EBUSY, "no memory");
    memcpy(out->der, der, len);
    out->len = len;
    if (csr_key_is_rsa(key))
        out->modulus = (struct der_span){ out->der + (key->number.at - der), key->number.len };
    return 0;
}

/* Is the key a secret, and the sender's? For bytes that had a yes before, it is what it was. */
static int prove(const uint8_t *der, size_t len, const struct csr_key *key, struct der_span info, struct cs_error *err)
{
    uint8_t sha256[32];

    if (EVP_Digest(der, len, sha256, NULL, EVP_sha256(), NULL) != 1)
        return cs_fail(err, CS_EBUSY, "no memory");
    if (csr_proven(sha256))
        return 0;
    if (csr_key_examine(key, err) != 0 || csr_key_prove(key, info, err) != 0)
        return -1;
    csr_proven_note(sha256);
    return 0;
}

int csr_read(struct csr *out, const uint8_t *der, size_t len, struct cs_error *err)
{
    struct der_csr parts = { 0 };
    struct csr_key key = { 0 };
    X509_NAME *subject = NULL;
    GENERAL_NAMES *san = NULL;
    int rc = -1;

    *out = (struct csr){ 0 };
    errno = 0;
    if (check_bytes(der, len, &parts, &key, err) != 0)
        goto out;
    out->key_type = key.type;
    if (read_subject(parts.subject, &subject, &out->subject, err) != 0)
        goto out;
    if (csr_extensions_read(parts.attributes, &san, err) != 0 || csr_names_read(out, subject, san, err) != 0)
        goto out;
    if (prove(der, len, &key, parts.info, err) != 0 || copy_bytes(out, der, len, parts.key, &key, err) != 0)
        goto out;
    rc = 0;
out:
    if (rc != 0)
        error_blame_memory(err);
    GENERAL_NAMES_free(san);
    X509_NAME_free(subject);
    if (rc != 0)
        csr_free(out);
    return rc;
}

void csr_free(struct csr *csr)
{
    for (size_t i = 0; i < csr->n_names; i++)
        free(csr->names[i]);
    free(csr->names);
    free(csr->subject);
    free(csr->der);
    *csr = (struct csr){ 0 };
}
