/*
 * Links in HTTP headers (RFC 8288), as far as ACME has them: rel="alternate" chains. Used by certificate.c. Pure, fuzzed.
 */
#ifndef CA_ACME_LINK_H
#define CA_ACME_LINK_H

#include <countersign/plugin.h>

/* The next link of a header's value with that relation; moves *at behind it. Writes the reference to `out` (size bytes). False:
 * no more. What is malformed is passed over. */
bool link_next(const char **at, const char *rel, char *out, size_t size);

#endif
