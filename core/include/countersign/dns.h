/*
 * The `dns` role: serves TXT values at an owner name.
 */
#ifndef COUNTERSIGN_DNS_H
#define COUNTERSIGN_DNS_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* After it, every value in `want` is served at `owner` and none in `gone` is. Values in neither list stay: they are somebody
 * else's, or ours for another zone of the table that the owner lies in, too (`www.example.com` in `example.com`). `want` is our
 * full set at that owner for `zone`, and what leaves it comes in `gone` of a later change, which never has a value that we want
 * for any zone. Names are absolute, lower case, with a trailing dot. */
struct cs_txt_change {
    uint32_t size;
    const char *zone;  /* of the zone table: the owner lies in it. Your zones may be cut elsewhere */
    const char *owner;
    const char *const *want;
    size_t n_want;
    const char *const *gone;
    size_t n_gone;
    uint32_t ttl;       /* seconds                                                            */
    int64_t expires_ms; /* wall clock, in the future; a back end that can forget by itself does so then; 0: never */
};

/* How many queries for a type were answered with a response code, by their names in IANA's registries: "TXT", "NOERROR". */
typedef void cs_dns_count_fn(void *arg, const char *type, const char *rcode, int64_t n);

struct cs_dns_ops {
    uint32_t size;
    bool blocking;

    /* Declarative: repeating it is harmless. For one owner there is one call at a time, whatever its zone; what piled up
     * meanwhile comes merged in the next. Finished means that this back end's primary has it; whether the world sees it is the
     * core's question. */
    void (*set_txt)(void *self, const struct cs_txt_change *change, struct cs_op *op);

    /* Since ABI 1.1, optional, for a back end that answers queries by itself: calls `fn` with what it has counted since it was
     * opened. On the loop, also when `blocking`, so it may not wait. A type or code that is not one of a known few is "other";
     * a query that got no answer has the code "none". */
    void (*counts)(void *self, cs_dns_count_fn *fn, void *arg);

    /* Since ABI 1.1, optional, for a back end that answers queries by itself: every value that an earlier run left was handed
     * over by `set_txt`. Until then it should leave questions unanswered: who asks asks again, but a CA that is told that a
     * value is not there calls the name invalid. On the loop, once after `start`, also when `blocking`. */
    void (*caught_up)(void *self);

    /* Since ABI 1.1, for a back end that forgets each value at its `expires_ms`, whatever happens: one that could not be taken
     * away is then left to it. Otherwise the core tries until that works, however long the back end is away. */
    bool forgets;
};

#ifdef __cplusplus
}
#endif
#endif
