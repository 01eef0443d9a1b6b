/*
 * A table of hashes, each with the one place that its first bits say; see csr_proven.h. It is part of no server, since what it
 * knows is true for all. A place that nobody took holds zeros, which no hash that anybody can find is.
 */
#include "request/csr_proven.h"

#include <string.h>

static uint8_t proven[CSR_PROVEN_MOST][32];

static uint8_t *place_of(const uint8_t sha256[32])
{
    return proven[(sha256[0] << 8 | sha256[1]) % CSR_PROVEN_MOST];
}

bool csr_proven(const uint8_t sha256[32])
{
    return memcmp(place_of(sha256), sha256, 32) == 0;
}

void csr_proven_note(const uint8_t sha256[32])
{
    memcpy(place_of(sha256), sha256, 32);
}
