/*
 * The DNS server as a function: a question's bytes in, an answer's bytes out. Called by udp.c and tcp.c. Pure, fuzzed.
 */
#ifndef DNS_BUILTIN_ANSWER_H
#define DNS_BUILTIN_ANSWER_H

#include "table.h"
#include "zones.h"

/* What is served at one moment; never changes while somebody reads it. */
struct snapshot {
    const struct zones *zones;
    struct node *root;
    struct snapshot *next; /* shelf.c's */
};

enum { ANSWER_UDP_MOST = 1232, ANSWER_TCP_MOST = 65535 };

struct answer {
    uint8_t *at; /* room for `most` bytes */
    size_t most; /* ANSWER_UDP_MOST: then also not more than the asker takes; or ANSWER_TCP_MOST */
    size_t len;  /* 0: say nothing */
    unsigned rcode; /* with the bits that stand in OPT */
    unsigned type;  /* that was asked for; 0: no question could be read */
};

/* Answer `query`. `now_ms`: wall clock. RFC 1035, 2181, 2308, 6891, 8020, 8482, 8906, 8945 5.2.1 (we know no key), 9619. */
void answer_query(const struct snapshot *snapshot, const uint8_t *query, size_t len, int64_t now_ms, struct answer *answer);

#endif
