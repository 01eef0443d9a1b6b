/* request/rsa_modulus.c: moduli that anybody can factor, made here by construction, and good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "request/rsa_modulus.h"

struct scene {
    BN_CTX *ctx;
    BIGNUM *n, *p, *q, *t;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->ctx = BN_CTX_new();
    s->n = BN_new();
    s->p = BN_new();
    s->q = BN_new();
    s->t = BN_new();
    assert_true(s->ctx && s->n && s->p && s->q && s->t);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    BN_free(s->n);
    BN_free(s->p);
    BN_free(s->q);
    BN_free(s->t);
    BN_CTX_free(s->ctx);
    free(s);
    return 0;
}

static enum rsa_fault check(const BIGNUM *n)
{
    uint8_t bytes[RSA_MODULUS_MOST_BYTES];
    int len = BN_num_bytes(n);

    assert_true(len >= 256 && len <= (int)sizeof bytes);
    assert_int_equal(BN_bn2bin(n, bytes), len);
    return rsa_modulus_check(bytes, (size_t)len);
}

static void expect(const BIGNUM *n, enum rsa_fault fault, const char *what)
{
    enum rsa_fault found = check(n);

    if (found != fault)
        fail_msg("%s: fault %d, expected %d", what, (int)found, (int)fault);
}

static void make_prime(BIGNUM *out, int bits)
{
    assert_true(BN_generate_prime_ex(out, bits, 0, NULL, NULL, NULL));
}

static unsigned small_primes(unsigned *out)
{
    unsigned n = 0;

    for (unsigned i = 2; i <= 751; i++) {
        unsigned d = 2;

        while (d * d <= i && i % d)
            d++;
        if (d * d > i)
            out[n++] = i;
    }
    return n;
}

static bool has_small_factor(const BIGNUM *n)
{
    unsigned primes[200], count = small_primes(primes);

    for (unsigned i = 0; i < count; i++)
        if (BN_mod_word(n, primes[i]) == 0)
            return true;
    return false;
}

/* ---- Good ones ---- */

static void products_of_random_primes_are_sound(void **state)
{
    enum { PRIMES = 20 };
    struct scene *s = *state;
    BIGNUM *primes[PRIMES];

    for (size_t i = 0; i < PRIMES; i++) {
        primes[i] = BN_new();
        make_prime(primes[i], 1024);
        for (size_t j = 0; j < i; j++) {
            assert_true(BN_mul(s->n, primes[i], primes[j], s->ctx));
            expect(s->n, RSA_SOUND, "a good modulus");
        }
    }
    for (size_t i = 0; i < PRIMES; i++)
        BN_free(primes[i]);
    for (int bits = 1536; bits <= 2048; bits += 512) {
        make_prime(s->p, bits);
        make_prime(s->q, bits);
        assert_true(BN_mul(s->n, s->p, s->q, s->ctx));
        expect(s->n, RSA_SOUND, "a good modulus");
    }
}

/* What is no good key either, but is told by no rule: so the rules do not fire on everything. */
static void what_no_rule_tells_is_sound(void **state)
{
    struct scene *s = *state;

    make_prime(s->p, 2040);
    assert_true(BN_copy(s->n, s->p) && BN_mul_word(s->n, 757));
    expect(s->n, RSA_SOUND, "the first prime beyond the small ones");
    make_prime(s->p, 512);
    make_prime(s->q, 1024);
    assert_true(BN_sqr(s->n, s->p, s->ctx) && BN_mul(s->n, s->n, s->q, s->ctx));
    expect(s->n, RSA_SOUND, "a square beside another prime");
}

/* ---- Small factors ---- */

static void every_prime_up_to_751_is_found(void **state)
{
    struct scene *s = *state;
    unsigned primes[200], count = small_primes(primes);

    assert_int_equal(count, 133);
    make_prime(s->p, 2040);
    for (unsigned i = 0; i < count; i++) {
        assert_true(BN_copy(s->n, s->p) && BN_mul_word(s->n, primes[i]) && BN_mul_word(s->n, 1009));
        expect(s->n, RSA_SMALL_FACTOR, "a small factor");
    }
}

/* ---- Patterns ---- */

