/*
 * Keys whose certificate was revoked through this server, by their hash: no new certificate is asked for with one of them, and
 * no stored chain of theirs is handed out. Read from the store before the first request, and added to by revocation.c; asked
 * by request.c and the files of the job. Loop thread only.
 */
#ifndef REQUEST_REVOKED_KEYS_H
#define REQUEST_REVOKED_KEYS_H

#include <countersign/plugin.h>

struct revoked_keys;

struct revoked_keys *revoked_keys_new(void); /* NULL: no memory */
void revoked_keys_free(struct revoked_keys *keys);

/* The SHA-256 of a SubjectPublicKeyInfo; a second time does no harm. -1: no memory. */
int revoked_keys_add(struct revoked_keys *keys, const uint8_t spki_sha256[32]);
bool revoked_keys_have(const struct revoked_keys *keys, const uint8_t spki_sha256[32]);
size_t revoked_keys_count(const struct revoked_keys *keys);

/* CS_EINPUT "revoked-key" when it is one of them. */
int revoked_keys_check(const struct revoked_keys *keys, const uint8_t spki_sha256[32], struct cs_error *err);

#endif
