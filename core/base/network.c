/*
 * Reads networks and compares addresses with them; see network.h. Pure.
 */
#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define MAPPED_BITS 96

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static unsigned most_bits(int family)
{
    return family == AF_INET ? 32 : 128;
}

static void unmap(int *family, uint8_t address[16])
{
    if (*family != AF_INET6 || memcmp(address, mapped, sizeof mapped) != 0)
        return;
    *family = AF_INET;
    memmove(address, address + sizeof mapped, 4);
    memset(address + 4, 0, 12);
}

/* Digits only, at most `most`; -1: it is not. */
static int number_of(const char *text, unsigned most)
{
    unsigned number = 0;

    if (!*text || strlen(text) > 3)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (unsigned)(*text - '0');
    }
    return number <= most ? (int)number : -1;
}

static bool is_masked(const struct network *network)
{
    for (unsigned bit = network->bits; bit < most_bits(network->family); bit++)
        if (network->address[bit / 8] & (0x80u >> bit % 8))
            return false;
    return true;
}

static int parse_address(const char *text, size_t len, struct network *out)
{
    char ip[INET6_ADDRSTRLEN];

    if (len >= sizeof ip)
        return -1;
    memcpy(ip, text, len);
    ip[len] = '\0';
    out->family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    return inet_pton(out->family, ip, out->address) == 1 ? 0 : -1;
}

int network_parse(const char *text, struct network *out, struct cs_error *err)
{
    size_t len = strcspn(text, "/");
    int bits;

    *out = (struct network){ 0 };
    if (parse_address(text, len, out) < 0)
        return cs_fail(err, CS_ECONFIG, "\"%s\" is not a network: write \"192.0.2.0/24\", \"2001:db8::/32\" or one address",
                       text);
    bits = text[len] ? number_of(text + len + 1, most_bits(out->family)) : (int)most_bits(out->family);
    if (bits < 0)
        return cs_fail(err, CS_ECONFIG, "\"%s\": behind the slash a number up to %u is needed", text, most_bits(out->family));
    out->bits = (unsigned)bits;
    if (!is_masked(out))
        return cs_fail(err, CS_ECONFIG, "\"%s\": the address has bits behind its %u bits of network; is another number meant?",
                       text, out->bits);
    if (out->bits >= MAPPED_BITS && out->family == AF_INET6) {
        unmap(&out->family, out->address);
        out->bits -= out->family == AF_INET ? MAPPED_BITS : 0;
    }
    return 0;
}

static bool bytes_of(const struct sockaddr *address, socklen_t len, int *family, uint8_t bytes[16])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (len >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        memcpy(bytes, &v4.sin_addr, 4);
    } else if (len >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        memcpy(bytes, &v6.sin6_addr, 16);
    } else {
        return false;
    }
    *family = address->sa_family;
    unmap(family, bytes);
    return true;
}

bool network_has(const struct network *network, const struct sockaddr *address, socklen_t len)
{
    uint8_t bytes[16] = { 0 };
    int family;

    if (!bytes_of(address, len, &family, bytes) || family != network->family)
        return false;
    for (unsigned bit = 0; bit < network->bits; bit += 8) {
        unsigned left = network->bits - bit;
        uint8_t mask = (uint8_t)(left >= 8 ? 0xffu : 0xff00u >> left);

        if ((bytes[bit / 8] ^ network->address[bit / 8]) & mask)
            return false;
    }
    return true;
}
