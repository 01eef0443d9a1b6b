/*
 * Keys with which no certificate is asked for, however good they are. Called by request.c for each CSR.
 */
#ifndef REQUEST_REFUSED_KEYS_H
#define REQUEST_REFUSED_KEYS_H

#include "request/csr.h"
#include "request/heart.h"

/* CS_EINPUT "compromised-key" (blocked_keys.h), "revoked-key" (revoked_keys.h), or "own-key": a plugin or a listener of the
 * server holds it. The server's own front, "self", asks with the keys of listeners, which is what it is for. */
int refused_keys_check(const struct heart *heart, const char *front, const struct csr *csr, struct cs_error *err);

#endif
