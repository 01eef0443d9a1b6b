/*
 * A DNS name as it stands in packets: uncompressed, with the root label; what the files of dns-rfc2136 hand to each other.
 */
#ifndef DNS_RFC2136_WIRE_NAME_H
#define DNS_RFC2136_WIRE_NAME_H

#include <stddef.h>
#include <stdint.h>

struct wire_name {
    const uint8_t *at;
    size_t len;
};

#endif
