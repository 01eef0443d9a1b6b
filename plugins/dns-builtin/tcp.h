/*
 * DNS over TCP (RFC 7766). Runs in the thread of server.c.
 */
#ifndef DNS_BUILTIN_TCP_H
#define DNS_BUILTIN_TCP_H

#include "server.h"

enum {
    TCP_CONNECTIONS = 256,
    TCP_CONNECTIONS_OF_ONE = 32, /* IPv4 address, or IPv6 /64                                             */
    TCP_QUERY_MOST = 4096,       /* bytes; a longer one ends the connection                                 */
    TCP_QUERIES = 1000,          /* of one connection, which is then closed                                 */
    TCP_DEADLINE_MS = 10000      /* for the next whole question, and for the asker to take what is answered */
};

/* `fd` listens and is the core's. */
int tcp_add(struct server *server, int fd, struct cs_error *err);
void tcp_free(struct server *server);

#endif
