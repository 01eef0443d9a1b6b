/* request/rsa_pattern.c: products of numbers whose words are not filled, and thousands of random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/rand.h>

#include "request/rsa_pattern.h"

enum { BYTES = 256 };

static BN_CTX *ctx;

static int set_up(void **state)
{
    (void)state;
    ctx = BN_CTX_new();
    return ctx ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    BN_CTX_free(ctx);
    return 0;
}

/* 1,024 bits in digits of `width` bits: the highest has its two first bits set, the others have `filled` random ones. */
static void fill_digits(BIGNUM *out, int width, int filled)
{
    BIGNUM *digit = BN_new();

    assert_true(digit && BN_set_word(out, 3) && BN_lshift(out, out, width - 2));
    for (int bits = width; bits < 1024; bits += width)
        assert_true(BN_rand(digit, filled, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) && BN_lshift(out, out, width) &&
                    BN_add(out, out, digit));
    BN_free(digit);
}

static void make_polynomial(uint8_t modulus[BYTES], int width, int filled)
{
    BIGNUM *n = BN_new(), *p = BN_new(), *q = BN_new();

    fill_digits(p, width, filled);
    fill_digits(q, width, filled);
    assert_true(n && BN_mul(n, p, q, ctx));
    assert_int_equal(BN_bn2binpad(n, modulus, BYTES), BYTES);
    assert_int_equal(modulus[0] >> 7, 1);
    BN_free(n);
    BN_free(p);
    BN_free(q);
}

static unsigned count_ones(const uint8_t *modulus)
{
    unsigned ones = 0;

    for (size_t i = 0; i < BYTES; i++)
        ones += (unsigned)__builtin_popcount(modulus[i]);
    return ones;
}

/* Those that a count of the bits would let pass are the ones to be looked at. */
static void polynomials_with_as_many_ones_as_zeros_are_found(void **state)
{
    static const struct {
        int width, filled;
    } kinds[] = { { 32, 11 }, { 64, 26 }, { 128, 56 } };
    uint8_t modulus[BYTES];
    unsigned balanced = 0;

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int n = 0; n < 500; n++) {
            make_polynomial(modulus, kinds[i].width, kinds[i].filled);
            balanced += count_ones(modulus) >= BYTES * 8 * 41 / 100;
            assert_true(rsa_pattern(modulus, sizeof modulus));
        }
    assert_true(balanced > 0);
}

/* Random but for the second byte of each digit, which is empty. (Of narrower ones, pairs would be digits as well.) */
static void unused_bits_count_in_every_digit_but_the_lowest(void **state)
{
    uint8_t modulus[BYTES];

    (void)state;
    for (size_t width = 9; width <= 16; width++) {
        assert_int_equal(RAND_bytes(modulus, sizeof modulus), 1);
        for (size_t i = 0; i < BYTES; i++)
            if ((BYTES - 1 - i) % width == width - 2)
                modulus[i] = 0;
        modulus[BYTES - 1 - (width - 2)] = 0xff; /* the lowest digit */
        assert_true(rsa_pattern(modulus, sizeof modulus));
        modulus[BYTES - 1 - (width - 2) - width] = 0xff; /* the second: every bit is used now */
        assert_false(rsa_pattern(modulus, sizeof modulus));
    }
}

static void no_random_modulus_is_refused(void **state)
{
    BIGNUM *n = BN_new(), *p = BN_new(), *q = BN_new();
    uint8_t modulus[2 * BYTES];

    (void)state;
    for (int i = 0; i < 6000; i++) {
        const int bits = 2048 + i % 3 * 1024;

        assert_true(BN_rand(p, bits / 2, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) &&
                    BN_rand(q, bits / 2, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) && BN_mul(n, p, q, ctx));
        assert_int_equal(BN_bn2bin(n, modulus), bits / 8);
        assert_false(rsa_pattern(modulus, (size_t)bits / 8));
    }
    BN_free(n);
    BN_free(p);
    BN_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polynomials_with_as_many_ones_as_zeros_are_found),
        cmocka_unit_test(unused_bits_count_in_every_digit_but_the_lowest),
        cmocka_unit_test(no_random_modulus_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
