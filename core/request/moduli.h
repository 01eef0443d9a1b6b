/*
 * RSA moduli that are known here, and whether another one shares a prime with one of them: then both private keys are found by
 * one division (Heninger and others: Mining Your Ps and Qs, 2012). Used by shared_primes.c, in its thread alone; no locks.
 *
 * All that are known are multiplied modulo the new one, and one inversion says for all of them whether there is a common
 * divisor. Libraries have such methods for all pairs of a list only. Pure but for OpenSSL's numbers.
 */
#ifndef REQUEST_MODULI_H
#define REQUEST_MODULI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULI_OWNER_SIZE 27 /* of a job's id and its end */

struct moduli;

/* Never more than `most_bits` altogether, but for the newest: the oldest go. NULL: no memory. */
struct moduli *moduli_new(size_t most_bits);
void moduli_free(struct moduli *moduli); /* NULL is allowed */

/* All numbers below are big-endian, odd, without zeros in front, none more than twice as long as another. */

/* An order with this modulus is under way, one more if it is there already. `owner`: its id. -1: no memory. */
int moduli_hold(struct moduli *moduli, const uint8_t *modulus, size_t len, const char *owner);
void moduli_release(struct moduli *moduli, const uint8_t *modulus, size_t len); /* such an order has ended */

/* A certificate with it is in the store, of the order `owner`, as of the look with the number `seen`. -1: no memory. */
int moduli_keep(struct moduli *moduli, const uint8_t *modulus, size_t len, const char *owner, uint64_t seen);
/* The look is over: those that were kept before, and not since, are in the store no more. */
void moduli_forget(struct moduli *moduli, uint64_t seen);

struct moduli_other {
    char owner[MODULI_OWNER_SIZE];
    bool is_kept; /* it has a certificate; otherwise its order is under way */
    bool is_news; /* nobody was told of this one before */
};
/* 1: a prime is shared with `out`, 0: with none, -1: no memory. The same modulus is one key's again, and shares nothing. */
int moduli_find_shared(struct moduli *moduli, const uint8_t *modulus, size_t len, struct moduli_other *out);

size_t moduli_count(const struct moduli *moduli);
size_t moduli_bits(const struct moduli *moduli);

#endif
