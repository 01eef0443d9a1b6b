/*
 * For main.c and post.c.
 */
#ifndef BARE_CLIENT_CSR_H
#define BARE_CLIENT_CSR_H

#include <openssl/evp.h>

/* DER for OPENSSL_free(), with one name as SAN and one O as subject (NULL: an empty subject). NULL: OpenSSL failed. */
unsigned char *csr_make(EVP_PKEY *key, const char *name, const char *organization, size_t *len);

#endif
