/*
 * POST /v1/revoke: what a key's holder signed goes to request/revocation.h, and the answer back (docs/revoke.md). Called by
 * api.c.
 */
#ifndef HTTP_REVOKE_H
#define HTTP_REVOKE_H

#include <jansson.h>

#include "http/connection.h"
#include "http/limits.h"
#include "request/revocation.h"

#define REVOKE_WAIT_MS (60 * 1000) /* then there is an answer */

/* Where a post comes from. Copied; `route` and `limits` outlive the connection. */
struct revoke_from {
    struct connection *c;
    const char *route;
    struct limits *limits; /* NULL: none; refusals count there */
    struct limits_source source;
    struct limits_wait wait; /* ends with the answer */
};
void revoke_post(struct heart *heart, const struct revoke_from *from, const char *body, size_t body_len, int64_t wait_ms);

/* That it is revoked, as both this and the control socket tell it. NULL: no memory. */
json_t *revoke_json(const struct revocation_answer *answer);

#endif
