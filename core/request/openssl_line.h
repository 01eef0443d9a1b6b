/*
 * The openssl command that makes a given CSR, ready for a shell. Called by csr_advice.c and `countersign sign --print`.
 */
#ifndef REQUEST_OPENSSL_LINE_H
#define REQUEST_OPENSSL_LINE_H

#include "base/text.h"

/* Add `openssl req -new …` with the key and CSR files, a canonical subject, and the names as SAN (none: without). At most
 * OPENSSL_LINE_MAX bytes. -1 and CS_EINPUT when the subject cannot be read. */
#define OPENSSL_LINE_MAX (64 * 1024)
int openssl_line_add(struct text *out, const char *key_file, const char *csr_file, const char *subject,
                     const char *const *names, size_t n_names, struct cs_error *err);

#endif
