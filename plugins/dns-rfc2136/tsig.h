/*
 * Transaction signatures (RFC 8945): signs what we send, verifies what comes back. Ours, because ldns 1.8.3 cannot be told the
 * time, knows no hmac-sha384, and checks neither time nor algorithm. Called by exchange.c and reply.c. Pure, fuzzed.
 */
#ifndef DNS_RFC2136_TSIG_H
#define DNS_RFC2136_TSIG_H

#include "base/dns_reader.h"

enum { TSIG_MAC_MOST = 64, TSIG_SECRET_MOST = 512, TSIG_ADVISED_BYTES = 16 };
enum { TSIG_ROOM = 2 * DNS_NAME_MOST + TSIG_MAC_MOST + 32 }; /* tsig_sign() appends no more */
enum { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

struct tsig_key {
    uint8_t name[DNS_NAME_MOST]; /* wire form, lower case */
    size_t name_len;
    const struct tsig_algorithm *algorithm; /* NULL: there is no key */
    uint8_t secret[TSIG_SECRET_MOST];
    size_t secret_len;
};

/* The MAC of a request, which that of its answer covers. */
struct tsig_mac {
    uint8_t at[TSIG_MAC_MOST];
    size_t len;
};

enum tsig_verdict {
    TSIG_GOOD,
    TSIG_STALE,   /* a good MAC, but the time signed is not within the fudge of ours */
    TSIG_ERROR,   /* no MAC, but an error: BADSIG, BADKEY, … Nobody vouches for it. */
    TSIG_NOT_OURS /* another key or algorithm, a MAC that is wrong or cut */
};

/* Words of the settings. -1 and CS_ECONFIG; the secret is never repeated. */
int tsig_key_init(struct tsig_key *key, const char *name, const char *secret, const char *algorithm, struct cs_error *err);
void tsig_key_wipe(struct tsig_key *key);
const char *tsig_key_algorithm(const struct tsig_key *key); /* "hmac-sha256" */

/* Append a TSIG to `message` (a whole DNS message, *len bytes, in a buffer with TSIG_ROOM behind it) and count it in the
 * header. -1 and CS_EINTERNAL: OpenSSL failed. */
int tsig_sign(const struct tsig_key *key, uint64_t now_s, uint16_t fudge_s, uint8_t *message, size_t *len, struct tsig_mac *mac,
              struct cs_error *err);

/* An answer whose last record, from `tsig_at` on, is `tsig` with that owner. */
struct tsig_answer {
    const uint8_t *packet;
    size_t tsig_at;
    const struct dns_record *owner;
    const struct dns_tsig *tsig;
};
/* `request`: the MAC of the request. */
enum tsig_verdict tsig_verify(const struct tsig_key *key, const struct tsig_mac *request, uint64_t now_s, uint16_t fudge_s,
                              const struct tsig_answer *answer);

#endif
