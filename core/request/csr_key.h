/*
 * The key and the signature of a CSR: which kinds are accepted, and does the sender hold the key? Called by csr.c.
 */
#ifndef REQUEST_CSR_KEY_H
#define REQUEST_CSR_KEY_H

#include <openssl/evp.h>

#include <countersign/plugin.h>

#include "base/der.h"

struct csr_key {
    const char *type;       /* "rsa2048", "rsa3072", "rsa4096", "p256", "p384" */
    struct der_span number; /* the modulus of RSA, the point of EC; in the CSR's bytes */
    struct der_span signature;
    const EVP_MD *digest; /* of the signature */
};

/* The SubjectPublicKeyInfo against the allow-list, by its bytes alone: RSA of 2048, 3072 or 4096 bits with e = 65537, P-256 and
 * P-384 as named curves with an uncompressed point. Fills type and number. CS_EINPUT "key-type", "weak-key" (RSA below 2048
 * bits), "rsa-exponent". */
int csr_key_check(struct csr_key *out, struct der_span spki, struct cs_error *err);

/* Of a key that csr_key_check() took. */
bool csr_key_is_rsa(const struct csr_key *key);

/* The signature's AlgorithmIdentifier against the allow-list, parameters included, and against the key's type. Fills signature
 * and digest. CS_EINPUT "signature-algorithm". */
int csr_key_check_algorithm(struct csr_key *key, struct der_span algorithm, struct der_span signature, struct cs_error *err);

/* Can anybody find the private key by arithmetic on the public one (rsa_modulus.h)? CS_EINPUT "rsa-small-factor",
 * "rsa-pattern", "rsa-roca", "rsa-power", "rsa-close-primes". */
int csr_key_examine(const struct csr_key *key, struct cs_error *err);

/* SHA-256 of the one number by which badkeys' lists know a key: the modulus of RSA, the x of an EC point, without zeros in
 * front. -1: no memory. */
int csr_key_hash(const struct csr_key *key, uint8_t sha256[32]);

/* Public-key operations: is an EC point one of its group, and did this key sign `info`, the CertificationRequestInfo as it was
 * sent? CS_EINPUT "ec-point", "bad-signature". */
int csr_key_prove(const struct csr_key *key, struct der_span info, struct cs_error *err);

#endif
