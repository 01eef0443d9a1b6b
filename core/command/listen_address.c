/*
 * All that a configuration listens on; see listen_address.h.
 */
#include "command/listen_address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/address.h"

enum { DNS_PORT = 53 };

/* ---- Comparing ---- */

uint16_t listen_address_port(const struct sockaddr_storage *at)
{
    return ntohs(at->ss_family == AF_INET ? ((const struct sockaddr_in *)at)->sin_port
                                          : ((const struct sockaddr_in6 *)at)->sin6_port);
}

bool listen_address_is_any(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ((const struct sockaddr_in *)at)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)at)->sin6_addr);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr);
}

bool listen_address_is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_UNIX)
        return strcmp(((const struct sockaddr_un *)a)->sun_path, ((const struct sockaddr_un *)b)->sun_path) == 0;
    return listen_address_port(a) == listen_address_port(b) && same_host(a, b);
}

bool listen_address_excludes(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family || a->ss_family == AF_UNIX)
        return listen_address_is_same(a, b);
    return listen_address_port(a) != 0 && listen_address_port(a) == listen_address_port(b) &&
           (listen_address_is_any(a) || listen_address_is_any(b) || same_host(a, b));
}

void listen_address_name(char out[160], const struct sockaddr_storage *at, socklen_t len, int type)
{
    char text[128];

    address_text(text, (const struct sockaddr *)at, len);
    snprintf(out, 160, "%s%s", at->ss_family == AF_UNIX ? "" : type == SOCK_STREAM ? "TCP " : "UDP ", text);
}

/* ---- All of them ---- */

/* What cannot be parsed the configuration's own checks complain of. */
static int tell(struct listen_address *address, uint16_t port, bool udp, listen_address_fn *fn, void *arg)
{
    if (!address->text || address_parse(address->text, port, &address->at, &address->len, NULL) < 0)
        return 0;
    address->type = SOCK_STREAM;
    if (fn(arg, address) < 0)
        return -1;
    address->type = SOCK_DGRAM;
    return udp && address->at.ss_family != AF_UNIX ? fn(arg, address) : 0;
}

static int tell_listener(const struct listen_settings *listen, const char *setting, listen_address_fn *fn, void *arg)
{
    struct listen_address address = { .node = listen->at, .text = listen->address, .group = listen->group_id };

    snprintf(address.setting, sizeof address.setting, "%s", setting);
    return tell(&address, (uint16_t)listen->port, false, fn, arg);
}

static int tell_block(const struct block_settings *block, listen_address_fn *fn, void *arg)
{
    const bool dns = block->role == ROLE_DNS;

    for (size_t i = 0; i < block->n_listen; i++) {
        struct listen_address address = { .node = block->at, .block = block, .text = block->listen[i], .group = (gid_t)-1 };

        snprintf(address.setting, sizeof address.setting, "%s.%.60s", role_name(block->role), block->name);
        if (tell(&address, dns ? DNS_PORT : 0, dns, fn, arg) < 0)
            return -1;
    }
    return 0;
}

int listen_address_each(const struct settings *settings, listen_address_fn *fn, void *arg)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        if (tell_listener(&settings->listen[i], "`listen`", fn, arg) < 0)
            return -1;
    if (tell_listener(&settings->admin, "`admin`", fn, arg) < 0)
        return -1;
    for (size_t i = 0; i < settings->n_blocks; i++)
        if (tell_block(&settings->blocks[i], fn, arg) < 0)
            return -1;
    return 0;
}
