/*
 * Names that follow from a key: in `names` of a subject's row the entry "{key}.x" allows the one name below x whose first label
 * is the hash of the CSR's key (docs/csr.md). So nobody gets somebody else's name without his key, and names need no register.
 * Used by grant.c; command/subject.c writes such entries. Pure.
 */
#ifndef REQUEST_KEY_NAME_H
#define REQUEST_KEY_NAME_H

#include <countersign/plugin.h>

#include "base/name.h"

#define KEY_NAME_MARK  "{key}." /* no DNS name has these characters */
#define KEY_NAME_LABEL 52       /* characters of the label */

bool key_name_is_entry(const char *entry);

/* The name that an entry allows to a key, by the SHA-256 of its SubjectPublicKeyInfo: that in base32 (RFC 4648 6), in lower
 * case and without padding, in place of the mark. False: it is too long for a name. */
bool key_name_make(char out[NAME_MAX_LEN + 1], const char *entry, const uint8_t spki_sha256[32]);

#endif
