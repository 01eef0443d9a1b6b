/* request/moduli.c: primes that two moduli share are found among many, with which of them, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "request/moduli.h"

/* Short primes, which are found fast; nothing depends on their length. */
enum { PRIMES = 300, BITS = 192, LEN = BITS / 4, PLENTY = 1000 * 1000 };

static BIGNUM *primes[PRIMES];
static BN_CTX *ctx;
static struct moduli *moduli;
static struct moduli_other other;

struct number {
    uint8_t at[4 * LEN];
    size_t len;
};

static int make_primes(void **state)
{
    (void)state;
    ctx = BN_CTX_new();
    for (size_t i = 0; i < PRIMES; i++) {
        primes[i] = BN_new();
        assert_true(ctx && primes[i] && BN_generate_prime_ex(primes[i], BITS, 0, NULL, NULL, NULL));
    }
    return 0;
}

static int free_primes(void **state)
{
    (void)state;
    for (size_t i = 0; i < PRIMES; i++)
        BN_free(primes[i]);
    BN_CTX_free(ctx);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    moduli = moduli_new(PLENTY);
    assert_non_null(moduli);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    moduli_free(moduli);
    return 0;
}

static struct number product(size_t p, size_t q)
{
    BIGNUM *n = BN_new();
    struct number number;

    assert_true(BN_mul(n, primes[p], primes[q], ctx));
    number.len = (size_t)BN_bn2bin(n, number.at);
    BN_free(n);
    return number;
}

static const char *name_of(size_t p, size_t q)
{
    static char name[MODULI_OWNER_SIZE];

    snprintf(name, sizeof name, "%zu-%zu", p, q);
    return name;
}

static void keep(size_t p, size_t q, uint64_t seen)
{
    const struct number n = product(p, q);

    assert_int_equal(moduli_keep(moduli, n.at, n.len, name_of(p, q), seen), 0);
}

static void hold(size_t p, size_t q)
{
    const struct number n = product(p, q);

    assert_int_equal(moduli_hold(moduli, n.at, n.len, name_of(p, q)), 0);
}

static void release(size_t p, size_t q)
{
    const struct number n = product(p, q);

    moduli_release(moduli, n.at, n.len);
}

static int look(size_t p, size_t q)
{
    const struct number n = product(p, q);

    other = (struct moduli_other){ .owner = "nobody" };
    return moduli_find_shared(moduli, n.at, n.len, &other);
}

static void expect_shared(size_t p, size_t q, const char *owner)
{
    assert_int_equal(look(p, q), 1);
    assert_string_equal(other.owner, owner);
}

/* Pairs of neighbours: 0 and 1, 2 and 3, up to the prime `end`. */
static void keep_pairs(size_t end)
{
    for (size_t i = 0; i < end; i += 2)
        keep(i, i + 1, 1);
}

/* ---- */

static void moduli_without_a_prime_in_common_are_apart(void **state)
{
    (void)state;
    assert_int_equal(look(0, 1), 0);
    keep_pairs(280);
    assert_int_equal(moduli_count(moduli), 140);
    for (size_t i = 280; i + 1 < PRIMES; i += 2)
        assert_int_equal(look(i, i + 1), 0);
    assert_string_equal(other.owner, "nobody");
}

static void a_shared_prime_is_found_wherever_the_other_stands(void **state)
{
    (void)state;
    keep_pairs(280);
    for (size_t i = 0; i < 280; i++) {
        expect_shared(i, 290, name_of(i & ~(size_t)1, i | 1));
        assert_true(other.is_kept);
    }
}

static void the_same_modulus_again_shares_nothing(void **state)
{
    (void)state;
    keep_pairs(200);
    for (size_t i = 0; i < 200; i += 2)
        assert_int_equal(look(i, i + 1), 0);
    keep(1, 290, 1);
    expect_shared(0, 1, "1-290");
    expect_shared(1, 290, "0-1");
    assert_int_equal(look(2, 3), 0);
}

static void both_primes_may_be_known_from_two_others(void **state)
{
    (void)state;
    keep_pairs(200);
    expect_shared(100, 103, "100-101");
    expect_shared(198, 1, "0-1");
}

