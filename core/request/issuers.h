/*
 * The CA certificates of the last chains, decoded. To decode one costs 0.1 ms in OpenSSL 3.0, which looks the decoder of its
 * key up anew each time, and a CA signs with the same few for months. Owned by the heart; used by certificate.c. Loop thread
 * only.
 */
#ifndef REQUEST_ISSUERS_H
#define REQUEST_ISSUERS_H

#include <openssl/x509.h>

#include <countersign/plugin.h>

struct issuers;
struct issuers *issuers_new(void);           /* NULL: no memory */
void issuers_free(struct issuers *issuers); /* NULL is allowed */

/* The certificate of exactly these bytes, for X509_free(); NULL when they are not one. `issuers` NULL: decoded, not kept. */
X509 *issuers_decode(struct issuers *issuers, const uint8_t *der, size_t len);

#endif
