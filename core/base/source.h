/*
 * Where a request comes from, cut down to what may count as one source: an IPv4 address, or the /64 of an IPv6 address. It
 * stays in memory; what is written is a pseudonym of it (records/pseudonym.h). Used by http/ (arrival), records/visit.c and the
 * privacy commands. Pure.
 */
#ifndef BASE_SOURCE_H
#define BASE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SOURCE_UNKNOWN = 0, SOURCE_IPV4 = 4, SOURCE_IPV6 = 6 };

struct source {
    uint8_t family;
    uint8_t address[8]; /* IPv4: four bytes and four zeros */
};

/* IPv4-mapped (RFC 4291 2.5.5.2) and NAT64 addresses (RFC 6052 2.1, 64:ff9b::/96) are the IPv4 address in them. Any family but
 * AF_INET and AF_INET6: SOURCE_UNKNOWN. */
struct source source_of(const struct sockaddr *address, socklen_t len);

/* An address as text, without port or brackets. False: it is none. */
bool source_parse(const char *text, struct source *out);

#endif
