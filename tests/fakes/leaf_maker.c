/*
 * Makes certificates of hosts for tests; see leaf_maker.h.
 */
#include "leaf_maker.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pem.h"
#include "base/text.h"

#define CA_KEY_ID "746865204341277320" "6b6579" /* "the CA's key" */

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "leaf_maker: %s\n", what);
    abort();
}

static EVP_PKEY *ca_key(void)
{
    return csr_maker_key("p256 of the CA");
}

static void add_to(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    must(extension && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

X509 *leaf_maker_ca(void)
{
    static X509 *ca;
    X509_NAME *name;

    if (ca)
        return ca;
    ca = X509_new();
    name = X509_NAME_new();
    X509_set_version(ca, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(ca), 7);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"The CA", -1, -1, 0);
    X509_set_subject_name(ca, name);
    X509_set_issuer_name(ca, name);
    X509_NAME_free(name);
    ASN1_TIME_set(X509_getm_notBefore(ca), LEAF_MAKER_NOW_MS / 1000 - 3600);
    ASN1_TIME_set(X509_getm_notAfter(ca), LEAF_MAKER_NOW_MS / 1000 + 3600);
    X509_set_pubkey(ca, ca_key());
    add_to(ca, NID_basic_constraints, "critical,CA:TRUE");
    add_to(ca, NID_key_usage, "critical,keyCertSign");
    add_to(ca, NID_subject_key_identifier, CA_KEY_ID);
    must(X509_sign(ca, ca_key(), EVP_sha256()) > 0, "cannot sign the CA");
    return ca;
}

static void add_name(struct bytes *out, const char *cn)
{
    X509_NAME *name = X509_NAME_new();
    const unsigned char *der = NULL;
    size_t len = 0;

    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1 &&
         X509_NAME_get0_der(name, &der, &len) == 1, cn);
    bytes_add(out, der, len);
    X509_NAME_free(name);
}

static void add_extensions(struct bytes *out)
{
    static const struct {
        int nid;
        const char *value;
    } usual[] = { { NID_key_usage, "critical,digitalSignature,keyEncipherment" },
                  { NID_ext_key_usage, "serverAuth" },
                  { NID_basic_constraints, "critical,CA:FALSE" },
                  { NID_subject_key_identifier, "00112233" },
                  { NID_info_access, "OCSP;URI:http://ca.example/" },
                  { NID_crl_distribution_points, "URI:http://ca.example/1.crl" },
                  { NID_subject_alt_name, "DNS:" LEAF_MAKER_NAME } };
    struct bytes issuer_key = { .len = 0 }, policies = { .len = 0 };

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        csr_maker_add_extension_conf(out, usual[i].nid, usual[i].value);
    bytes_add_hex(&policies, "300a3008060667810c010201"); /* domain-validated */
    csr_maker_add_extension(out, "2.5.29.32", "", &policies);
    bytes_add_hex(&issuer_key, CA_KEY_ID);
    bytes_wrap(&issuer_key, 0x80);
    bytes_wrap(&issuer_key, 0x30);
    csr_maker_add_extension(out, "2.5.29.35", "", &issuer_key);
}

void leaf_maker_start(struct leaf_maker *m)
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(csr_maker_key("p256"), &spki);

    *m = (struct leaf_maker){ .version.len = 0 };
    bytes_add_hex(&m->version, "a003020102");
    bytes_add_hex(&m->serial, "020300fa1b");
    bytes_add_hex(&m->algorithm, "300a06082a8648ce3d040302");
    add_name(&m->issuer, "The CA");
    bytes_add_element(&m->validity, 0x17, "300101000000Z", 13);
    bytes_add_element(&m->validity, 0x17, "301231000000Z", 13);
    bytes_wrap(&m->validity, 0x30);
    add_name(&m->subject, LEAF_MAKER_NAME);
    bytes_add(&m->spki, spki, (size_t)len);
    add_extensions(&m->extensions);
    OPENSSL_free(spki);
}

void leaf_maker_tbs(const struct leaf_maker *m, struct bytes *tbs)
{
    const struct bytes *const parts[] = { &m->version, &m->serial,  &m->algorithm, &m->issuer,
                                          &m->validity, &m->subject, &m->spki };
    struct bytes extensions = m->extensions;

    tbs->len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        bytes_add_all(tbs, parts[i]);
    if (extensions.len) {
        bytes_wrap(&extensions, 0x30);
        bytes_wrap(&extensions, 0xa3);
    }
    bytes_add_all(tbs, &extensions);
    bytes_wrap(tbs, 0x30);
}

