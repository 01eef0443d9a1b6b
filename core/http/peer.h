/*
 * Who is at the other end: of a connection, or, as proxies say it, of the one behind it.
 */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct peer {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;       /* of a unix socket only the family; AF_UNSPEC: it is not known */
    socklen_t len;
    bool from_proxy; /* a PROXY header said so, not the socket */
};

#endif
