/*
 * Is what the CA gave what was asked for? See certificate.h. No trust anchor is asked: whom to trust is the client's choice;
 * that the chain is ours, whole and in order is our business.
 */
#include "request/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/name.h"
#include "base/pem.h"
#include "base/text.h"
#include "request/leaf.h"

#define MAX_CERTIFICATES 10
#define MAX_CHAIN        (256 * 1024)
#define SLACK_MS         (3600 * INT64_C(1000)) /* our clock may be slow: the CA has issued, and refusing wastes that */

struct chain {
    struct leaf *leaf;
    X509 *above[MAX_CERTIFICATES]; /* its issuer first */
    size_t n_above;
    struct text pem;
    struct issuers *issuers;
};

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EUPSTREAM, "bad-chain", "%s", fault);
}

static int add_certificate(void *arg, const uint8_t *der, size_t der_len, struct cs_error *err)
{
    struct chain *chain = arg;
    bool is_one;

    if (!chain->leaf) {
        chain->leaf = leaf_decode(der, der_len);
        is_one = chain->leaf;
    } else {
        chain->above[chain->n_above] = issuers_decode(chain->issuers, der, der_len);
        is_one = chain->above[chain->n_above];
        chain->n_above += is_one;
    }
    if (!is_one)
        return bad(err, "the chain has a block that is not a certificate");
    pem_add(&chain->pem, "CERTIFICATE", der, der_len);
    return 0;
}

static bool find(const char *const *names, size_t n_names, const ASN1_STRING *value, size_t *at)
{
    char name[NAME_MAX_LEN + 1];
    int len = ASN1_STRING_length(value);

    if (len < 0 || name_check(name, (const char *)ASN1_STRING_get0_data(value), (size_t)len,
                              NAME_WILDCARD | NAME_UNDERSCORE | NAME_ONE_LABEL, NULL) != 0)
        return false;
    for (*at = 0; *at < n_names; ++*at)
        if (strcmp(names[*at], name) == 0)
            return true;
    return false;
}

/* Every entry of `san` is one of `names`, and every one of them is there. */
static int check_san(const GENERAL_NAMES *san, const char *const *names, size_t n_names, struct cs_error *err)
{
    bool *seen = calloc(n_names + 1, sizeof *seen);
    size_t n_seen = 0, at;
    int n = sk_GENERAL_NAME_num(san), type;

    if (!seen)
        return cs_fail(err, CS_EBUSY, "no memory");
    for (int i = 0; i < n; i++) {
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);

        if (type != GEN_DNS || !find(names, n_names, value, &at)) {
            free(seen);
            return bad(err, "the certificate has a name that was not asked for");
        }
        n_seen += !seen[at];
        seen[at] = true;
    }
    free(seen);
    return n_seen == n_names ? 0 : bad(err, "the certificate lacks a name that was asked for");
}

static int check_cn(const X509_NAME *subject, const char *const *names, size_t n_names, struct cs_error *err)
{
    size_t at;

    for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;)
        if (!find(names, n_names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), &at))
            return bad(err, "the certificate's CN is not a name that was asked for");
    return 0;
}

static int check_names(const struct leaf_tbs *tbs, const char *const *names, size_t n_names, struct cs_error *err)
{
    GENERAL_NAMES *san = X509V3_get_d2i(tbs->extensions, NID_subject_alt_name, NULL, NULL);
    int rc;

    if (!san)
        return bad(err, "the certificate has no subjectAltName, or two");
    rc = check_san(san, names, n_names, err);
    GENERAL_NAMES_free(san);
    return rc == 0 ? check_cn(tbs->subject, names, n_names, err) : rc;
}

static int to_ms(const ASN1_TIME *at, int64_t *ms)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(at, &tm) != 1)
        return -1;
    *ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

static int check_dates(struct certificate *out, const struct leaf_validity *validity, int64_t now_ms, struct cs_error *err)
{
    if (to_ms(validity->not_before, &out->not_before_ms) != 0 || to_ms(validity->not_after, &out->not_after_ms) != 0)
        return bad(err, "the certificate's dates cannot be read");
    if (out->not_before_ms > now_ms + SLACK_MS)
        return bad(err, "the certificate is not yet valid: is this host's clock slow?");
    if (out->not_after_ms <= now_ms)
        return bad(err, "the certificate has expired: is this host's clock fast?");
    return 0;
}

