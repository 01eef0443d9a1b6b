/*
 * The CAs whose client certificates a listener takes, with the CRLs that say which of them are revoked: `client_ca` and
 * `client_crl`. For the TLS handshake (OpenSSL verifies), and for certificates that a proxy hands on. Made by
 * command/serve_listeners.c, held by trust.c; asked by connection_certificate.c and credential.c.
 *
 * Verified are signatures up to a self-signed CA of the file, dates, that the certificate is for TLS clients, and, with
 * `client_crl`, that no certificate of the chain is revoked: a CRL of each CA, the root's too, must be there and in date.
 */
#ifndef HTTP_CLIENT_CA_H
#define HTTP_CLIENT_CA_H

#include <openssl/ssl.h>

#include <countersign/plugin.h>

#define CLIENT_CA_DEPTH 4 /* CAs between a client and a root, at most */

struct client_ca;

/* Reads both files, PEM; `crl_file` NULL: nobody looks for revocations. NULL and CS_ECONFIG with the file and what to do.
 * Counted, loop thread only. */
struct client_ca *client_ca_new(const char *ca_file, const char *crl_file, struct cs_error *err);
struct client_ca *client_ca_keep(struct client_ca *ca); /* NULL is allowed */
void client_ca_free(struct client_ca *ca); /* gives back a reference; NULL is allowed */

/* Clients of this context may show a certificate, or must. One that is no good ends the handshake. Sessions are not resumed, so
 * that each connection is verified by itself. */
int client_ca_join(struct client_ca *ca, SSL_CTX *context, bool required, struct cs_error *err);

/* Is it good now? `others`: of its chain, as the client sent them, or NULL; `sha256`: of its DER, in hexadecimal. What was good
 * is believed for CLIENT_CA_BELIEVED_MS, so that most requests cost no signature; dates of the certificate itself are judged
 * with each by grant.c. */
bool client_ca_verify(struct client_ca *ca, X509 *certificate, STACK_OF(X509) *others, const char *sha256);
#define CLIENT_CA_BELIEVED_MS 60000

#endif
