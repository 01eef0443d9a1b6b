/*
 * `countersign revoke` from within: what it was asked for, and its two ways. Used by revoke*.c only; docs/revoke.md.
 */
#ifndef COMMAND_REVOKE_H
#define COMMAND_REVOKE_H

#include <countersign/plugin.h>
#include <jansson.h>
#include <openssl/x509.h>

#include "request/revocation_statement.h"

#define REVOKE_EXIT_LATER 4 /* written down, not confirmed by the CA */

struct revoke_options {
    const char *what;   /* SERIAL or FILE; with a server: NULL */
    const char *server; /* NULL: the operator's way */
    const char *key_file, *certificate_file, *ca_file;
    const char *ca;     /* instance; NULL: any */
    const char *reason; /* one of the words */
    bool dry_run, json, insecure_http;
};

/* Read the command line. -1: go on; otherwise the exit code (--help, or a mistake, told on stderr). */
int revoke_options_read(struct revoke_options *out, int argc, char **argv);

/* A certificate's file, PEM (its first block) or DER. NULL: CS_EINPUT, or CS_ENOTFOUND when there is no such file. */
X509 *revoke_certificate_read(const char *path, struct cs_error *err);
int revoke_certificate_serial(char out[REVOCATION_SERIAL_MOST + 1], X509 *certificate, struct cs_error *err);
int revoke_certificate_hash(char out[65], X509 *certificate, struct cs_error *err); /* SHA-256, hexadecimal */

/* The way of who has the key: sign, post. *answer as the server sent it; CS_EBUSY with "revocation-pending" as in the API. */
int revoke_as_holder(const struct revoke_options *options, json_t **answer, struct cs_error *err);

#endif
