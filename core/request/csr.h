/*
 * CSR intake: from bytes to a checked request. First `csr_outline` (cheap: whose is it?), then, for a known subject only,
 * `csr_read` (strict DER, key, proof of possession, names). Pure but for OpenSSL; called by request.c on the loop.
 */
#ifndef REQUEST_CSR_H
#define REQUEST_CSR_H

#include <countersign/plugin.h>

#include "base/der.h"
#include "base/name.h"
#include "base/text.h"

#define CSR_MAX_DER (16 * 1024)
#define CSR_MAX_NAMES 100

struct csr {
    uint8_t *der; /* owned */
    size_t len;
    char *subject;  /* RFC 4514, owned */
    char cn[NAME_MAX_LEN + 1]; /* lower case; "" when there is none or it is not a host name */
    char **names;   /* SAN u CN, lower case, sorted, each once; owned */
    size_t n_names;
    bool cn_only;   /* there is no SAN extension */
    const char *key_type; /* "rsa2048", "p256", …: static string */
    uint8_t spki_sha256[32];
    uint8_t number_sha256[32]; /* csr_key_hash() */
    struct der_span modulus; /* of RSA, in `der`; of other keys nothing */
};

/* The DER of the one CSR in a body: PEM in any shape, or DER when `content_type` is application/pkcs10. `der` has
 * CSR_MAX_DER bytes. CS_EINPUT: "no-csr", "several-csrs", "bad-pem", "bad-der", "csr-too-large". */
int csr_decode(const void *body, size_t len, const char *content_type, uint8_t *der, size_t *der_len, struct cs_error *err);

/* The subject of a DER CSR as an RFC 4514 string (malloc'd), no public-key operation. */
char *csr_outline(const uint8_t *der, size_t len, struct cs_error *err);

/* Everything else, the cheap first, proof of possession last. Copies `der`. CS_EINPUT with a reason each, which docs/csr.md
 * explains: "csr-too-large", "bad-der", "csr-version", "bad-subject", "key-type", "weak-key", "rsa-exponent",
 * "signature-algorithm", "bad-attribute", "extension", "san-type", "bad-name", "no-names", "too-many-names",
 * "rsa-small-factor", "rsa-pattern", "rsa-roca", "rsa-power", "rsa-close-primes", "ec-point", "bad-signature". */
int csr_read(struct csr *out, const uint8_t *der, size_t len, struct cs_error *err);
void csr_free(struct csr *csr);

/* Add the openssl command, ready for a shell once KEY.pem is a file, that makes a CSR with the same subject and its names as
 * SAN. For the answer to a CSR that has none (cn_only). */
void csr_cn_only_advice(const struct csr *csr, struct text *out);

#endif
