/*
 * The file of the account key: read, or made on first start. Used by acme.c.
 */
#ifndef CA_ACME_ACCOUNT_KEY_H
#define CA_ACME_ACCOUNT_KEY_H

#include "jose.h"

/* The key in `path`, which others must not be able to read; when there is no such file, a new one of `key_type`, on the disk
 * (file and folder synced) before this returns. CS_ECONFIG with the path otherwise. */
int account_key_open(struct jose_key **out, const char *path, const char *key_type, struct cs_error *err);

/* The same for who only looks: without such a file *out is NULL, and that is fine. */
int account_key_look(struct jose_key **out, const char *path, struct cs_error *err);

#endif
