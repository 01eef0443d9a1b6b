/*
 * A host's certificate as the CA gave it, with its public key left as bytes: that it is the CSR's key is all there is to know
 * of it, and to have it decoded would cost more than everything else here. Used by certificate.c.
 */
#ifndef REQUEST_LEAF_H
#define REQUEST_LEAF_H

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <countersign/plugin.h>

struct leaf_validity {
    ASN1_TIME *not_before, *not_after;
};

struct leaf_key {
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *bits;
};

/* TBSCertificate (RFC 5280 4.1). */
struct leaf_tbs {
    ASN1_ENCODING encoding; /* what was signed, as it came */
    ASN1_INTEGER *version;  /* NULL: 1 */
    ASN1_INTEGER *serial;
    X509_ALGOR *algorithm;
    X509_NAME *issuer;
    struct leaf_validity *validity;
    X509_NAME *subject;
    struct leaf_key *key;
    ASN1_BIT_STRING *issuer_id, *subject_id;   /* NULL: none */
    STACK_OF(X509_EXTENSION) *extensions;      /* NULL: none */
};

struct leaf {
    struct leaf_tbs *tbs;
    X509_ALGOR *algorithm;
    ASN1_BIT_STRING *signature;
};

/* What X509 would make of these bytes, for leaf_free(); NULL when they are not one certificate. */
struct leaf *leaf_decode(const uint8_t *der, size_t len);
void leaf_free(struct leaf *leaf); /* NULL is allowed */

/* Is SHA-256 of its SubjectPublicKeyInfo `hash`? */
bool leaf_has_key(const struct leaf *leaf, const uint8_t hash[32]);

/* Is it of version 3 and a host's, and are the extensions that matter for a path there once and readable? -1 and CS_EUPSTREAM
 * "bad-chain" otherwise. */
int leaf_check(const struct leaf *leaf, struct cs_error *err);

/* By name, key identifier and signature (RFC 5280 6.1.3). Whether `issuer` is a CA at all is for the caller to see. */
bool leaf_is_issued_by(const struct leaf *leaf, X509 *issuer);

#endif