static int read_serial(struct certificate *out, const ASN1_INTEGER *serial, struct cs_error *err)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number && BN_num_bytes(number) <= 32 && !BN_is_negative(number) ? BN_bn2hex(number) : NULL;
    size_t len = hex ? strlen(hex) : 0;

    for (size_t i = 0; i < len; i++)
        out->serial[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
    out->serial[len] = '\0';
    OPENSSL_free(hex);
    BN_free(number);
    return len ? 0 : bad(err, "the certificate's serial number is negative or longer than 32 bytes");
}

static bool is_issued_by(X509 *certificate, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return X509_check_issued(issuer, certificate) == X509_V_OK && key && X509_verify(certificate, key) == 1;
}

static int check_links(const struct chain *chain, struct cs_error *err)
{
    for (size_t i = 0; i < chain->n_above; i++) {
        X509 *issuer = chain->above[i];

        if (X509_check_ca(issuer) == 0)
            return cs_fail_as(err, CS_EUPSTREAM, "bad-chain", "certificate %zu of the chain is not a CA's", i + 2);
        if (i == 0 ? !leaf_is_issued_by(chain->leaf, issuer) : !is_issued_by(chain->above[i - 1], issuer))
            return cs_fail_as(err, CS_EUPSTREAM, "bad-chain", "certificate %zu of the chain was not issued by the one after it",
                              i + 1);
    }
    return 0;
}

static int read_chain(struct chain *chain, const char *pem, size_t len, struct cs_error *err)
{
    if (len > MAX_CHAIN)
        return bad(err, "the chain is too long");
    if (pem_each_certificate(pem, len, MAX_CERTIFICATES, add_certificate, chain, err) < 0)
        return -1;
    return text_failed(&chain->pem) ? cs_fail(err, CS_EBUSY, "no memory") : 0;
}

/* NULL: there is none. */
static int check_leaf(struct certificate *out, const struct leaf *leaf, const uint8_t spki_sha256[32],
                      const char *const *names, size_t n_names, int64_t now_ms, struct cs_error *err)
{
    const struct leaf_tbs *tbs;

    if (!leaf)
        return bad(err, "the chain has no certificate in it");
    if (leaf_check(leaf, err) != 0)
        return -1;
    if (!leaf_has_key(leaf, spki_sha256))
        return bad(err, "the certificate is for another key than the CSR's");
    tbs = leaf->tbs;
    if (check_names(tbs, names, n_names, err) != 0 || check_dates(out, tbs->validity, now_ms, err) != 0)
        return -1;
    return read_serial(out, tbs->serial, err);
}

int certificate_check(struct certificate *out, struct issuers *issuers, const char *pem, size_t len,
                      const uint8_t spki_sha256[32], const char *const *names, size_t n_names, int64_t now_ms,
                      struct cs_error *err)
{
    struct chain chain = { .pem = TEXT_MAX(2 * MAX_CHAIN), .issuers = issuers };
    int rc = -1;

    *out = (struct certificate){ 0 };
    errno = 0;
    if (read_chain(&chain, pem, len, err) != 0 ||
        check_leaf(out, chain.leaf, spki_sha256, names, n_names, now_ms, err) != 0 || check_links(&chain, err) != 0)
        goto out;
    out->pem_len = chain.pem.len;
    out->pem = text_take(&chain.pem);
    rc = out->pem ? 0 : -1;
out:
    if (rc != 0)
        error_blame_memory(err);
    leaf_free(chain.leaf);
    for (size_t i = 0; i < chain.n_above; i++)
        X509_free(chain.above[i]);
    text_free(&chain.pem);
    ERR_clear_error();
    if (rc != 0)
        certificate_free(out);
    return rc;
}

void certificate_free(struct certificate *certificate)
{
    free(certificate->pem);
    *certificate = (struct certificate){ 0 };
}
