/*
 * What is known of a client's certificate once it was verified: enough to find out whose it is. Made by http/, from the TLS
 * connection or from what a proxy says; looked at by client.c and grant.c.
 */
#ifndef REQUEST_CLIENT_CERTIFICATE_H
#define REQUEST_CLIENT_CERTIFICATE_H

#include <openssl/x509.h>

#include <countersign/plugin.h>

#define CLIENT_HASH_SIZE (64 + 1) /* a SHA-256 in hexadecimal, with the NUL */

#define CLIENT_CERTIFICATE_NAMES 17 /* the subject and so many subjectAltNames but one */

/* Immutable and counted. */
struct client_certificate {
    char sha256[CLIENT_HASH_SIZE];      /* of the DER */
    char spki_sha256[CLIENT_HASH_SIZE]; /* of its SubjectPublicKeyInfo */
    char *issuer;                       /* RFC 4514, or "" when it cannot be written so */
    char *names[CLIENT_CERTIFICATE_NAMES]; /* the subject likewise, unless it is empty, then "DNS:…", "URI:…", "email:…" */
    size_t n_names;
    int64_t not_before_ms, not_after_ms; /* wall clock */
    _Atomic int refs;
};

/* What `x509` says; nothing of it is verified here. Names that cannot be written, and all beyond those that fit, are left out.
 * NULL and *err: CS_EBUSY without memory, CS_EINPUT for a certificate without a readable date or key. */
struct client_certificate *client_certificate_of(X509 *x509, struct cs_error *err);
struct client_certificate *client_certificate_keep(struct client_certificate *certificate); /* NULL is allowed */
void client_certificate_release(struct client_certificate *certificate);                    /* NULL is allowed */

#endif
