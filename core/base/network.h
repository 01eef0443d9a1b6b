/*
 * A network, "10.0.0.0/8", or a single address, and whether an address lies in it. Used by plugin/settings.c and
 * http/proxies.c. Pure.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <sys/socket.h>

#include <countersign/plugin.h>

struct network {
    int family; /* AF_INET, AF_INET6 */
    uint8_t address[16];
    unsigned bits; /* of the address that count */
};

/* "192.0.2.0/24", "2001:db8::/32", "127.0.0.1". -1 and CS_ECONFIG. An IPv4-mapped network is that IPv4 network. */
int network_parse(const char *text, struct network *out, struct cs_error *err);

/* An IPv4-mapped address is that IPv4 address. False for any family but AF_INET and AF_INET6. */
bool network_has(const struct network *network, const struct sockaddr *address, socklen_t len);

#endif
