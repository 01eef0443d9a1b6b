/*
 * Words of the DNS and their places; see dns_word.h.
 */
#include "base/dns_word.h"

#include <string.h>

struct dns_word {
    unsigned number;
    const char *word;
};

static const struct dns_word types[DNS_TYPE_WORDS] = {
    { 0, "none" },  { 1, "A" },     { 2, "NS" },   { 5, "CNAME" }, { 6, "SOA" },   { 12, "PTR" },    { 15, "MX" },
    { 16, "TXT" },  { 28, "AAAA" }, { 33, "SRV" }, { 43, "DS" },   { 48, "DNSKEY" }, { 52, "TLSA" }, { 64, "SVCB" },
    { 65, "HTTPS" }, { 99, "SPF" }, { 251, "IXFR" }, { 252, "AXFR" }, { 255, "ANY" }, { 257, "CAA" }, { 0, "other" },
};
static const struct dns_word rcodes[DNS_RCODE_WORDS] = {
    { 0, "NOERROR" }, { 1, "FORMERR" }, { 2, "SERVFAIL" }, { 3, "NXDOMAIN" },          { 4, "NOTIMP" },
    { 5, "REFUSED" }, { 9, "NOTAUTH" }, { 16, "BADVERS" }, { DNS_RCODE_NONE, "none" }, { 0, "other" },
};

static size_t place_of_number(const struct dns_word *words, size_t n, unsigned number)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (words[i].number == number)
            return i;
    return n - 1;
}

static size_t place_of_word(const struct dns_word *words, size_t n, const char *word)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (strcmp(words[i].word, word) == 0)
            return i;
    return n - 1;
}

size_t dns_type_place(uint16_t type)
{
    return place_of_number(types, DNS_TYPE_WORDS, type);
}

size_t dns_type_place_of(const char *word)
{
    return place_of_word(types, DNS_TYPE_WORDS, word);
}

const char *dns_type_word(size_t place)
{
    return types[place].word;
}

size_t dns_rcode_place(unsigned rcode)
{
    return place_of_number(rcodes, DNS_RCODE_WORDS, rcode);
}

size_t dns_rcode_place_of(const char *word)
{
    return place_of_word(rcodes, DNS_RCODE_WORDS, word);
}

const char *dns_rcode_word(size_t place)
{
    return rcodes[place].word;
}
