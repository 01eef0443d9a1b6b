/*
 * What a request shows to say who asks: a token in Authorization; a client certificate, of the TLS connection or, from a listed
 * proxy where the listener believes it, in Client-Cert. Called by api.c.
 */
#ifndef HTTP_CREDENTIAL_H
#define HTTP_CREDENTIAL_H

#include "http/connection.h"
#include "http/proxies.h"
#include "request/client.h"

/* Which certificate counts, depends on where the connection comes from: of a listed proxy it is the one in Client-Cert, if the
 * listener has client_certificate = "proxy" and its `client_ca` verifies it, while the proxy's own is nobody's; of everybody
 * else the connection's. Anywhere else Client-Cert means nothing, not even a mistake. *out has a reference, which
 * credential_clear() gives back. -1: CS_EINPUT "bad-client-cert", CS_EBUSY without memory; *out is clear. */
int credential_read(struct credential *out, const struct message *m, struct connection *c, const struct proxies *proxies,
                    struct cs_error *err);
void credential_clear(struct credential *credential);

#endif
