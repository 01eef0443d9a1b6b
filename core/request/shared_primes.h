/*
 * Does the RSA key of a new order share a prime with that of a certificate in the store, or of another order under way?
 * (docs/csr.md). The moduli lie in memory, in a thread of its own, which looks at one order after the other: the loop never
 * waits for it. job_primes.c asks for each order that is about to be made; heart.c has the store read after the start and
 * after each purge, so that what the store forgets is forgotten here.
 */
#ifndef REQUEST_SHARED_PRIMES_H
#define REQUEST_SHARED_PRIMES_H

#include "base/der.h"
#include "request/heart.h"
#include "request/moduli.h"

/* All moduli together: 4,096 of 2048 bits, or 2,048 of 4096. What one order's look costs grows with it; see docs/csr.md. */
#define SHARED_PRIMES_MOST_BITS (4096 * 2048)
#define SHARED_PRIMES_MOST_ROWS 20000 /* of certificates that are read, the newest, whatever their keys are */

struct shared_primes;
struct prime_claim; /* an order's, from before it is made to its end */

struct shared_primes *shared_primes_new(struct heart *heart, struct cs_error *err);
/* Read the store, again. What is asked before the first time is over waits for that. */
void shared_primes_load(struct shared_primes *all);
size_t shared_primes_busy(const struct shared_primes *all);
void shared_primes_free(struct shared_primes *all); /* after the store has closed; NULL is allowed */

/* For an order with this modulus and id. Nothing happens yet. NULL: no memory. */
struct prime_claim *prime_claim_new(struct shared_primes *all, struct der_span modulus, const char *job);

/* On the loop, later: `other` has a prime of this one; NULL: nobody has; or *err says why it is not known. */
typedef void prime_claim_fn(void *arg, const struct moduli_other *other, const struct cs_error *err);
/* Look, and when nobody has one of its primes, claim it for the order: both at once. Once, and first of these. */
void prime_claim_check(struct prime_claim *claim, prime_claim_fn *fn, void *arg);
void prime_claim_hold(struct prime_claim *claim); /* the same without a look: an order of an earlier run */
void prime_claim_keep(struct prime_claim *claim); /* its certificate is in the store */
void prime_claim_drop(struct prime_claim *claim); /* the order has ended; frees it. NULL is allowed */

#endif
