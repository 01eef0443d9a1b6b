/*
 * Nonces that the CA gave with its replies; see nonce.h. The newest is used first, since CAs forget the oldest first.
 */
#include "nonce.h"

#include <string.h>

void nonce_keep(struct nonces *nonces, const char *nonce, int64_t now_ms)
{
    size_t len = strnlen(nonce, NONCE_LONGEST + 1);

    if (len == 0 || len > NONCE_LONGEST ||
        strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != len)
        return;
    memcpy(nonces->kept[nonces->next].text, nonce, len + 1);
    nonces->kept[nonces->next].born_ms = now_ms;
    nonces->next = (nonces->next + 1) % NONCES_MOST;
    if (nonces->n < NONCES_MOST)
        nonces->n++;
}

bool nonce_take(struct nonces *nonces, char out[NONCE_LONGEST + 1], int64_t now_ms)
{
    if (nonces->n == 0)
        return false;
    nonces->next = (nonces->next + NONCES_MOST - 1) % NONCES_MOST;
    nonces->n--;
    if (now_ms - nonces->kept[nonces->next].born_ms > NONCE_LIFE_MS) {
        nonces->n = 0; /* the others are older still */
        return false;
    }
    memcpy(out, nonces->kept[nonces->next].text, NONCE_LONGEST + 1);
    return true;
}
