/*
 * The server's side of JOSE: opens and verifies what an ACME client signed. Written without the client's code, so that a fault
 * there is seen here. Used by the tests of ca-acme.
 */
#ifndef FAKES_JWS_H
#define FAKES_JWS_H

#include <jansson.h>
#include <openssl/evp.h>

struct jws {
    json_t *header;
    char *payload; /* NUL-terminated */
    size_t payload_len;
    char why[160]; /* when it is not in order */
};

/* The public key of a JWK (EC P-256 or P-384, RSA), for EVP_PKEY_free(); NULL: it is not exactly one. */
EVP_PKEY *jws_key(const json_t *jwk);
/* RFC 7638, base64url: 43 characters and a NUL. */
void jws_thumbprint(const json_t *jwk, char out[44]);

/* Read a flattened JWS strictly, without verifying. -1: see why. jws_release() in both cases. */
int jws_read(struct jws *jws, const json_t *message);
/* Does its signature fit `key` and the "alg" of its header (ES256, ES384, RS256)? */
int jws_verify(struct jws *jws, const json_t *message, EVP_PKEY *key);
/* The same for HS256. */
int jws_verify_mac(struct jws *jws, const json_t *message, const void *secret, size_t len);
void jws_release(struct jws *jws);

#endif
