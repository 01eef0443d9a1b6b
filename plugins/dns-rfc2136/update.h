/*
 * Builds the message that changes the TXT values at one name (RFC 2136). Called by change.c. Pure.
 *
 *   prerequisite   no CNAME at the owner (2.4.3), only when values are added: a server ignores in silence what is added beside
 * a CNAME (3.4.2.2), and would say that all went well. It needs no other: that a value is there already, or gone already, is as
 * good as changing it, so a message may arrive twice and a change be repeated. deletes        one for each value of `gone`:
 * class NONE, TTL 0, the value itself (2.5.4), so that what others put there stays adds           one for each value of `want`
 * (2.5.1)
 */
#ifndef DNS_RFC2136_UPDATE_H
#define DNS_RFC2136_UPDATE_H

#include <countersign/dns.h>

#include "wire_name.h"

enum { UPDATE_OPCODE = 5, UPDATE_MOST = 60000 };

/* The whole message but its id and TSIG. *out is the caller's, to be released with free(). -1: CS_EINPUT, it would be larger
 * than UPDATE_MOST; CS_EINTERNAL, no memory. */
int update_build(uint8_t **out, size_t *out_len, struct wire_name zone, struct wire_name owner,
                 const struct cs_txt_change *change, struct cs_error *err);

#endif
