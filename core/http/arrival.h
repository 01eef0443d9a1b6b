/*
 * What a request's arrival says about its sender: where it comes from, and with what kind of program. Called by api.c for the
 * limits and for the record of visits; nothing of it is written anywhere else. Pure.
 */
#ifndef HTTP_ARRIVAL_H
#define HTTP_ARRIVAL_H

#include "base/source.h"
#include "http/message.h"
#include "http/peer.h"
#include "http/proxies.h"

/* Who said where it comes from. */
enum arrival_from {
    ARRIVAL_SOCKET = 1, /* the socket */
    ARRIVAL_PROXY,      /* a PROXY header */
    ARRIVAL_FORWARDED,  /* a trusted proxy, in a field of the request */
    ARRIVAL_UNKNOWN,    /* nobody */
    ARRIVAL_MALFORMED   /* a trusted proxy, but it cannot be read or contradicts itself */
};

struct arrival {
    struct source source;
    enum arrival_from from;
    struct peer peer;   /* whose address that is; AF_UNSPEC: nobody's */
    const char *client; /* a word of user_agent.h */
};

void arrival_read(struct arrival *out, const struct message *m, const struct peer *peer, const struct proxies *proxies);
const char *arrival_word(enum arrival_from from); /* "socket", … */

#endif
