/*
 * All that a configuration listens on, one by one: entries of `listen`, `admin`, and `listen` of blocks. Called by ports.c,
 * which asks who has them, and serve_addresses.c, which asks whether a running server can go over to them.
 */
#ifndef COMMAND_LISTEN_ADDRESS_H
#define COMMAND_LISTEN_ADDRESS_H

#include <sys/socket.h>

#include "plugin/settings.h"

struct listen_address {
    const struct config_node *node;     /* what to complain of */
    const struct block_settings *block; /* NULL: the server's own */
    char setting[80];                   /* "`listen`", "`admin`" or "dns.builtin" */
    const char *text;                   /* as it is written */
    gid_t group;                        /* of a unix socket's file; (gid_t)-1: whoever's it is */
    struct sockaddr_storage at;
    socklen_t len;
    int type; /* SOCK_STREAM or SOCK_DGRAM */
};

/* Each that can be parsed; a DNS block has two at each address. -1 from `fn` ends it, and is the result. */
typedef int listen_address_fn(void *arg, const struct listen_address *address);
int listen_address_each(const struct settings *settings, listen_address_fn *fn, void *arg);

/* "TCP 127.0.0.1:8443", "unix:/run/countersign.sock" */
void listen_address_name(char out[160], const struct sockaddr_storage *at, socklen_t len, int type);

/* Not for unix sockets. */
uint16_t listen_address_port(const struct sockaddr_storage *at);
bool listen_address_is_any(const struct sockaddr_storage *at);

/* Are they one address, with its port? */
bool listen_address_is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* Does a socket at one of them keep another one of the same type from the other? Port 0 keeps nobody. */
bool listen_address_excludes(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
