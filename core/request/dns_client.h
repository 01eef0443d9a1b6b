/*
 * Asks one DNS server one question: by UDP, again, then by TCP; at once by TCP when the answer was truncated. Every attempt has
 * a fresh socket, connected so that nobody else is heard, a fresh port and a fresh id; the question in the answer is checked.
 * ldns reads the answer; its resolver is never used. Called by name_servers.c, visible.c, alias.c,
 * and by command/dns_look.c for those who want to see more of an answer.
 */
#ifndef REQUEST_DNS_CLIENT_H
#define REQUEST_DNS_CLIENT_H

#include <ldns/ldns.h>
#include <sys/socket.h>

#include "engine/loop.h"

enum { DNS_ATTEMPTS = 3, DNS_REPLY_MOST = 16384 };

struct dns_ask {
    struct sockaddr_storage server;
    socklen_t server_len;
    const char *name; /* absolute; copied */
    uint16_t type;
    bool recurse;        /* RD: for resolvers */
    bool tcp;            /* by TCP only */
    bool udp;            /* by UDP only: twice, and a truncated answer is one */
    bool authentic;      /* AD: a resolver that validates says so in its answer (RFC 6840 5.7) */
    bool unchecked;      /* CD: a resolver answers with what it could not validate, too (RFC 4035 3.2.2) */
    uint16_t edns_size;  /* EDNS with this size for UDP (RFC 6891 6.2.3); 0: none, as the oldest server understands it */
    int64_t deadline_ms; /* on cs_now_ms(); an attempt lasts 1, 2, 3 s at most */
};

struct dns_answer {
    const struct cs_error *err; /* no answer: CS_ETIMEDOUT, or CS_EUPSTREAM and why; the rest is then not set */
    unsigned rcode;
    const ldns_pkt *pkt; /* NULL: an error without a question, such as a bare FORMERR. Valid inside the call only. */
};
typedef void dns_answer_fn(void *arg, const struct dns_answer *answer);

struct dns_query;
/* `fn` is called once, on the loop, never inside this call. NULL and *err: no memory, or not a name. */
struct dns_query *dns_client_ask(struct loop *loop, const struct dns_ask *ask, dns_answer_fn *fn, void *arg,
                                 struct cs_error *err);
void dns_client_cancel(struct dns_query *query); /* `fn` is not called; NULL is allowed */

#endif
