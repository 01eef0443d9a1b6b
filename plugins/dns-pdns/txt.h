/*
 * TXT data in presentation format (RFC 1035 5.1), as PowerDNS takes and gives it. Used by rrset.c. Pure, fuzzed.
 */
#ifndef DNS_PDNS_TXT_H
#define DNS_PDNS_TXT_H

#include "base/text.h"

/* Write `value` as quoted character-strings of at most 255 bytes each (RFC 1035 3.3.14). */
void txt_quote(struct text *out, const char *value);

/* Would `content` be the same record as what txt_quote() makes of `value`? However it is quoted and escaped, but with the same
 * bytes in the same character-strings: "a" "b" is not "ab". */
bool txt_is(const char *content, const char *value);

#endif
