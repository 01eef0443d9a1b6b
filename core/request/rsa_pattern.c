/*
 * Patterns in the bytes of RSA moduli; see rsa_pattern.h. A product of random primes has none of them but by a chance below
 * one in 2^60, the one of equal bytes in 2^112.
 */
#include "request/rsa_pattern.h"

#define MOST_EQUAL_BYTES 15
#define NARROWEST_DIGIT  2 /* bytes */
#define WIDEST_DIGIT     32

static bool has_equal_bytes(const uint8_t *modulus, size_t len)
{
    size_t equal = 1;

    for (size_t i = 1; i < len && equal <= MOST_EQUAL_BYTES; i++)
        equal = modulus[i] == modulus[i - 1] ? equal + 1 : 1;
    return equal > MOST_EQUAL_BYTES;
}

/* Of 2048 random bits, 40 to 60 % is nine standard deviations to each side. */
static bool is_lopsided(const uint8_t *modulus, size_t len)
{
    size_t ones = 0;

    for (size_t i = 0; i < len; i++)
        ones += (size_t)__builtin_popcount(modulus[i]);
    return ones * 10 < len * 8 * 4 || ones * 10 > len * 8 * 6;
}

/* The bits that are set in any digit. The lowest is left out: to find a prime, generators add to it until there is one. */
static void take_used_bits(const uint8_t *modulus, size_t len, size_t width, uint8_t used[WIDEST_DIGIT])
{
    size_t end = len - width;

    for (size_t i = 0; i < width; i++)
        used[i] = 0;
    for (; end >= width; end -= width)
        for (size_t i = 0; i < width; i++)
            used[i] |= modulus[end - width + i];
    for (size_t i = 0; i < end; i++) /* the highest has less bytes */
        used[width - end + i] |= modulus[i];
}

/* A sixteenth of each digit: in 2048 random bits those are 104 or more that would all have to be 0. */
static bool has_unused_bits(const uint8_t *modulus, size_t len, size_t width)
{
    uint8_t used[WIDEST_DIGIT];
    const size_t least = (width + 1) / 2;
    size_t unused = 0;

    take_used_bits(modulus, len, width, used);
    for (size_t bit = 0; bit < width * 8 && unused < least; bit++)
        unused = used[bit / 8] >> (7 - bit % 8) & 1 ? 0 : unused + 1;
    return unused == least;
}

static bool is_polynomial(const uint8_t *modulus, size_t len)
{
    for (size_t width = NARROWEST_DIGIT; width <= WIDEST_DIGIT; width++)
        if (has_unused_bits(modulus, len, width))
            return true;
    return false;
}

bool rsa_pattern(const uint8_t *modulus, size_t len)
{
    return has_equal_bytes(modulus, len) || is_lopsided(modulus, len) || is_polynomial(modulus, len);
}
