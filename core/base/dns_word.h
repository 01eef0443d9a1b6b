/*
 * The types and response codes of the DNS that are counted under their own names (IANA's), each with a place in a table; all
 * others share the last. Used by dns-builtin, which counts, and by command/gauges.c, which shows. Pure.
 */
#ifndef BASE_DNS_WORD_H
#define BASE_DNS_WORD_H

#include <stddef.h>
#include <stdint.h>

enum { DNS_TYPE_WORDS = 21, DNS_RCODE_WORDS = 10 };
enum { DNS_RCODE_NONE = 65536 }; /* no answer was given */

/* Type 0 is "none": no question could be read. */
size_t dns_type_place(uint16_t type);
size_t dns_type_place_of(const char *word);
const char *dns_type_word(size_t place);

size_t dns_rcode_place(unsigned rcode);
size_t dns_rcode_place_of(const char *word);
const char *dns_rcode_word(size_t place);

#endif
