/*
 * Those who wait for one thing that is under way: a directory, an account. Used by directory.c and account.c.
 */
#ifndef CA_ACME_WAITER_H
#define CA_ACME_WAITER_H

#include "reply.h"

typedef void waiter_fn(void *arg, const struct failure *failure); /* failure NULL: it is there */

struct waiter { /* part of whoever waits; starts as {0} */
    struct waiter *next, **link;
    waiter_fn *fn;
    void *arg;
};

void waiter_join(struct waiter **list, struct waiter *waiter, waiter_fn *fn, void *arg);
void waiter_leave(struct waiter *waiter); /* harmless when it does not wait */

/* Tell all and empty the list. Those who are told may leave, join and free themselves. */
void waiters_tell(struct waiter **list, const struct failure *failure);

#endif
