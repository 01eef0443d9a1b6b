/*
 * The command that makes the CSR that should have been sent; declared in csr.h. Called for the answer to a CSR without SAN.
 */
#include "request/csr.h"
#include "request/openssl_line.h"

void csr_cn_only_advice(const struct csr *csr, struct text *out)
{
    openssl_line_add(out, "KEY.pem", "CSR.pem", csr->subject, (const char *const *)csr->names, csr->n_names, NULL);
}
