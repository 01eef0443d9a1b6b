/*
 * Reads a PROXY header; see proxy_header.h. Called by connection_preface.c. Pure.
 */
#include "http/proxy_header.h"

#include <string.h>

#define VERSION      0x20
#define LOCAL        0x0
#define PROXY        0x1
#define TLV_CHECKSUM 0x03

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* Families and transports, in one byte, and the bytes of addresses and ports that follow. Datagrams do not come here. */
static const struct {
    uint8_t kind;
    uint16_t addresses_len;
} kinds[] = { { 0x00, 0 }, { 0x11, 12 }, { 0x21, 36 }, { 0x31, 216 } };

static uint16_t number_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* RFC 3720 B.4: Castagnoli's polynomial, reflected. The four bytes at `hole` count as zero. */
static uint32_t checksum(const uint8_t *bytes, size_t len, size_t hole)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

/* From `at` to the end: type, length, value, one after another. */
static bool tlvs_are_good(const uint8_t *bytes, size_t len, size_t at)
{
    bool has_checksum = false;

    while (at < len) {
        size_t value_len;

        if (len - at < 3)
            return false;
        value_len = number_at(bytes + at + 1);
        if (value_len > len - at - 3)
            return false;
        if (bytes[at] == TLV_CHECKSUM) {
            const uint8_t *value = bytes + at + 3;

            if (has_checksum || value_len != 4 ||
                checksum(bytes, len, at + 3) != ((uint32_t)number_at(value) << 16 | number_at(value + 2)))
                return false;
            has_checksum = true;
        }
        at += 3 + value_len;
    }
    return true;
}

static void set_peer(struct peer *peer, const uint8_t *bytes)
{
    const uint8_t *source = bytes + PROXY_HEADER_FIRST;

    *peer = (struct peer){ .from_proxy = true };
    peer->address.any.sa_family = AF_UNSPEC;
    peer->len = sizeof peer->address.any.sa_family;
    if (bytes[13] == 0x11) {
        peer->address.v4.sin_family = AF_INET;
        memcpy(&peer->address.v4.sin_addr, source, 4);
        peer->len = sizeof peer->address.v4;
    } else if (bytes[13] == 0x21) {
        peer->address.v6.sin6_family = AF_INET6;
        memcpy(&peer->address.v6.sin6_addr, source, 16);
        peer->len = sizeof peer->address.v6;
    } else if (bytes[13] == 0x31) {
        peer->address.any.sa_family = AF_UNIX;
    }
}

/* All of it is there. Where nothing is said about addresses, nothing is known about what follows either. */
static bool take(const uint8_t *bytes, size_t len, struct peer *peer)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t tlvs = PROXY_HEADER_FIRST + (size_t)kinds[i].addresses_len;

        if (bytes[13] != kinds[i].kind)
            continue;
        if (kinds[i].kind && (len < tlvs || !tlvs_are_good(bytes, len, tlvs)))
            return false;
        if (bytes[12] == (VERSION | PROXY))
            set_peer(peer, bytes);
        return true;
    }
    return false;
}

enum proxy_header proxy_header_read(const uint8_t *bytes, size_t len, size_t *need, struct peer *peer)
{
    *need = PROXY_HEADER_FIRST;
    if (memcmp(bytes, signature, len < sizeof signature ? len : sizeof signature) != 0)
        return PROXY_HEADER_BAD;
    if (len > 12 && bytes[12] != (VERSION | LOCAL) && bytes[12] != (VERSION | PROXY))
        return PROXY_HEADER_BAD;
    if (len < PROXY_HEADER_FIRST)
        return PROXY_HEADER_MORE;
    *need = PROXY_HEADER_FIRST + (size_t)number_at(bytes + 14);
    if (*need > PROXY_HEADER_MOST)
        return PROXY_HEADER_BAD;
    if (len < *need)
        return PROXY_HEADER_MORE;
    return take(bytes, *need, peer) ? PROXY_HEADER_READY : PROXY_HEADER_BAD;
}