static void a_pattern_is_found(void **state)
{
    uint8_t bytes[256];
    struct scene *s = *state;

    make_prime(s->p, 1024);
    make_prime(s->q, 1024);
    assert_true(BN_mul(s->n, s->p, s->q, s->ctx));
    assert_int_equal(BN_bn2bin(s->n, bytes), 256);
    memset(bytes + 100, 0x5a, 15);
    bytes[99] = bytes[115] = 1;
    assert_int_not_equal(rsa_modulus_check(bytes, sizeof bytes), RSA_PATTERN);
    bytes[115] = 0x5a;
    assert_int_equal(rsa_modulus_check(bytes, sizeof bytes), RSA_PATTERN);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 2 ? 0x11 : 0x91); /* 80 of 256 bits */
    assert_int_equal(rsa_modulus_check(bytes, sizeof bytes), RSA_PATTERN);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 2 ? 0xdb : 0xfd);
    assert_int_equal(rsa_modulus_check(bytes, sizeof bytes), RSA_PATTERN);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 2 ? 0x95 : 0xb1); /* half of them, but always the same ones */
    assert_int_equal(rsa_modulus_check(bytes, sizeof bytes), RSA_PATTERN);
}

/* ---- ROCA ---- */

/* RSALib's form: k M + (65537^a mod M), M the product of the first 126 primes; whether it is prime does not matter here. */
static void make_roca_number(struct scene *s, BIGNUM *out, const BIGNUM *product)
{
    do {
        assert_true(BN_rand(s->t, 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) && BN_set_word(out, 65537));
        assert_true(BN_mod_exp(out, out, s->t, product, s->ctx));
        assert_true(BN_rand(s->t, 1024 - BN_num_bits(product), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY));
        assert_true(BN_mul(s->t, s->t, product, s->ctx) && BN_add(out, out, s->t));
    } while (has_small_factor(out));
}

static void the_form_of_roca_is_found(void **state)
{
    struct scene *s = *state;
    unsigned primes[200];
    BIGNUM *product = BN_new();

    (void)small_primes(primes);
    assert_true(product && BN_one(product));
    for (unsigned i = 0; i < 126; i++)
        assert_true(BN_mul_word(product, primes[i]));
    for (int i = 0; i < 20; i++) {
        make_roca_number(s, s->p, product);
        make_roca_number(s, s->q, product);
        assert_true(BN_mul(s->n, s->p, s->q, s->ctx));
        expect(s->n, RSA_ROCA, "a product of two ROCA primes");
    }
    do
        assert_true(BN_add(s->n, s->n, product));
    while (has_small_factor(s->n));
    expect(s->n, RSA_ROCA, "the same residues");
    assert_int_equal(BN_div_word(product, 11), 0); /* 1 and 10 are the powers of 65537 modulo 11 */
    do
        assert_true(BN_add(s->n, s->n, product));
    while (has_small_factor(s->n) || BN_mod_word(s->n, 11) == 1 || BN_mod_word(s->n, 11) == 10);
    expect(s->n, RSA_SOUND, "another residue modulo 11");
    BN_free(product);
}

/* ---- Powers ---- */

static void every_power_of_a_number_is_found(void **state)
{
    static const struct {
        unsigned exponent;
        int bits;
    } powers[] = { { 2, 1024 }, { 3, 683 }, { 3, 1024 }, { 4, 512 }, { 5, 410 }, { 6, 400 }, { 7, 300 }, { 9, 240 },
                   { 25, 100 }, { 31, 80 },  { 67, 32 },  { 127, 17 }, { 223, 11 }, { 359, 11 } };
    struct scene *s = *state;
    unsigned primes[200];

    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        do { /* higher powers may have the residues of ROCA besides, which are looked at before */
            make_prime(s->p, powers[i].bits);
            assert_true(BN_set_word(s->t, powers[i].exponent) && BN_exp(s->n, s->p, s->t, s->ctx));
        } while (check(s->n) == RSA_ROCA);
        expect(s->n, RSA_POWER, "a power");
    }
    for (unsigned i = 1, count = small_primes(primes); i < count && primes[i] <= 421; i++) {
        const int most = 4096 / (int)primes[i], least = 2048 / (int)primes[i] + 1;

        make_prime(s->p, least < 11 ? 11 : (most + least) / 2);
        assert_true(BN_set_word(s->t, primes[i]) && BN_exp(s->n, s->p, s->t, s->ctx));
        if (BN_num_bits(s->n) <= 4096)
            expect(s->n, RSA_POWER, "a power with a prime exponent");
    }
    assert_true(BN_set_word(s->p, 757) && BN_set_word(s->t, 421) && BN_exp(s->n, s->p, s->t, s->ctx));
    expect(s->n, RSA_POWER, "the smallest number with the largest exponent");
    make_prime(s->p, 400); /* of a number that is no prime */
    make_prime(s->q, 400);
    assert_true(BN_mul(s->p, s->p, s->q, s->ctx) && BN_set_word(s->t, 3) && BN_exp(s->n, s->p, s->t, s->ctx));
    expect(s->n, RSA_POWER, "the cube of a product");
    assert_true(BN_add_word(s->n, 2));
    while (has_small_factor(s->n))
        assert_true(BN_add_word(s->n, 2));
    expect(s->n, RSA_SOUND, "beside a cube");
}

