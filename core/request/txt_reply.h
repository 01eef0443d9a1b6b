/*
 * Reads in a DNS answer whether a TXT value (or a CNAME record) is there, and what there is instead. Called by visible.c. Pure,
 * fuzzed.
 */
#ifndef REQUEST_TXT_REPLY_H
#define REQUEST_TXT_REPLY_H

#include <ldns/ldns.h>
#include <stdbool.h>

enum { TXT_REPLY_SAID = 64 };

struct txt_question {
    const char *owner; /* what was asked for: absolute, lower case */
    const char *value;
    const char *alias; /* NULL; or instead of a value: the target of a CNAME record, absolute, lower case */
    const char *zone;  /* the zone of the server that answered */
};

struct txt_reply {
    bool has;
    char said[TXT_REPLY_SAID]; /* unless it has: "NXDOMAIN", "2 other values", … */
    char referral[1024];       /* a zone below `zone` that the owner lies in, as the answer says; "": none */
};

/* `pkt` may be NULL: an error without anything else. */
void txt_reply_read(struct txt_reply *reply, unsigned rcode, const ldns_pkt *pkt, const struct txt_question *question);

#endif
