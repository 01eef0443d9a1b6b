/*
 * Makes certificates of hosts for tests, each part of which can be replaced by any bytes before the whole is signed; and asks
 * OpenSSL's X509 what it thinks of them. Used by tests/unit/request/test_leaf.c and tests/fuzz/fuzz_certificate.c.
 */
#ifndef FAKES_LEAF_MAKER_H
#define FAKES_LEAF_MAKER_H

#include "csr_maker.h"
#include "request/certificate.h"

#define LEAF_MAKER_NAME   "go.example.com"
#define LEAF_MAKER_NOW_MS 1900000000000 /* 2030-03-17, within the dates of what is made */

/* Whole elements; extensions: the content of their SEQUENCE. */
struct leaf_maker {
    struct bytes version, serial, algorithm, issuer, validity, subject, spki, extensions;
};

/* A good certificate for csr_maker_key("p256"), with all extensions that a CA puts in. */
void leaf_maker_start(struct leaf_maker *m);
void leaf_maker_tbs(const struct leaf_maker *m, struct bytes *tbs);

/* The CA that signs: made once, never freed. Its subjectKeyIdentifier is "the CA's key". */
X509 *leaf_maker_ca(void);

/* A certificate of any bytes, signed by the CA. */
void leaf_maker_sign(const struct bytes *tbs, struct bytes *out);

/* What certificate_check() says of such a certificate and its CA, for the key and the name that the certificate itself has
 * (any key: `key_hash` NULL). */
int leaf_maker_check(struct certificate *out, const struct bytes *leaf, const uint8_t *key_hash, struct cs_error *err);

/* Is that what X509 says? `refused` NULL: it was accepted as `certificate`. What is not X509's business, such as names and
 * dates, is not compared. When it is not, prints both and returns false. */
bool leaf_maker_agrees(const struct bytes *leaf, const uint8_t *key_hash, const struct certificate *certificate,
                       const struct cs_error *refused);

#endif
