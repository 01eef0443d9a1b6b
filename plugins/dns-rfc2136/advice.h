/*
 * Turns a server's refusal into an error that says what to change there. Called by exchange.c. Pure.
 */
#ifndef DNS_RFC2136_ADVICE_H
#define DNS_RFC2136_ADVICE_H

#include "reply.h"

struct advice_about {
    const char *server;   /* "192.0.2.1:53" */
    const char *owner;    /* the name whose values change */
    const char *zone;     /* of the update; NULL: this was the question for the zone */
    const char *key_name; /* NULL: not signed */
    const char *algorithm;
    uint64_t now_s;
};

/* Returns -1 with *err: CS_EREFUSED (the server said no: policy, key, zone), CS_ECONFIG (the clocks differ), CS_EUPSTREAM
 * (SERVFAIL). `reply` has not succeeded, or nobody vouches for it. */
int advice_fail(const struct advice_about *about, const struct reply *reply, struct cs_error *err);

/* Would another server perhaps do it? One that fails, that is no primary, that takes no updates at all, or that does not serve
 * the zone it is asked for, says so by its RCODE; a policy, a key, a clock and a prerequisite are the same everywhere. */
bool advice_tries_next(const struct reply *reply, bool update);

#endif