static void numbers_of_other_lengths_are_compared_as_well(void **state)
{
    struct number longer;
    BIGNUM *n = BN_new(), *q = BN_new();

    (void)state;
    keep_pairs(100);
    assert_true(BN_generate_prime_ex(q, 3 * BITS, 0, NULL, NULL, NULL) && BN_mul(n, primes[50], q, ctx));
    longer.len = (size_t)BN_bn2bin(n, longer.at);
    assert_int_equal(moduli_find_shared(moduli, longer.at, longer.len, &other), 1);
    assert_string_equal(other.owner, "50-51");
    keep(50, 200, 1);
    release(50, 51);
    moduli_forget(moduli, 2);
    assert_int_equal(moduli_count(moduli), 0);
    assert_int_equal(moduli_keep(moduli, longer.at, longer.len, "long", 2), 0);
    expect_shared(50, 201, "long");
    BN_free(n);
    BN_free(q);
}

static void somebody_is_told_once_of_each(void **state)
{
    (void)state;
    keep(0, 1, 1);
    keep(2, 3, 1);
    expect_shared(0, 9, "0-1");
    assert_true(other.is_news);
    expect_shared(1, 8, "0-1");
    assert_false(other.is_news);
    expect_shared(2, 9, "2-3");
    assert_true(other.is_news);
}

static void an_order_counts_until_its_end(void **state)
{
    (void)state;
    hold(0, 1);
    expect_shared(0, 9, "0-1");
    assert_false(other.is_kept);
    hold(0, 1);
    release(0, 1);
    expect_shared(0, 9, "0-1");
    release(0, 1);
    assert_int_equal(look(0, 9), 0);
    release(0, 1);
    assert_int_equal(moduli_count(moduli) + moduli_bits(moduli), 0);
}

static void with_its_certificate_it_stays(void **state)
{
    (void)state;
    hold(0, 1);
    keep(0, 1, 5);
    release(0, 1);
    expect_shared(0, 9, "0-1");
    assert_true(other.is_kept);
    moduli_forget(moduli, 5);
    assert_int_equal(moduli_count(moduli), 1);
    hold(0, 1);
    moduli_forget(moduli, 6);
    expect_shared(0, 9, "0-1");
    assert_false(other.is_kept);
    release(0, 1);
    assert_int_equal(moduli_count(moduli), 0);
}

static void what_the_store_has_no_more_is_forgotten(void **state)
{
    (void)state;
    keep_pairs(280);
    for (size_t i = 0; i < 280; i += 6)
        keep(i, i + 1, 2);
    hold(2, 3);
    moduli_forget(moduli, 2);
    assert_int_equal(moduli_count(moduli), 48);
    for (size_t i = 0; i < 280; i++)
        assert_int_equal(look(i, 290), i % 6 < 2 || i == 2 || i == 3);
}

/* 200 pairs of 384 bits would be twice what is kept; a number may have a bit less. */
static void the_oldest_go_when_there_are_too_many(void **state)
{
    (void)state;
    moduli_free(moduli);
    moduli = moduli_new(70 * (size_t)(2 * BITS));
    keep_pairs(280);
    assert_true(moduli_bits(moduli) <= 70 * 2 * BITS);
    assert_in_range(moduli_count(moduli), 70, 71);
    assert_int_equal(look(136, 290), 0);
    assert_int_equal(look(0, 290), 0);
    for (size_t i = 140; i < 280; i++)
        assert_int_equal(look(i, 290), 1);
    release(0, 1);
    assert_in_range(moduli_count(moduli), 70, 71);
}

/* Whatever came and went: as many divisors are found as there are. */
static void products_stay_right_whatever_comes_and_goes(void **state)
{
    bool held[PRIMES / 2] = { false };
    uint32_t chance = 1;

    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        size_t which;

        chance = chance * 1664525 + 1013904223;
        which = (chance >> 8) % 140;
        if (held[which])
            release(2 * which, 2 * which + 1);
        else
            hold(2 * which, 2 * which + 1);
        held[which] = !held[which];
        chance = chance * 1664525 + 1013904223;
        which = (chance >> 8) % 140;
        assert_int_equal(look(2 * which, 299), held[which]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moduli_without_a_prime_in_common_are_apart),
        TEST(a_shared_prime_is_found_wherever_the_other_stands),
        TEST(the_same_modulus_again_shares_nothing),
        TEST(both_primes_may_be_known_from_two_others),
        TEST(numbers_of_other_lengths_are_compared_as_well),
        TEST(somebody_is_told_once_of_each),
        TEST(an_order_counts_until_its_end),
        TEST(with_its_certificate_it_stays),
        TEST(what_the_store_has_no_more_is_forgotten),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(products_stay_right_whatever_comes_and_goes),
    };

    return cmocka_run_group_tests(tests, make_primes, free_primes);
}
