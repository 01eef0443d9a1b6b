/*
 * The attributes and the requested extensions of a CSR: which are refused, which are passed over, and the one that counts, the
 * SAN. Called by csr.c.
 */
#ifndef REQUEST_CSR_EXTENSIONS_H
#define REQUEST_CSR_EXTENSIONS_H

#include <openssl/x509v3.h>

#include <countersign/plugin.h>

#include "base/der.h"

/* Check them all; `attributes` is the request's [0], in strict DER. *san gets the subjectAltName, to be freed with
 * GENERAL_NAMES_free(), or NULL when there is none. CS_EINPUT "bad-attribute", "extension", "bad-der". */
int csr_extensions_read(struct der_span attributes, GENERAL_NAMES **san, struct cs_error *err);

#endif