void leaf_maker_sign(const struct bytes *tbs, struct bytes *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[1 + 128] = { 0 };
    size_t len = sizeof signature - 1;

    must(context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, ca_key()) == 1 &&
         EVP_DigestSign(context, signature + 1, &len, tbs->at, tbs->len) == 1, "cannot sign");
    EVP_MD_CTX_free(context);
    *out = *tbs;
    bytes_add_hex(out, "300a06082a8648ce3d040302");
    bytes_add_element(out, 0x03, signature, 1 + len);
    bytes_wrap(out, 0x30);
}

static X509 *decode(const struct bytes *leaf)
{
    const unsigned char *at = leaf->at;
    X509 *certificate = d2i_X509(NULL, &at, (long)leaf->len);

    if (certificate && at == leaf->at + leaf->len)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool hash_key(X509 *certificate, uint8_t hash[32])
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    bool ok = len > 0 && EVP_Digest(spki, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(spki);
    return ok;
}

int leaf_maker_check(struct certificate *out, const struct bytes *leaf, const uint8_t *key_hash, struct cs_error *err)
{
    static const char *const names[] = { LEAF_MAKER_NAME };
    struct text pem = TEXT_MAX(100000);
    uint8_t hash[32] = { 0 };
    unsigned char *ca = NULL;
    X509 *certificate;
    int rc;

    if (!key_hash && (certificate = decode(leaf))) {
        must(hash_key(certificate, hash), "no public key");
        X509_free(certificate);
    }
    pem_add(&pem, "CERTIFICATE", leaf->at, leaf->len);
    rc = i2d_X509(leaf_maker_ca(), &ca);
    pem_add(&pem, "CERTIFICATE", ca, (size_t)rc);
    rc = certificate_check(out, NULL, text_of(&pem), pem.len, key_hash ? key_hash : hash, names, 1, LEAF_MAKER_NOW_MS, err);
    OPENSSL_free(ca);
    text_free(&pem);
    ERR_clear_error();
    return rc;
}

/* The checks of X509 that request/leaf.c makes without it. NULL: passed. */
static const char *judge(X509 *certificate, const uint8_t *key_hash)
{
    X509 *ca = leaf_maker_ca();
    uint8_t hash[32];

    if (!certificate)
        return "not a certificate";
    if (X509_get_version(certificate) != X509_VERSION_3)
        return "not of version 3";
    if (X509_check_ca(certificate) != 0)
        return "a CA's";
    if (!hash_key(certificate, hash) || (key_hash && memcmp(hash, key_hash, sizeof hash) != 0))
        return "for another key";
    if (X509_check_issued(ca, certificate) != X509_V_OK || X509_verify(certificate, X509_get0_pubkey(ca)) != 1)
        return "not issued by the CA";
    return NULL;
}

static bool same_date(const ASN1_TIME *date, int64_t ms)
{
    struct tm tm;

    return ASN1_TIME_to_tm(date, &tm) == 1 && (int64_t)timegm(&tm) * 1000 == ms;
}

static bool same_facts(const X509 *certificate, const struct certificate *read)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL), *other = NULL;
    bool same = serial && BN_hex2bn(&other, read->serial) > 0 && BN_cmp(serial, other) == 0 &&
                same_date(X509_get0_notBefore(certificate), read->not_before_ms) &&
                same_date(X509_get0_notAfter(certificate), read->not_after_ms);

    BN_free(serial);
    BN_free(other);
    return same;
}

static bool is_ours(const struct cs_error *refused)
{
    static const char *const words[] = { "subjectAltName", "a name that was", "CN is not", "dates", "not yet valid", "expired",
                                         "serial number", "a proxy's" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(refused->text, words[i]))
            return true;
    return false;
}

bool leaf_maker_agrees(const struct bytes *leaf, const uint8_t *key_hash, const struct certificate *certificate,
                       const struct cs_error *refused)
{
    X509 *x509 = decode(leaf);
    const char *fault = judge(x509, key_hash);
    bool same = refused ? fault || is_ours(refused) : !fault && same_facts(x509, certificate);

    if (!same)
        fprintf(stderr, "X509: %s; certificate_check(): %s\n", fault ? fault : "good",
                refused ? refused->text : "accepted, but perhaps read otherwise");
    X509_free(x509);
    ERR_clear_error();
    return same;
}
