/*
 * Is what the CA gave what was asked for? Called by job.c before anything is stored or handed out.
 */
#ifndef REQUEST_CERTIFICATE_H
#define REQUEST_CERTIFICATE_H

#include <countersign/plugin.h>

#include "request/issuers.h"

struct certificate {
    char serial[65]; /* hexadecimal, lower case */
    int64_t not_before_ms, not_after_ms;
    char *pem; /* the chain, normalised: only CERTIFICATE blocks, one newline after each; owned */
    size_t pem_len;
};

/* Leaf key = `spki_sha256`, names = `names` exactly (SAN, and CN if there is one among them), now within its dates (60 s slack;
 * not_after in the future), not a CA, each certificate issued and signed by the next. CS_EUPSTREAM, reason "bad-chain",
 * otherwise. `issuers` may be NULL. */
int certificate_check(struct certificate *out, struct issuers *issuers, const char *pem, size_t len,
                      const uint8_t spki_sha256[32], const char *const *names, size_t n_names, int64_t now_ms,
                      struct cs_error *err);
void certificate_free(struct certificate *certificate);

#endif
