/*
 * Reads in a DNS answer whether a name is an alias (CNAME). Called by alias.c. Pure, fuzzed.
 */
#ifndef REQUEST_ALIAS_REPLY_H
#define REQUEST_ALIAS_REPLY_H

#include <ldns/ldns.h>

enum { ALIAS_SAID = 64 };

enum alias_kind {
    ALIAS_NONE = 1, /* the name has no CNAME record, whether it is there or not */
    ALIAS_TO,       /* it has one; `target` says where to */
    ALIAS_BELOW,    /* it lies in a zone below the one that was asked; `target` is that zone */
    ALIAS_UNKNOWN   /* the answer does not tell; `said` is what it was */
};

struct alias_reply {
    enum alias_kind kind;
    char target[1024]; /* absolute, lower case, odd bytes as \DDD */
    char said[ALIAS_SAID];
};

/* RFC 1034 3.6.2, RFC 2181 10.1: a name has one CNAME record at most, and nothing else beside it. RFC 6672 3: what a DNAME
 * makes of a name stands in the answer as its CNAME. `name` was asked for at the servers of `zone`; both absolute, lower case.
 * `pkt` may be NULL: an error without anything else. */
void alias_reply_read(struct alias_reply *reply, unsigned rcode, const ldns_pkt *pkt, const char *name, const char *zone);

#endif
