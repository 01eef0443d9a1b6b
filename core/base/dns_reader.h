/*
 * Reads the pieces of a DNS packet: names, records, a TSIG. Each step is checked against the packet's end. Used by
 * dns_packet.c, and by plugins that read what a DNS server says. Pure, fuzzed.
 */
#ifndef BASE_DNS_READER_H
#define BASE_DNS_READER_H

#include <countersign/plugin.h>

enum { DNS_HEADER = 12, DNS_NAME_MOST = 255 };

struct dns_reader {
    const uint8_t *packet;
    size_t len, at; /* at: where to read next */
};

struct dns_record {
    uint8_t owner[DNS_NAME_MOST]; /* uncompressed, case as sent, with the root label */
    size_t owner_len;
    uint16_t type, class_;
    uint32_t ttl;
    const uint8_t *rdata; /* in the packet */
    uint16_t rdata_len;
};

/* RFC 8945 4.2. Pointers lead into the packet. */
struct dns_tsig {
    uint8_t algorithm[DNS_NAME_MOST]; /* wire form, case as sent */
    size_t algorithm_len;
    const uint8_t *time; /* time signed (48 bits) and fudge (16), as sent */
    uint64_t time_s;
    uint16_t fudge_s;
    const uint8_t *mac;
    uint16_t mac_len;
    uint16_t original_id, error;
    const uint8_t *other;
    uint16_t other_len;
};

uint16_t dns_reader_get16(const uint8_t *at);
uint8_t dns_reader_lower(uint8_t c); /* ASCII only: RFC 4343 */

/* RFC 1035 4.1.4. False: malformed. A pointer must lead before the name it stands in, and the next one before that: so there is
 * no loop. */
bool dns_reader_name(struct dns_reader *r, bool may_point, uint8_t out[DNS_NAME_MOST], size_t *out_len);
bool dns_reader_record(struct dns_reader *r, struct dns_record *rr);
/* The record's type is the caller's to check; class, TTL and data must be those of a TSIG, with nothing behind. */
bool dns_reader_tsig(struct dns_tsig *tsig, const struct dns_record *rr);

/* Both in wire form, uncompressed. */
bool dns_reader_same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Is `name` equal to `above`, or below it? */
bool dns_reader_lies_in(const uint8_t *name, size_t name_len, const uint8_t *above, size_t above_len);

#endif
