/*
 * Keys that others have: those that leaked, stand in documentation, or came from a broken generator. Read from the files that
 * `blocked_keys` of the configuration names, by command/serve_keys.c, and by command/check.c; request.c
 * asks for each CSR.
 *
 * A file is text: a line for each key, with the SHA-256 of its SubjectPublicKeyInfo in hexadecimal (64 digits), or its hash as
 * the lists of badkeys have it (30 digits: the first 120 bits of the SHA-256 of the modulus, or of the point's x). What
 * stands behind a space is not looked at; empty lines and those that begin with # are passed over. In memory a key needs 16
 * bytes, whatever its line has.
 */
#ifndef REQUEST_BLOCKED_KEYS_H
#define REQUEST_BLOCKED_KEYS_H

#include "request/csr.h"

#define BLOCKED_KEYS_MOST (32 * 1024 * 1024) /* of all files; 512 MiB. All lists of badkeys together have 4 million */

struct blocked_keys;

/* Waits for the disk. NULL and CS_ECONFIG with "FILE:LINE: …" when a line or file cannot be read. No paths: an empty list. */
struct blocked_keys *blocked_keys_read_wait(const char *const *paths, size_t n, struct cs_error *err);
size_t blocked_keys_count(const struct blocked_keys *keys);

/* CS_EINPUT "compromised-key" when the CSR's key is one of them. NULL has none. */
int blocked_keys_check(const struct blocked_keys *keys, const struct csr *csr, struct cs_error *err);

void blocked_keys_free(struct blocked_keys *keys); /* NULL is allowed */

#endif
