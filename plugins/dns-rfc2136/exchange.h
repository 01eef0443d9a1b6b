/*
 * One message to the servers of an instance and the answer that counts: by UDP, repeated with patience, by TCP when that is
 * needed, from one server to the next when one fails. Called by change.c; everything happens on the loop.
 *
 * A repetition is the same bytes from the same socket, so that a server that was merely slow (Knot DNS may take a second) sees
 * a duplicate; every transport and every server gets a fresh port, a fresh id and a fresh signature.
 */
#ifndef DNS_RFC2136_EXCHANGE_H
#define DNS_RFC2136_EXCHANGE_H

#include "advice.h"
#include "servers.h"

enum { EXCHANGES_AT_ONCE = 32, EXCHANGE_PATIENCE_MS = 1200, EXCHANGE_UDP_MOST = 512 };

/* What all exchanges of an instance share. */
struct exchanges {
    struct cs_instance *in;
    struct servers servers;
    struct tsig_key key; /* algorithm NULL: nothing is signed */
    char key_name[1024]; /* for messages */
    uint16_t fudge_s;
    int64_t server_ms; /* how long one server gets */
    bool tcp_always;
    struct exchange *waiting_first, *waiting_last;
    size_t under_way;
    bool pumping;
};

struct exchange_result {
    const struct cs_error *err; /* NULL: it worked, and `packet` is the answer */
    unsigned rcode;             /* of the last answer, also with `err`; 0: none came */
    const char *server;         /* that answered, "192.0.2.1:53" */
    const uint8_t *packet;      /* valid inside the call only */
    size_t len;
};
typedef void exchange_fn(void *arg, const struct exchange_result *result);

struct exchange_ask {
    unsigned opcode;
    uint8_t *message; /* without id and TSIG; the exchange frees it, whatever becomes of it */
    size_t len;
    struct wire_name question; /* in storage that outlives the exchange; so do the texts: */
    const char *owner, *zone;  /* as in struct advice_about */
    exchange_fn *fn;
    void *arg;
};

struct exchange; /* under way or waiting for its turn */
/* `fn` is called once, perhaps inside this call: touch nothing afterwards that it may have freed. *handle is set before, and
 * NULL when `fn` is called. */
void exchange_start(struct exchanges *all, const struct exchange_ask *ask, struct exchange **handle);
/* `fn` is not called; what is known of it so far is in *err, if anything is. NULL is allowed. */
void exchange_cancel(struct exchange *exchange, struct cs_error *err);

#endif
