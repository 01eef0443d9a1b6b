/*
 * Which CSRs have proven before that their sender holds the key: whoever posts the same bytes again to get the stored chain is
 * served without a public-key operation, which would cost three quarters of the time. Called by csr.c, on the loop.
 */
#ifndef REQUEST_CSR_PROVEN_H
#define REQUEST_CSR_PROVEN_H

#include <stdbool.h>
#include <stdint.h>

#define CSR_PROVEN_MOST 1024 /* are remembered */

/* `sha256` of the whole CSR, signature and all. */
bool csr_proven(const uint8_t sha256[32]);
/* Takes the place of another one perhaps. */
void csr_proven_note(const uint8_t sha256[32]);

#endif
