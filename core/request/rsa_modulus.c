/*
 * Finds RSA moduli that anybody can factor; see rsa_modulus.h. Called by csr_key.c. Pure.
 */
#include "request/rsa_modulus.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>

#include "request/rsa_pattern.h"

#define ROCA_LAST       167 /* the fingerprint's largest prime, as those who found it published it */
#define WITNESSES       6 /* primes that have to agree before a root is taken: few moduli pass that nobody chose */

static const uint16_t primes[] = {
    2,   3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229,
    233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379,
    383, 389, 397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541,
    547, 557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691,
    701, 709, 719, 727, 733, 739, 743, 751,
};
#define N_PRIMES (sizeof primes / sizeof *primes)

/* ---- Small factors and what is left of n by each prime --------------------------------------------------------------- */

/* n mod each prime. Primes are taken together as long as their product fits into half a word, where OpenSSL divides fast. */
static void take_residues(const BIGNUM *n, uint16_t residues[N_PRIMES])
{
    size_t i = 0;

    while (i < N_PRIMES) {
        const size_t first = i;
        uint64_t product = 1, rest;

        while (i < N_PRIMES && product * primes[i] <= UINT32_MAX)
            product *= primes[i++];
        rest = BN_mod_word(n, product);
        for (size_t j = first; j < i; j++)
            residues[j] = (uint16_t)(rest % primes[j]);
    }
}

static bool has_small_factor(const uint16_t residues[N_PRIMES])
{
    for (size_t i = 0; i < N_PRIMES; i++)
        if (residues[i] == 0)
            return true;
    return false;
}

/* ---- ROCA ------------------------------------------------------------------------------------------------------------ */

/* Is `wanted` a power of 65537 modulo the prime p? */
static bool is_power_of_f4(unsigned wanted, unsigned p)
{
    unsigned power = 1;

    do {
        if (power == wanted)
            return true;
        power = power * (65537 % p) % p;
    } while (power != 1);
    return false;
}

/* RSALib's primes are k M + (65537^a mod M), M the product of the first primes: their product is a power of 65537 modulo each
 * of these (Nemec and others: The Return of Coppersmith's Attack, 2017). Of other moduli, one in 10^8 is so by chance. */
static bool is_roca(const uint16_t residues[N_PRIMES])
{
    for (size_t i = 1; i < N_PRIMES && primes[i] <= ROCA_LAST; i++)
        if (!is_power_of_f4(residues[i], primes[i]))
            return false;
    return true;
}

/* ---- Powers ---------------------------------------------------------------------------------------------------------- */

static bool is_small_prime(unsigned q)
{
    for (size_t i = 0; i < N_PRIMES && (unsigned)primes[i] * primes[i] <= q; i++)
        if (q % primes[i] == 0)
            return false;
    return true;
}

static unsigned power_mod(uint64_t base, unsigned exponent, unsigned q)
{
    uint64_t result = 1;

    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % q;
        base = base * base % q;
    }
    return (unsigned)result;
}

/* Modulo a prime q = jk + 1 the k-th powers are one in k, and those whose j-th power is 1: most numbers end at the first. */
static bool may_be_power(const BIGNUM *n, unsigned k)
{
    unsigned j = 2;

    for (int agreed = 0; agreed < WITNESSES; j += 2) {
        const unsigned q = j * k + 1;
        unsigned rest;

        if (!is_small_prime(q))
            continue;
        rest = (unsigned)BN_mod_word(n, q);
        if (rest && power_mod(rest, j, q) != 1)
            return false;
        agreed++;
    }
    return true;
}

/* x^k mod 2^64. */
static uint64_t power_of_word(uint64_t x, unsigned k)
{
    uint64_t result = 1;

    for (; k; k >>= 1) {
        if (k & 1)
            result *= x;
        x *= x;
    }
    return result;
}

/* 1 / k mod 2^64, k odd: each round doubles the bits that are right, from 3. */
static uint64_t inverse_of_word(uint64_t k)
{
    uint64_t x = k;

    for (int right = 3; right < 64; right *= 2)
        x *= 2 - k * x;
    return x;
}

/* n^(-1/k) mod 2^64. Modulo a power of two every odd number has one k-th root, k being odd. Newton's method on x^-k = n, from
 * the last bit, which is 1: a round is x (1 + (1 - n x^k) / k), and doubles the bits that are right. */
static uint64_t inverse_root_of_word(uint64_t n, unsigned k)
{
    const uint64_t inverse = inverse_of_word(k);
    uint64_t x = 1;

    for (int right = 1; right < 64; right *= 2)
        x *= 1 + (1 - n * power_of_word(x, k)) * inverse;
    return x;
}

