/*
 * The key and the signature of a CSR: which kinds are accepted, and does the sender hold the key? Called by csr.c.
 */
#ifndef REQUEST_CSR_KEY_H
#define REQUEST_CSR_KEY_H

#include <openssl/x509.h>

#include <countersign/plugin.h>

#include "base/der.h"

/* The SubjectPublicKeyInfo against the allow-list, by its bytes alone: RSA of 2048, 3072 or 4096 bits with e = 65537, P-256 and
 * P-384 as named curves with an uncompressed point. *type gets "rsa2048", …, "p384". CS_EINPUT "key-type", "weak-key". */
int csr_key_check(struct der_span spki, const char **type, struct cs_error *err);

/* The signature's AlgorithmIdentifier against the allow-list, parameters included, and against the key's type. CS_EINPUT
 * "signature-algorithm". */
int csr_key_check_algorithm(struct der_span algorithm, struct der_span signature, const char *key_type, struct cs_error *err);

/* Public-key operations: is an EC point one of its group, and did this key sign the request? CS_EINPUT "weak-key",
 * "bad-signature". */
int csr_key_prove(X509_REQ *request, struct cs_error *err);

#endif
