/*
 * The account at the CA (RFC 8555 7.3): registered when first needed, its URL kept across restarts. Used by order.c, step.c,
 * errand.c and acme.c.
 */
#ifndef CA_ACME_ACCOUNT_H
#define CA_ACME_ACCOUNT_H

#include "acme.h"
#include "waiter.h"

struct account *account_new(struct acme *acme); /* NULL: no memory */
void account_free(struct account *account);     /* nobody waits any more; NULL is allowed */

/* Tell `waiter` when directory and account are there: at once, so call it last, or when the CA has answered. All who ask
 * meanwhile share one registration. */
void account_wait(struct account *account, struct waiter *waiter, waiter_fn *fn, void *arg);

const char *account_url(const struct account *account); /* "": not registered yet */

/* The CA does not know the account `url` (accountDoesNotExist): register anew next time. Harmless when that was done before. */
void account_lost(struct account *account, const char *url);

#endif
