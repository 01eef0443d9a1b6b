/*
 * Makes TSIGs for tests, right ones and wrong ones in any respect; written apart from the code under test, so that both must
 * agree.
 */
#ifndef FAKES_TSIG_MAKER_H
#define FAKES_TSIG_MAKER_H

#include <stdbool.h>

#include "dns_message.h"

struct tsig_maker {
    const char *name, *algorithm; /* "key.example.", "hmac-sha256." */
    const char *digest;           /* "SHA256" */
    const void *secret;
    size_t secret_len;
    uint64_t time_s;
    unsigned fudge_s, error;
    const void *other;
    size_t other_len;
    size_t mac_len;             /* not 0: only so many bytes of the MAC are sent */
    bool no_mac;                /* as in BADKEY and BADSIG */
    unsigned original_id;       /* of the TSIG and under the MAC */
    const uint8_t *request_mac; /* NULL: of a request */
    size_t request_mac_len;
};

/* Appends it to `m` and counts it. */
void tsig_maker_append(struct message *m, const struct tsig_maker *maker);

#endif
