/*
 * The pseudonym of a source: 64 bits of HMAC-SHA-256 under the key of the day, different in each zone. Used by visit.c and
 * visit_erase.c. Pure; nothing of the key is left behind in memory.
 */
#ifndef RECORDS_PSEUDONYM_H
#define RECORDS_PSEUDONYM_H

#include <stddef.h>

#include "base/source.h"

enum { PSEUDONYM_KEY_LEN = 32, PSEUDONYM_MAC_LEN = 32, PSEUDONYM_KEY_MOST = 64 };

/* The first 8 bytes, big endian, of HMAC(key, 1 || zone id (8 bytes, big endian) || family (4 or 6) || address (8 bytes)).
 * The source is known. -1: libcrypto failed. */
int pseudonym_of(const uint8_t key[PSEUDONYM_KEY_LEN], uint64_t zone_id, const struct source *source, uint64_t *out);

/* HMAC-SHA-256 (RFC 2104) under a key of at most PSEUDONYM_KEY_MOST bytes. -1: libcrypto failed. */
int pseudonym_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[PSEUDONYM_MAC_LEN]);

#endif