/* out = a b mod 2^bits */
static bool multiply(BIGNUM *out, const BIGNUM *a, const BIGNUM *b, int bits, BN_CTX *ctx)
{
    return BN_mul(out, a, b, ctx) && (BN_num_bits(out) <= bits || BN_mask_bits(out, bits));
}

/* out = x^k mod 2^bits, from k's first bit down */
static bool raise(BIGNUM *out, const BIGNUM *x, unsigned k, int bits, BN_CTX *ctx)
{
    bool ok = BN_copy(out, x);

    for (unsigned bit = (1u << (31 - __builtin_clz(k))) >> 1; ok && bit; bit >>= 1)
        ok = multiply(out, out, out, bits, ctx) && (!(k & bit) || multiply(out, out, x, bits, ctx));
    return ok;
}

/* x = (m - x) mod 2^bits, x below 2^bits */
static bool take_from(BN_ULONG m, BIGNUM *x, int bits, BN_CTX *ctx)
{
    BIGNUM *whole;
    bool ok;

    BN_CTX_start(ctx);
    whole = BN_CTX_get(ctx);
    ok = whole && BN_set_word(whole, 1) && BN_lshift(whole, whole, bits) && BN_add_word(whole, m) && BN_sub(x, whole, x) &&
         (BN_num_bits(x) <= bits || BN_mask_bits(x, bits));
    BN_CTX_end(ctx);
    return ok;
}

/* The only number below 2^bits whose k-th power ends as n does: n x^(k-1), x = n^(-1/k). From a word on the bits that are right
 * double as above; so they do of `inverse`, 1 / k. */
static bool take_last_bits_of_root(BIGNUM *root, const BIGNUM *n, unsigned k, int bits, BN_CTX *ctx)
{
    BIGNUM *x = BN_CTX_get(ctx), *inverse = BN_CTX_get(ctx), *divisor = BN_CTX_get(ctx), *t = BN_CTX_get(ctx);
    bool ok = t && BN_copy(t, n) && BN_mask_bits(t, 64) && BN_set_word(x, inverse_root_of_word(BN_get_word(t), k)) &&
              BN_set_word(inverse, inverse_of_word(k)) && BN_set_word(divisor, k);

    for (int right = 64; ok && right < bits;) {
        right = right * 2 < bits ? right * 2 : bits;
        ok = multiply(t, inverse, divisor, right, ctx) && take_from(2, t, right, ctx) &&
             multiply(inverse, inverse, t, right, ctx) && raise(t, x, k, right, ctx) && multiply(t, t, n, right, ctx) &&
             take_from(k + 1, t, right, ctx) && multiply(x, x, t, right, ctx) && multiply(x, x, inverse, right, ctx);
    }
    return ok && raise(t, x, k - 1, bits, ctx) && multiply(root, t, n, bits, ctx);
}

/* Does n have a whole k-th root? n and k are odd. Who sends n can have this asked for every k, so that it has to be cheap: only
 * the last bits can be those of a root, and one power tells whether they are all of it. 1, 0, or -1 for no memory. */
static int has_root(const BIGNUM *n, unsigned k, BN_CTX *ctx)
{
    const int bits = (BN_num_bits(n) + (int)k - 1) / (int)k;
    BIGNUM *root, *exponent, *power;
    int rc = -1;

    BN_CTX_start(ctx);
    root = BN_CTX_get(ctx);
    exponent = BN_CTX_get(ctx);
    power = BN_CTX_get(ctx);
    if (!power || !BN_set_word(exponent, k) || !take_last_bits_of_root(root, n, k, bits, ctx))
        goto out;
    rc = 0;
    if (BN_num_bits(root) == bits)
        rc = BN_exp(power, root, exponent, ctx) ? BN_cmp(power, n) == 0 : -1;
out:
    BN_CTX_end(ctx);
    return rc;
}

/* Squares are found by Fermat's method. A root below 2^9 would have been a small factor. */
static int is_odd_power(const BIGNUM *n, BN_CTX *ctx)
{
    int found = 0;

    for (size_t i = 1; found == 0 && primes[i] * 9 <= BN_num_bits(n); i++)
        if (may_be_power(n, primes[i]))
            found = has_root(n, primes[i], ctx);
    return found;
}

/* ---- Close primes ---------------------------------------------------------------------------------------------------- */

