/*
 * The client's certificate as a proxy hands it on: the field Client-Cert (RFC 9440). Called by credential.c, for requests of
 * listed proxies on a listener that believes them; otherwise the field means nothing. Fuzzed (tests/fuzz/fuzz_client_cert.c).
 */
#ifndef HTTP_CLIENT_CERT_H
#define HTTP_CLIENT_CERT_H

#include <openssl/x509.h>

#include "http/message.h"

/* RFC 9440 2.2: one byte sequence of a structured field (RFC 8941 3.3.5), the DER of the certificate, without parameters.
 * Client-Cert-Chain is not looked at: what is missing between a client and its root belongs into `client_ca`. 1: *out is the
 * certificate, which the caller frees; 0: there is no such field; -1: CS_EINPUT "bad-client-cert", the field stands there
 * several times or cannot be read. */
int client_cert_read(X509 **out, const struct message *m, struct cs_error *err);

#endif
