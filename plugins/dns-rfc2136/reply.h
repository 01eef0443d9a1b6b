/*
 * Decides what an answer to our message is worth: is it one, who vouches for it, what does it say. Called by exchange.c for
 * every packet that comes. Pure, fuzzed.
 *
 * A signed request believes an unsigned answer only when that says that it failed: whoever can forge that could as well have
 * dropped the request. Success needs a MAC over it and over ours.
 */
#ifndef DNS_RFC2136_REPLY_H
#define DNS_RFC2136_REPLY_H

#include "tsig.h"
#include "wire_name.h"

struct reply_expected {
    uint16_t id;
    unsigned opcode;            /* 0: the question for a SOA; UPDATE_OPCODE */
    struct wire_name question;  /* the name in the question or zone section; its type is SOA in both */
    const struct tsig_key *key; /* NULL: we did not sign */
    const struct tsig_mac *mac; /* of the request */
    uint64_t now_s;
    uint16_t fudge_s;
};

struct reply {
    unsigned rcode;
    bool truncated;
    bool vouched;           /* its MAC is good, or we did not sign */
    bool stale;             /* its MAC is good, but its time is not: server_time_s says which */
    uint16_t tsig_error;    /* RFC 8945 3: TSIG_BADKEY, … or 0 */
    uint64_t server_time_s; /* of BADTIME or when stale; 0: unknown */
};

/* 0 and *out, or -1 and CS_EUPSTREAM: it is no answer to our message, or none that may be believed; wait for another. */
int reply_read(struct reply *out, const struct reply_expected *expected, const uint8_t *packet, size_t len,
               struct cs_error *err);

/* Did the server do what it was asked? NXDOMAIN answers a question, too. */
bool reply_succeeded(const struct reply *reply, unsigned opcode);

#endif
