/*
 * Puts together what is known about a request's sender; see arrival.h. Called by api.c. Pure.
 */
#include "http/arrival.h"

#include "http/forwarded.h"
#include "http/user_agent.h"

const char *arrival_word(enum arrival_from from)
{
    static const char *const words[] = { [ARRIVAL_SOCKET] = "socket",   [ARRIVAL_PROXY] = "proxy",
                                         [ARRIVAL_FORWARDED] = "forwarded", [ARRIVAL_UNKNOWN] = "unknown",
                                         [ARRIVAL_MALFORMED] = "malformed" };

    return words[from];
}

static void take(struct arrival *out, const struct peer *peer, enum arrival_from from)
{
    out->peer = *peer;
    out->source = source_of(&peer->address.any, peer->len);
    out->from = out->source.family == SOURCE_UNKNOWN ? ARRIVAL_UNKNOWN : from;
}

void arrival_read(struct arrival *out, const struct message *m, const struct peer *peer, const struct proxies *proxies)
{
    struct peer client;

    *out = (struct arrival){ .from = ARRIVAL_UNKNOWN, .client = user_agent_class(m) };
    if (!proxies_trust(proxies, &peer->address.any, peer->len)) {
        take(out, peer, peer->from_proxy ? ARRIVAL_PROXY : ARRIVAL_SOCKET);
        return;
    }
    switch (forwarded_read(&client, m, proxies)) {
    case FORWARDED_NONE: /* the proxy itself asks */
        take(out, peer, peer->from_proxy ? ARRIVAL_PROXY : ARRIVAL_SOCKET);
        break;
    case FORWARDED_FOUND:
        take(out, &client, ARRIVAL_FORWARDED);
        break;
    case FORWARDED_UNKNOWN:
        break;
    case FORWARDED_MALFORMED:
        out->from = ARRIVAL_MALFORMED;
        break;
    }
}
