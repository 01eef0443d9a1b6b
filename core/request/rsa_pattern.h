/*
 * RSA moduli that show in their bytes that their primes were not drawn at random. Called by rsa_modulus.c. Pure.
 */
#ifndef REQUEST_RSA_PATTERN_H
#define REQUEST_RSA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `modulus`: big-endian, no zero in front, 256 bytes or more. True for 16 equal bytes in a row; for less than 40 or more than
 * 60 % of the bits set; and for a polynomial: written in digits of 2 to 32 bytes, a sixteenth of each digit, always the same
 * bits in a row, is 0 (of the lowest digit nothing is asked). Such is the product of primes whose digits were small random
 * numbers, as of a generator that fills a word with less than it holds; it is factored as a polynomial. */
bool rsa_pattern(const uint8_t *modulus, size_t len);

#endif
