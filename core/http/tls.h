/*
 * The TLS side of a listener: certificate and key from files, read after privileges were dropped. Called by
 * command/serve_listeners.c and, for those who only want to know whether they are good, by command/check_tls.c.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <openssl/ssl.h>

#include "engine/own_key.h"

/* A server's context: TLS 1.2 and 1.3, http/1.1 by ALPN, no renegotiation. `certificate`: PEM, leaf first, then what its chain
 * needs. NULL and CS_ECONFIG with the file and what to do. SSL_CTX_free() releases it. Waits for the disk. */
SSL_CTX *tls_context_new(const char *certificate, const char *key, struct cs_error *err);

/* One of its own for another listener, which shows the same certificate with its chain. NULL: no memory. */
SSL_CTX *tls_context_like(SSL_CTX *other, struct cs_error *err);

/* The hash of its certificate's key, as own_key_hash() has it. -1: no memory. */
int tls_context_key(const SSL_CTX *context, uint8_t spki_sha256[OWN_KEY_HASH], struct cs_error *err);

#endif
