/*
 * A certificate with its key, and what its holder signs to have it revoked: right, or wrong in one way. For the tests of
 * revocation_statement.c and its fuzzer's corpus.
 */
#ifndef FAKES_STATEMENT_MAKER_H
#define FAKES_STATEMENT_MAKER_H

#include <openssl/cms.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct holder {
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t *der;
    size_t len;
};

/* "p256", "p384", "rsa2048". `serial` of its certificate. */
void holder_make(struct holder *holder, const char *kind, unsigned serial);
void holder_free(struct holder *holder);

/* The text of docs/revoke.md. */
void holder_text(char out[400], const struct holder *holder, const char *reason, const char *time);

struct statement_wish {
    const char *text;
    unsigned flags;              /* of CMS_sign(), beside the usual */
    const EVP_MD *digest;        /* NULL: SHA-256 */
    const struct holder *second; /* a second signer */
    int content_type;            /* a NID; 0: data */
    bool pem;
};

/* malloc'd. */
uint8_t *holder_sign(const struct holder *holder, const struct statement_wish *wish, size_t *len);

#endif
