/*
 * Makes CSRs for tests, each part of which can be replaced by any bytes before the whole is signed. Used by
 * tests/unit/request and tests/fuzz/fuzz_csr.c.
 */
#ifndef FAKES_CSR_MAKER_H
#define FAKES_CSR_MAKER_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are built from the inside out. What does not fit ends the test program. */
struct bytes {
    uint8_t at[24 * 1024];
    size_t len;
};

void bytes_add(struct bytes *b, const void *data, size_t len);
void bytes_add_hex(struct bytes *b, const char *hex);
void bytes_add_all(struct bytes *b, const struct bytes *more);
void bytes_wrap(struct bytes *b, uint8_t tag); /* what is there becomes the content of one element */
void bytes_add_element(struct bytes *b, uint8_t tag, const void *content, size_t len);
void bytes_add_oid(struct bytes *b, const char *dotted);

/* A key of the kind "rsa512" … "rsa4096", "p256", "p384", "p521", "secp256k1", "ed25519", "rsa-pss"; made once, never freed. */
EVP_PKEY *csr_maker_key(const char *kind);

struct csr_maker {
    EVP_PKEY *key;         /* signs */
    const char *digest;    /* "SHA256" */
    struct bytes version, subject, spki, attributes, algorithm; /* whole elements; attributes: the content of [0] */
    bool other_signature;  /* break the signature */
    uint8_t unused_bits;   /* of the signature's BIT STRING */
};

/* A good request of `kind`, with this subject (RFC 4514) and SAN (openssl's "DNS:a,DNS:b"; NULL: none). */
void csr_maker_start(struct csr_maker *m, const char *kind, const char *subject, const char *san);
void csr_maker_make(struct csr_maker *m, struct bytes *out);

/* Pieces of attributes. `value`: DER, or openssl's words for the _conf form. */
void csr_maker_add_extension(struct bytes *extensions, const char *oid, const char *critical_hex, const struct bytes *value);
void csr_maker_add_extension_conf(struct bytes *extensions, int nid, const char *value);
void csr_maker_add_attribute(struct bytes *attributes, const char *oid, const struct bytes *values);
void csr_maker_set_extensions(struct csr_maker *m, const struct bytes *extensions); /* one extensionRequest, nothing else */

/* A SubjectPublicKeyInfo: RSA of `bits` with the low byte `low` of the modulus, or any AlgorithmIdentifier and key. */
void csr_maker_rsa_spki(struct bytes *out, size_t bits, uint8_t low, const char *exponent_hex);
void csr_maker_spki(struct bytes *out, const char *algorithm_hex, const struct bytes *key);

#endif
