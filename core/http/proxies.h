/*
 * The proxies of the configuration, whose word about where a request comes from is believed. Made by server.c, asked by
 * arrival.c.
 */
#ifndef HTTP_PROXIES_H
#define HTTP_PROXIES_H

#include "base/network.h"

#define PROXIES_UNIX "unix" /* in place of a network: whoever connects to a unix socket */

struct proxies {
    struct network *networks;
    size_t n;
    bool local; /* PROXIES_UNIX is among them */
};

/* `words` as in the configuration. -1 and CS_ECONFIG. */
int proxies_read(struct proxies *out, const char *const *words, size_t n, struct cs_error *err);
void proxies_clear(struct proxies *proxies);

bool proxies_trust(const struct proxies *proxies, const struct sockaddr *address, socklen_t len);

#endif
