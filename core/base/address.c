/*
 * Addresses as they stand in the configuration, to and fro; see address.h.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* Digits only, at most 65535; -1: not a port. */
static int port_of(const char *text)
{
    int port = 0;

    if (!*text || strlen(text) > 5)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        port = port * 10 + (*text - '0');
    }
    return port <= 65535 ? port : -1;
}

static int parse_unix(const char *path, const char *text, struct sockaddr_storage *out, socklen_t *out_len,
                      struct cs_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);

    if (path[0] != '/')
        return cs_fail(err, CS_ECONFIG, "\"%s\": the path of a unix socket must begin with a slash", text);
    if (len >= sizeof address.sun_path)
        return cs_fail(err, CS_ECONFIG, "\"%s\": the path of a unix socket has at most %zu bytes", text,
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, len + 1);
    memcpy(out, &address, sizeof address);
    *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

/* RFC 4007 11: "fe80::1%eth0". */
static int host_v6(const char *host, struct sockaddr_in6 *address)
{
    char ip[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%");

    if (len >= sizeof ip)
        return -1;
    memcpy(ip, host, len);
    ip[len] = '\0';
    if (host[len] == '%') {
        address->sin6_scope_id = if_nametoindex(host + len + 1);
        if (address->sin6_scope_id == 0)
            return -1;
    }
    return inet_pton(AF_INET6, ip, &address->sin6_addr) == 1 ? 0 : -1;
}

/* Splits "HOST:PORT" or "[HOST]:PORT"; *port NULL: there is none. */
static int split(const char *text, char host[128], const char **port, bool *brackets)
{
    const char *from = text, *end;

    *brackets = text[0] == '[';
    if (*brackets) {
        from = text + 1;
        end = strchr(from, ']');
        if (!end || (end[1] && end[1] != ':'))
            return -1;
        *port = end[1] ? end + 2 : NULL;
    } else {
        end = from + strcspn(from, ":");
        if (*end && strchr(end + 1, ':'))
            return -1;
        *port = *end ? end + 1 : NULL;
    }
    if (end - from >= 128)
        return -1;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    return 0;
}

int address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *out, socklen_t *out_len,
                  struct cs_error *err)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const char *port_text;
    char host[128];
    bool brackets;
    int port;

    *out = (struct sockaddr_storage){ 0 };
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, text, out, out_len, err);
    if (split(text, host, &port_text, &brackets) < 0)
        return cs_fail(err, CS_ECONFIG,
                       "\"%s\" is not an address: write \"192.0.2.1:53\", \"[2001:db8::1]:53\" or \"unix:/path\"", text);
    port = port_text ? port_of(port_text) : default_port;
    if (port < 0)
        return cs_fail(err, CS_ECONFIG, "\"%s\": the port must be a number up to 65535", text);
    if (!port_text && default_port == 0)
        return cs_fail(err, CS_ECONFIG, "\"%s\": there is no port", text);
    if (brackets && host_v6(host, &v6) == 0) {
        v6.sin6_port = htons((uint16_t)port);
        memcpy(out, &v6, sizeof v6);
        *out_len = sizeof v6;
        return 0;
    }
    if (!brackets && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        v4.sin_port = htons((uint16_t)port);
        memcpy(out, &v4, sizeof v4);
        *out_len = sizeof v4;
        return 0;
    }
    return cs_fail(err, CS_ECONFIG, "\"%s\" is not an IPv%c address (names are not looked up)", host,
                   brackets ? '6' : '4');
}

static void text_v6(char out[128], const struct sockaddr_in6 *address)
{
    char ip[INET6_ADDRSTRLEN] = "?", name[IF_NAMESIZE] = "", scope[IF_NAMESIZE + 16] = "";

    inet_ntop(AF_INET6, &address->sin6_addr, ip, sizeof ip);
    if (address->sin6_scope_id && if_indextoname(address->sin6_scope_id, name))
        snprintf(scope, sizeof scope, "%%%s", name);
    else if (address->sin6_scope_id)
        snprintf(scope, sizeof scope, "%%%u", (unsigned)address->sin6_scope_id);
    snprintf(out, 128, "[%s%s]:%u", ip, scope, (unsigned)ntohs(address->sin6_port));
}

void address_text(char out[128], const struct sockaddr *address, socklen_t len)
{
    char ip[INET_ADDRSTRLEN] = "?";

    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
        snprintf(out, 128, "%s:%u", ip, (unsigned)ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        text_v6(out, (const struct sockaddr_in6 *)(const void *)address);
    } else if (address->sa_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;
        size_t most = len > offsetof(struct sockaddr_un, sun_path) ? len - offsetof(struct sockaddr_un, sun_path) : 0;

        snprintf(out, 128, "unix:%.*s", (int)strnlen(un->sun_path, most), un->sun_path);
    } else {
        snprintf(out, 128, "unknown address");
    }
}
