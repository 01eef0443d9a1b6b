/*
 * The PROXY protocol, version 2 (the binary one): what a proxy writes at the beginning of a connection about the client behind
 * it, before TLS and HTTP. Called by connection_preface.c. Pure, fuzzed (tests/fuzz/fuzz_proxy_header.c).
 */
#ifndef HTTP_PROXY_HEADER_H
#define HTTP_PROXY_HEADER_H

#include "http/peer.h"

#include <countersign/plugin.h>

#define PROXY_HEADER_FIRST 16                          /* bytes that say how many follow */
#define PROXY_HEADER_MOST  (PROXY_HEADER_FIRST + 4096) /* more is refused, though the length field could say it */

enum proxy_header {
    PROXY_HEADER_MORE = 0, /* right so far */
    PROXY_HEADER_READY,
    PROXY_HEADER_BAD
};

/* `bytes` are those from the connection's first on. *need is how many the header has: PROXY_HEADER_FIRST until that is known.
 * READY: *peer is the client, or is left as it is when the proxy speaks for itself (LOCAL). A checksum is checked when there
 * is one (CRC32c); other TLVs are passed over. */
enum proxy_header proxy_header_read(const uint8_t *bytes, size_t len, size_t *need, struct peer *peer);

#endif