/* Whole powers are what is costly: how many are taken. */
static unsigned powers_taken;

int BN_exp(BIGNUM *power, const BIGNUM *base, const BIGNUM *exponent, BN_CTX *ctx)
{
    static int (*real)(BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "BN_exp");
    powers_taken++;
    return real(power, base, exponent, ctx);
}

/* 1 modulo the first primes that are 1 modulo k, of as many exponents k as fit in: modulo each of them it is a k-th power. */
static void make_pretender(struct scene *s, int bits)
{
    unsigned small[200], count = small_primes(small);

    assert_true(BN_set_word(s->p, 2));
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = 2, agreed = 0; agreed < 6; j += 2) {
            const unsigned q = j * small[i] + 1;
            unsigned d = 2;

            while (d * d <= q && q % d)
                d++;
            if (d * d <= q)
                continue;
            agreed++;
            if (BN_num_bits(s->p) < bits - 40 && BN_mod_word(s->p, q) != 0)
                assert_true(BN_mul_word(s->p, q));
        }
    do
        assert_true(BN_rand(s->t, bits - BN_num_bits(s->p), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
                    BN_mul(s->n, s->p, s->t, s->ctx) && BN_add_word(s->n, 1));
    while (has_small_factor(s->n) || check(s->n) == RSA_ROCA); /* 1 is among ROCA's residues, too */
}

static void what_pretends_to_be_many_powers_costs_little(void **state)
{
    struct scene *s = *state;

    for (int bits = 2048; bits <= 4096; bits += 1024) {
        make_pretender(s, bits);
        powers_taken = 0;
        expect(s->n, RSA_SOUND, "what pretends to be many powers");
        assert_in_range(powers_taken, 1, 100);
    }
}

/* ---- Close primes ---- */

/* n = (a + b)(a - b) with b^2 = 2 a (tries - 0.5): Fermat's method ends at that try. */
static void make_close(struct scene *s, int bits, unsigned tries)
{
    BIGNUM *a = BN_new(), *b = BN_new();

    assert_true(a && b);
    do {
        assert_true(BN_rand(a, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) && BN_copy(s->t, a));
        assert_true(BN_mul_word(s->t, 2 * tries - 1));
        assert_true(BN_set_word(b, 1) && BN_lshift(b, b, (BN_num_bits(s->t) + 1) / 2));
        for (;;) { /* its square root, by Newton's method */
            assert_true(BN_div(s->q, NULL, s->t, b, s->ctx) && BN_add(s->q, s->q, b) && BN_rshift1(s->q, s->q));
            if (BN_cmp(s->q, b) >= 0)
                break;
            assert_true(BN_copy(b, s->q));
        }
        if (BN_is_odd(b))
            assert_true(BN_sub_word(b, 1));
        assert_true(BN_add(s->p, a, b) && BN_sub(s->q, a, b) && BN_mul(s->n, s->p, s->q, s->ctx));
    } while (has_small_factor(s->n));
    BN_free(a);
    BN_free(b);
}

static void close_primes_are_found_in_110_tries(void **state)
{
    static const int bits[] = { 1024, 1536, 2048 };
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        for (unsigned tries = 1; tries <= 115; tries += tries < 105 ? 13 : 1) {
            make_close(s, bits[i], tries);
            expect(s->n, tries <= RSA_MODULUS_ROUNDS ? RSA_CLOSE_PRIMES : RSA_SOUND, "numbers that lie close together");
        }
    }
}

static void neighbouring_primes_are_found(void **state)
{
    struct scene *s = *state;

    make_prime(s->p, 1024);
    assert_true(BN_copy(s->q, s->p));
    do
        assert_true(BN_add_word(s->q, 2));
    while (BN_check_prime(s->q, s->ctx, NULL) != 1);
    assert_true(BN_mul(s->n, s->p, s->q, s->ctx));
    expect(s->n, RSA_CLOSE_PRIMES, "a prime and the next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_random_primes_are_sound),
        cmocka_unit_test(what_no_rule_tells_is_sound),
        cmocka_unit_test(every_prime_up_to_751_is_found),
        cmocka_unit_test(a_pattern_is_found),
        cmocka_unit_test(the_form_of_roca_is_found),
        cmocka_unit_test(every_power_of_a_number_is_found),
        cmocka_unit_test(what_pretends_to_be_many_powers_costs_little),
        cmocka_unit_test(close_primes_are_found_in_110_tries),
        cmocka_unit_test(neighbouring_primes_are_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
