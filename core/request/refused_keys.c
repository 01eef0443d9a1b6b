/*
 * Others' keys, revoked ones, our own; see refused_keys.h.
 */
#include "request/refused_keys.h"

#include <string.h>

#include "plugin/instance.h"
#include "request/blocked_keys.h"
#include "request/revoked_keys.h"

/* Who can use a certificate's key could then give orders in the account's name (RFC 8555 11.1), or be the server. */
static int refuse_own(struct cs_error *err, const char *whose)
{
    return cs_fail_as(err, CS_EINPUT, "own-key",
                      "the key is this server's own, %s: make one for this certificate alone with openssl genpkey", whose);
}

int refused_keys_check(const struct heart *heart, const char *front, const struct csr *csr, struct cs_error *err)
{
    if (heart->blocked_keys && blocked_keys_check(*heart->blocked_keys, csr, err) < 0)
        return -1;
    if (revoked_keys_check(heart->revoked_keys, csr->spki_sha256, err) < 0)
        return -1;
    if (instances_hold_key(heart->instances, csr->spki_sha256))
        return refuse_own(err, "that of its account at a CA, or of a CA");
    if (strcmp(front, "self") != 0 && heart->is_listener_key && heart->is_listener_key(heart->listeners, csr->spki_sha256))
        return refuse_own(err, "that of one of its listeners");
    return 0;
}
