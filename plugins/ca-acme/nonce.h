/*
 * Nonces that the CA gave with its replies (RFC 8555 6.5), a bounded number, newest first. Used by transport.c.
 */
#ifndef CA_ACME_NONCE_H
#define CA_ACME_NONCE_H

#include <countersign/plugin.h>

#define NONCES_MOST 32
#define NONCE_LONGEST 255
#define NONCE_LIFE_MS ((int64_t)10 * 60 * 1000)

struct nonces { /* starts as {0} */
    struct {
        char text[NONCE_LONGEST + 1];
        int64_t born_ms;
    } kept[NONCES_MOST];
    size_t n, next; /* a ring: the newest lies before `next` */
};

/* Keep a nonce; one that is not base64url or too long is ignored (RFC 8555 6.5.1). When there are too many the oldest goes. */
void nonce_keep(struct nonces *nonces, const char *nonce, int64_t now_ms);

/* Take the newest into `out`. False: there is none younger than NONCE_LIFE_MS. */
bool nonce_take(struct nonces *nonces, char out[NONCE_LONGEST + 1], int64_t now_ms);

#endif
