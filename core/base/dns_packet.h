/*
 * Looks a DNS packet over by hand before ldns sees it: ldns 1.8.3 leaks on two TSIG records, and accepts what makes no sense.
 * Used by dns-builtin (questions) and request/visible.c (answers). Pure, fuzzed.
 */
#ifndef BASE_DNS_PACKET_H
#define BASE_DNS_PACKET_H

#include <countersign/plugin.h>

enum dns_verdict {
    DNS_PACKET_OK = 0,
    DNS_PACKET_DROP,    /* too short to answer, or an answer itself: say nothing */
    DNS_PACKET_FORMERR, /* RCODE 1 */
    DNS_PACKET_NOTIMP   /* RCODE 4: another opcode */
};

struct dns_question {
    uint16_t id, flags;  /* flags: the second 16 bits of the header, host order */
    const uint8_t *name; /* in the packet, wire form as sent (case kept), with the root label */
    size_t name_len;     /* with the root label */
    uint16_t type, class_;
    size_t end; /* offset behind the question */
    bool edns;  /* there is one OPT */
    uint8_t edns_version;
    uint16_t edns_udp; /* the asker's payload size, at least 512 */
    bool edns_do;
    bool tsig; /* there is one TSIG, last; what an unsigned answer to it repeats (RFC 8945 5.3.2) follows */
    uint8_t tsig_name[255], tsig_algorithm[255]; /* uncompressed */
    size_t tsig_name_len, tsig_algorithm_len;
    uint8_t tsig_time[8]; /* time signed (48 bits) and fudge (16), as sent */
    uint16_t tsig_id;     /* original id */
};

/* RFC 1035 4.1, RFC 6891 6.1, RFC 8945 4.2, RFC 9619: QR 0, one question without compression, no answer or authority (but the
 * one record of an IXFR, RFC 1995 3), at most two additional records, of them one OPT and one TSIG, TSIG last, nothing behind
 * the end. `q`: id and flags are set unless DROP, the rest only with OK. */
enum dns_verdict dns_check_query(const uint8_t *packet, size_t len, struct dns_question *q);

/* An answer to our question: QR 1, same id, same question (case-insensitively), counts that fit into the length, every record
 * walkable, at most one OPT and no TSIG. -1 and CS_EUPSTREAM otherwise. */
int dns_check_reply(const uint8_t *packet, size_t len, uint16_t id, const uint8_t *name, size_t name_len, uint16_t type,
                    struct cs_error *err);

/* Text ("a.b." or "a.b") to uncompressed wire form, lower case kept as given. Returns the length or -1. No escapes. */
int dns_name_to_wire(uint8_t out[255], const char *name);
/* And back, with a trailing dot, lower-cased; bytes other than LDH, '_' and '*' as \DDD. `out` has 1024 bytes. -1: bad. */
int dns_name_from_wire(char *out, const uint8_t *wire, size_t len);

/* "NXDOMAIN", "SERVFAIL", … or "RCODE 23" in `out`. */
void dns_rcode_text(char out[16], unsigned rcode);

#endif
