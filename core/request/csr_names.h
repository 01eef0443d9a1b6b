/*
 * The names that a CSR asks for. Called by csr.c.
 */
#ifndef REQUEST_CSR_NAMES_H
#define REQUEST_CSR_NAMES_H

#include <openssl/x509v3.h>

#include "request/csr.h"

/* Fill cn, names, n_names and cn_only: the CN and the DNS names of `san` (NULL: no such extension) in lower case, sorted, each
 * once. CS_EINPUT "san-type", "bad-name", "bad-subject", "no-names", "too-many-names". */
int csr_names_read(struct csr *out, const X509_NAME *subject, const GENERAL_NAMES *san, struct cs_error *err);

#endif
