/*
 * DNS host names as certificates have them: RFC 1034 3.5 (letters, digits, hyphen), RFC 5890 (xn--), wildcards.
 * Used by request/ (CSR intake), command/ (rows of the zone table) and the DNS plugins. Pure.
 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include <countersign/plugin.h>

#define NAME_MAX_LEN 253

enum name_flags { NAME_WILDCARD = 1 /* "*." in front is allowed */, NAME_UNDERSCORE = 2, NAME_ONE_LABEL = 4 };

/* Write `in` (len bytes) to `out` in lower case after checking it: labels of 1 to 63 letters, digits and inner hyphens, no
 * "--" at 3 and 4 but in a valid A-label, at least two labels unless NAME_ONE_LABEL, 253 in all, no trailing dot, not an
 * IPv4 address. -1 and CS_EINPUT (reason "bad-name") otherwise; the text names the fault but never repeats odd bytes. */
int name_check(char out[NAME_MAX_LEN + 1], const char *in, size_t len, unsigned flags, struct cs_error *err);

/* Is `name` equal to `zone` or below it, at a label boundary? Both checked, lower case. A "*." before name is passed over. */
bool name_in_zone(const char *name, const char *zone);

/* Does a row's entry allow `name`? Entry "a.x": equal; "*.x": that identifier itself; ".x": any name below x, wildcards too
 * (RFC 5280 4.2.1.10). */
bool name_allowed(const char *entry, const char *name);

/* Compare for sorting: plain bytes. For qsort() over const char *. */
int name_compare(const void *a, const void *b);

#endif
