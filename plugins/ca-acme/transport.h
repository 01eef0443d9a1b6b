/*
 * One exchange with the CA: nonce, signature, HTTP, badNonce again, and the reply read. Used by everything that asks the CA.
 */
#ifndef CA_ACME_TRANSPORT_H
#define CA_ACME_TRANSPORT_H

#include "acme.h"
#include "reply.h"

enum transport_sign {
    SIGN_NOT = 1, /* plain GET */
    SIGN_KEY,     /* the header has the key itself (newAccount) */
    SIGN_ACCOUNT  /* the header has the account's URL */
};

struct exchange_want {
    const char *url;
    enum transport_sign sign;
    const char *kid;     /* SIGN_ACCOUNT: the account's URL */
    const char *payload; /* JSON; NULL: POST-as-GET (RFC 8555 6.3) */
    enum reply_kind kind;
};

/* One of both is NULL; valid inside the callback only. The exchange is over and its handle dead. */
typedef void exchange_fn(void *arg, const struct reply *reply, const struct failure *failure);

struct exchange;
/* Copies. `fn` runs once, on the loop, later, unless the exchange was cancelled. Rejected nonces are replaced up to ten times;
 * anything else is told as it is. NULL: no memory, `fn` will not run. */
struct exchange *transport_ask(struct acme *acme, const struct exchange_want *want, exchange_fn *fn, void *arg);
void transport_cancel(struct exchange *exchange); /* NULL is allowed */

#endif
