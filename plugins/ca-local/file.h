/*
 * The files of a CA's state folder: key, certificate, list of revoked certificates. Called by local.c and crl.c.
 */
#ifndef CA_LOCAL_FILE_H
#define CA_LOCAL_FILE_H

#include <countersign/plugin.h>
#include <openssl/bio.h>

/* Written beside it and then renamed, so that it is never there in half; on the disk when this returns. `mode`: 0600 for what
 * is secret. -1: CS_ECONFIG. */
int file_write(const char *folder, const char *name, BIO *content, unsigned mode, struct cs_error *err);

/* NULL with *err clear: there is no such file. */
BIO *file_read(const char *folder, const char *name, struct cs_error *err);

#endif
