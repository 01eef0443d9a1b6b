/*
 * Where the zone begins that a name lies in: the question for its SOA, and what the answer says. Called by change.c. Pure,
 * fuzzed.
 */
#ifndef DNS_RFC2136_ZONE_CUT_H
#define DNS_RFC2136_ZONE_CUT_H

#include "base/dns_reader.h"
#include "wire_name.h"

enum { ZONE_CUT_QUESTION_MOST = DNS_HEADER + DNS_NAME_MOST + 4, ZONE_CUT_TYPE = 6 };

enum zone_cut_verdict {
    ZONE_CUT_FOUND,
    ZONE_CUT_ALIAS, /* the answer speaks of the target of a CNAME or DNAME; the name above the asked one is in the same zone */
    ZONE_CUT_FAILED /* *err: delegated to somebody else, or the server does not know */
};

/* A question without id; returns its length. */
size_t zone_cut_question(uint8_t out[ZONE_CUT_QUESTION_MOST], struct wire_name name);

/* `packet`: an answer to that question that was checked by reply_read(), NOERROR or NXDOMAIN. *zone_len bytes of `zone`, lower
 * case, when it was found. */
enum zone_cut_verdict zone_cut_read(uint8_t zone[DNS_NAME_MOST], size_t *zone_len, const uint8_t *packet, size_t len,
                                    struct wire_name name, struct cs_error *err);

#endif
