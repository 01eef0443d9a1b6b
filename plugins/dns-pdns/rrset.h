/*
 * What we want at one owner name, and the JSON that brings PowerDNS there. Used by step.c. Pure, fuzzed.
 */
#ifndef DNS_PDNS_RRSET_H
#define DNS_PDNS_RRSET_H

#include "reply.h"

struct rrset_goal {
    const char *owner;
    char **want, **gone; /* a value in both is wanted */
    size_t n_want, n_gone;
    uint32_t ttl;
};

/* Is every value of `want` served, and none of `gone`? */
bool rrset_reached(const struct reply_rrset *seen, const struct rrset_goal *goal);
/* Are there records that are not served? EXTEND and PRUNE lose them (4.9.12 to 5.1). */
bool rrset_has_disabled(const struct reply_rrset *seen);

/* The body of a PATCH, for free(); NULL: no memory. The first writes the whole set, with what others have there, byte for byte,
 * and with the comments. The second says only what is to be added and taken away (EXTEND, PRUNE). */
char *rrset_replace(const struct reply_rrset *seen, const struct rrset_goal *goal);
char *rrset_extend(const struct reply_rrset *seen, const struct rrset_goal *goal);

#endif
