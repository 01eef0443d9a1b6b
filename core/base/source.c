/*
 * Cuts an address down to what counts as one source; see source.h. Pure.
 */
#include "base/source.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static struct source of_v4(const uint8_t bytes[4])
{
    struct source source = { .family = SOURCE_IPV4 };

    memcpy(source.address, bytes, 4);
    return source;
}

static struct source of_v6(const uint8_t bytes[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    struct source source = { .family = SOURCE_IPV6 };

    if (memcmp(bytes, mapped, sizeof mapped) == 0 || memcmp(bytes, nat64, sizeof nat64) == 0)
        return of_v4(bytes + 12);
    memcpy(source.address, bytes, sizeof source.address);
    return source;
}

struct source source_of(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (len >= sizeof v4 && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return of_v4((const uint8_t *)&v4.sin_addr);
    }
    if (len >= sizeof v6 && address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return of_v6(v6.sin6_addr.s6_addr);
    }
    return (struct source){ .family = SOURCE_UNKNOWN };
}

/* RFC 4007 11.2: a zone is one of this host's, or of the proxy's that wrote it; it says nothing about the source. */
static bool is_zone(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '%' || text[i] == '/')
            return false;
    return len > 0 && len < IF_NAMESIZE;
}

bool source_parse(const char *text, struct source *out)
{
    char ip[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    size_t len = strcspn(text, "%");

    *out = (struct source){ .family = SOURCE_UNKNOWN };
    if (len >= sizeof ip || (text[len] && !is_zone(text + len + 1)))
        return false;
    memcpy(ip, text, len);
    ip[len] = '\0';
    if (!text[len] && inet_pton(AF_INET, ip, bytes) == 1)
        *out = of_v4(bytes);
    else if (inet_pton(AF_INET6, ip, bytes) == 1)
        *out = of_v6(bytes);
    return out->family != SOURCE_UNKNOWN;
}
