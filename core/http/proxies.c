/*
 * The list of trusted proxies; see proxies.h.
 */
#include "http/proxies.h"

#include <stdlib.h>
#include <string.h>

int proxies_read(struct proxies *out, const char *const *words, size_t n, struct cs_error *err)
{
    *out = (struct proxies){ .networks = calloc(n + 1, sizeof *out->networks) };
    if (!out->networks)
        return cs_fail(err, CS_EBUSY, "no memory for the list of proxies");
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], PROXIES_UNIX) == 0)
            out->local = true;
        else if (network_parse(words[i], &out->networks[out->n++], err) < 0) {
            proxies_clear(out);
            return -1;
        }
    }
    return 0;
}

void proxies_clear(struct proxies *proxies)
{
    free(proxies->networks);
    *proxies = (struct proxies){ 0 };
}

bool proxies_trust(const struct proxies *proxies, const struct sockaddr *address, socklen_t len)
{
    if (len >= sizeof address->sa_family && address->sa_family == AF_UNIX)
        return proxies->local;
    for (size_t i = 0; i < proxies->n; i++)
        if (network_has(&proxies->networks[i], address, len))
            return true;
    return false;
}
