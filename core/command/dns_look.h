/*
 * Questions to DNS servers, many at a time, and what is in the answers, copied and in wire form. Used by doctor_dns.c and
 * zone_look.c; request/dns_client.c asks.
 */
#ifndef COMMAND_DNS_LOOK_H
#define COMMAND_DNS_LOOK_H

#include "request/dns_client.h"

enum { DNS_SECTION_ANSWER = 1, DNS_SECTION_AUTHORITY, DNS_SECTION_ADDITIONAL };

struct dns_seen {
    char *name; /* of the owner: absolute, lower case, odd bytes as \DDD */
    uint16_t type;
    uint8_t section;
    uint32_t ttl;
    uint8_t *rdata; /* names in it are not compressed */
    size_t len;
};

struct dns_look {
    struct dns_ask ask; /* its name lives until dns_look_all() returns; deadline_ms 0: that of all */
    struct cs_error err; /* code CS_OK: there was an answer */
    unsigned rcode;
    bool authoritative, truncated, authentic;
    bool same_case; /* the question came back as it was written */
    struct dns_seen *seen;
    size_t n_seen;
    int64_t took_ms;
};

/* Asks all at once and runs the loop until each has its answer or its error. Nothing of them is to be freed before. */
void dns_look_all(struct loop *loop, struct dns_look *looks, size_t n, int64_t deadline_ms);
void dns_look_free(struct dns_look *looks, size_t n); /* what the answers hold */

/* An answer came, and it is neither an error nor one that says nothing of the name. */
bool dns_look_is_final(const struct dns_look *look);

/* The next record of that type and section behind `from` (NULL: the first); `name` NULL: any owner. NULL: no more. */
const struct dns_seen *dns_look_next(const struct dns_look *look, const struct dns_seen *from, uint8_t section, uint16_t type,
                                     const char *name);

/* The name that its data is (NS, CNAME) or begins with. -1: it is none. */
int dns_seen_target(const struct dns_seen *seen, char out[1024]);

/* Serial (RFC 1035 3.3.13), and for how long "no such record" is remembered (RFC 2308 5). -1: not a whole SOA. */
int dns_seen_soa(const struct dns_seen *seen, uint32_t *serial, uint32_t *negative_s);

#endif
