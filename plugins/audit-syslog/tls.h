/*
 * TLS to the syslog server, RFC 5425. Called by syslog.c (settings) and link.c.
 */
#ifndef AUDIT_SYSLOG_TLS_H
#define AUDIT_SYSLOG_TLS_H

#include <openssl/ssl.h>

#include <countersign/plugin.h>

struct tls_settings {
    const char *ca_file;           /* "": those that the system trusts */
    const char *certificate, *key; /* PEM files of our own; "": none */
};

/* Reads the files. NULL and CS_ECONFIG. SSL_CTX_free() it. */
SSL_CTX *tls_context(const struct tls_settings *settings, struct cs_error *err);

/* A client's side over `fd`, which must be given a certificate for `name`, a host or an address. NULL: no memory. */
SSL *tls_client(SSL_CTX *context, int fd, const char *name);

/* Why the last call failed, in OpenSSL's words; `ssl` may be NULL. */
const char *tls_reason(const SSL *ssl);

#endif