/* The largest number whose square is not above n, by Newton's method from above. */
static int take_root(BIGNUM *root, const BIGNUM *n, BN_CTX *ctx)
{
    BIGNUM *next;
    int ok;

    BN_CTX_start(ctx);
    next = BN_CTX_get(ctx);
    ok = next && BN_set_word(next, 1) && BN_lshift(next, next, (BN_num_bits(n) + 1) / 2);
    do
        ok = ok && BN_copy(root, next) && BN_div(next, NULL, n, root, ctx) && BN_add(next, next, root) &&
             BN_rshift1(next, next);
    while (ok && BN_cmp(next, root) < 0);
    BN_CTX_end(ctx);
    return ok ? 0 : -1;
}

/* Squares are 12 of the 64 residues modulo 64, and about half of those modulo a prime. */
static bool may_be_square(const BIGNUM *n)
{
    static const unsigned odd_primes[] = { 3, 5, 7, 11, 13, 17, 19, 23 };
    unsigned low = 0;
    uint64_t rest;

    for (int bit = 0; bit < 6; bit++)
        low |= (unsigned)BN_is_bit_set(n, bit) << bit;
    if (!(UINT64_C(0x0202021202030213) >> low & 1))
        return false;
    rest = BN_mod_word(n, 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23);
    for (size_t i = 0; i < sizeof odd_primes / sizeof *odd_primes; i++) {
        const unsigned p = odd_primes[i];

        if (rest % p && power_mod(rest % p, (p - 1) / 2, p) != 1)
            return false;
    }
    return true;
}

static int is_square(const BIGNUM *n, BIGNUM *root, BIGNUM *square, BN_CTX *ctx)
{
    if (!may_be_square(n))
        return 0;
    if (BN_is_zero(n))
        return 1;
    if (take_root(root, n, ctx) < 0 || !BN_sqr(square, root, ctx))
        return -1;
    return BN_cmp(square, n) == 0;
}

/* n = a^2 - b^2 = (a + b)(a - b): try the first a for which a^2 - n is not negative, and those behind it. From one to the next,
 * a^2 grows by 2a + 1. */
static enum rsa_fault try_fermat(const BIGNUM *n, BN_CTX *ctx)
{
    BIGNUM *a, *rest, *step, *root, *square;
    enum rsa_fault fault = RSA_NO_MEMORY;
    int found = 0;

    BN_CTX_start(ctx);
    a = BN_CTX_get(ctx);
    rest = BN_CTX_get(ctx);
    step = BN_CTX_get(ctx);
    root = BN_CTX_get(ctx);
    square = BN_CTX_get(ctx);
    if (!square || take_root(a, n, ctx) < 0 || !BN_sqr(rest, a, ctx) || !BN_sub(rest, rest, n))
        goto out;
    if (BN_is_zero(rest)) {
        fault = RSA_POWER;
        goto out;
    }
    if (!BN_lshift1(step, a) || !BN_add_word(step, 1))
        goto out;
    for (int round = 0; found == 0 && round < RSA_MODULUS_ROUNDS; round++) {
        if (!BN_add(rest, rest, step) || !BN_add_word(step, 2))
            goto out;
        found = is_square(rest, root, square, ctx);
    }
    fault = found < 0 ? RSA_NO_MEMORY : found ? RSA_CLOSE_PRIMES : RSA_SOUND;
out:
    BN_CTX_end(ctx);
    return fault;
}

/* ---- All of it ------------------------------------------------------------------------------------------------------- */

static enum rsa_fault check_number(const BIGNUM *n, BN_CTX *ctx)
{
    uint16_t residues[N_PRIMES];
    int power;

    take_residues(n, residues);
    if (has_small_factor(residues))
        return RSA_SMALL_FACTOR;
    if (is_roca(residues))
        return RSA_ROCA;
    power = is_odd_power(n, ctx);
    if (power != 0)
        return power < 0 ? RSA_NO_MEMORY : RSA_POWER;
    return try_fermat(n, ctx);
}

enum rsa_fault rsa_modulus_check(const uint8_t *modulus, size_t len)
{
    enum rsa_fault fault = RSA_NO_MEMORY;
    BN_CTX *ctx = NULL;
    BIGNUM *n;

    if (rsa_pattern(modulus, len))
        return RSA_PATTERN;
    n = BN_bin2bn(modulus, (int)len, NULL);
    if (n)
        ctx = BN_CTX_new();
    if (ctx)
        fault = check_number(n, ctx);
    BN_CTX_free(ctx);
    BN_free(n);
    return fault;
}
