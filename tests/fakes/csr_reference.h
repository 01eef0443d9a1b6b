/*
 * A second opinion on a CSR: OpenSSL's own reader of whole requests, which request/csr.c does without, because it decodes the
 * public key at length. Used by tests/unit/request/test_csr_reference.c and tests/fuzz/fuzz_csr.c.
 */
#ifndef FAKES_CSR_REFERENCE_H
#define FAKES_CSR_REFERENCE_H

#include "request/csr.h"

/* Is what csr_read() said of these bytes what OpenSSL says? `refused`: NULL when they were accepted, and read as `csr`. What
 * our own rules refuse is not compared. When it is not, prints both and returns false. */
bool csr_reference_agrees(const uint8_t *der, size_t len, const struct csr *csr, const struct cs_error *refused);

#endif
