/*
 * The part of JOSE that an ACME client needs, over OpenSSL's EVP: account keys, their JWK and thumbprint (RFC 7517, 7638), and
 * signed messages (RFC 7515 in the flattened form). Used by transport.c, account.c and authorization.c. Pure.
 */
#ifndef CA_ACME_JOSE_H
#define CA_ACME_JOSE_H

#include <jansson.h>

#include <countersign/plugin.h>

struct jose_key; /* a private key of P-256, P-384 or RSA, with what is derived from it */

#define JOSE_THUMBPRINT_LEN 43 /* base64url of SHA-256 */

/* Is it "es256", "es384" or "rs256"? CS_ECONFIG for any other word. */
int jose_check_alg(const char *alg, struct cs_error *err);
/* A new key for one of these words; RSA gets 3072 bits. CS_ECONFIG for any other. */
int jose_key_make(struct jose_key **out, const char *alg, struct cs_error *err);
/* From PEM, PKCS #8 or traditional, not encrypted. RSA of 2048 to 8192 bits. CS_ECONFIG otherwise. */
int jose_key_read(struct jose_key **out, const char *pem, size_t len, struct cs_error *err);
/* As PKCS #8 PEM. *pem is the caller's, for jose_wipe(). */
int jose_key_write(const struct jose_key *key, char **pem, size_t *len, struct cs_error *err);
/* The public half as SubjectPublicKeyInfo (RFC 5280 4.1.2.7). *der is the caller's, for free(). CS_EBUSY without memory. */
int jose_key_spki(const struct jose_key *key, unsigned char **der, size_t *len, struct cs_error *err);
void jose_key_free(struct jose_key *key); /* NULL is allowed */
void jose_wipe(char *secret, size_t len); /* overwrites and frees; NULL is allowed */

const char *jose_key_alg(const struct jose_key *key);        /* "ES256", "ES384" or "RS256" (RFC 7518 3.1) */
json_t *jose_key_jwk(const struct jose_key *key);            /* the public key, borrowed */
const char *jose_key_thumbprint(const struct jose_key *key); /* RFC 7638, SHA-256, base64url */

/* RFC 8555 6.2. Nonces and URLs were checked by the caller: one with a character that JSON would escape is refused. */
struct jose_header {
    const char *nonce, *url;
    const char *kid; /* NULL: the key itself, as "jwk" */
};

/* `payload` under `header`, signed by the key. JSON text for free(), or NULL and *err. */
char *jose_sign(const struct jose_key *key, const struct jose_header *header, const char *payload, struct cs_error *err);

/* The same under any header (whose "alg" this function sets) with a MAC of SHA-256, "alg" HS256, as an object (RFC 8555 7.3.4).
 * NULL and *err. */
json_t *jose_mac(const uint8_t *secret, size_t secret_len, json_t *header, const char *payload, struct cs_error *err);

/* What a dns-01 record holds for a token (RFC 8555 8.1 and 8.4). The token was checked by the caller. */
int jose_dns01_value(const struct jose_key *key, const char *token, char value[JOSE_THUMBPRINT_LEN + 1], struct cs_error *err);

#endif
