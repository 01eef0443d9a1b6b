/*
 * The reasons for which a certificate may be revoked: the words of RFC 5280 5.3.1 and their codes, as far as a subscriber may
 * give them to a public CA (docs/revoke.md). Used by request/, http/, command/ and the plugin ca-local. Pure.
 */
#ifndef BASE_REVOCATION_REASON_H
#define BASE_REVOCATION_REASON_H

#include <stddef.h>

#define REVOCATION_UNSPECIFIED 0
#define REVOCATION_REASONS     "unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation"

/* The code of a word, of `len` bytes; -1: there is no such reason, or it is not for subscribers. */
int revocation_reason_code(const char *word, size_t len);

/* The word of a code; NULL: as above. */
const char *revocation_reason_word(int code);

#endif
