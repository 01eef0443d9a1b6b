/*
 * Which server is asked first; see servers.h.
 */
#include "servers.h"

#include "base/address.h"

enum { DNS_PORT = 53 };

int servers_init(struct servers *servers, const struct cs_strings *text, struct cs_error *err)
{
    servers->n = 0;
    if (text->n == 0)
        return cs_fail(err, CS_ECONFIG,
                       "`servers` is empty: name the primary of the zones, as \"192.0.2.1\" or \"192.0.2.1:53\"");
    if (text->n > SERVERS_MOST)
        return cs_fail(err, CS_ECONFIG, "`servers` has %zu entries, at most %d are allowed", text->n, SERVERS_MOST);
    for (size_t i = 0; i < text->n; i++) {
        struct server *server = &servers->v[i];

        *server = (struct server){ .at_len = 0 };
        if (address_parse(text->v[i], DNS_PORT, &server->at, &server->at_len, err) < 0)
            return cs_fail_in(err, "`servers`");
        if (server->at.ss_family != AF_INET && server->at.ss_family != AF_INET6)
            return cs_fail(err, CS_ECONFIG, "`servers`: \"%.100s\" is not the address of a DNS server", text->v[i]);
        address_text(server->text, (const struct sockaddr *)&server->at, server->at_len);
    }
    servers->n = text->n;
    return 0;
}

void servers_order(const struct servers *servers, int64_t now_ms, uint8_t order[SERVERS_MOST])
{
    size_t n = 0;

    for (size_t avoided = 0; avoided < 2; avoided++)
        for (size_t i = 0; i < servers->n; i++)
            if ((servers->v[i].avoid_until_ms > now_ms) == (avoided == 1))
                order[n++] = (uint8_t)i;
}

void servers_failed(struct servers *servers, size_t server, int64_t now_ms)
{
    servers->v[server].avoid_until_ms = now_ms + SERVERS_AVOID_MS;
}

void servers_worked(struct servers *servers, size_t server)
{
    servers->v[server].avoid_until_ms = 0;
}
