/*
 * DNS over UDP, a batch of datagrams at a time. Runs in the thread of server.c.
 */
#ifndef DNS_BUILTIN_UDP_H
#define DNS_BUILTIN_UDP_H

#include "server.h"

/* `fd` is the core's, with IP_PKTINFO or IPV6_RECVPKTINFO set. */
int udp_add(struct server *server, int fd, struct cs_error *err);
void udp_free(struct server *server);

#endif
