/* records/pseudonym.c: vectors of RFC 4231, what a pseudonym depends on, and that nothing of a key stays in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <ucontext.h>

#include "memory_search.h"
#include "records/pseudonym.h"

/* RFC 4231 4.2 to 4.5; the others truncate, or have a key of more than a block. */
static const struct {
    const char *key, *data, *mac; /* hexadecimal */
} vectors[] = {
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "0102030405060708090a0b0c0d0e0f10111213141516171819",
      "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

static size_t unhex(uint8_t *out, const char *hex)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void the_vectors_of_rfc_4231_hold(void **state)
{
    uint8_t key[64], data[64], want[32], mac[32];

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const size_t key_len = unhex(key, vectors[i].key), len = unhex(data, vectors[i].data);

        assert_int_equal(unhex(want, vectors[i].mac), 32);
        assert_int_equal(pseudonym_hmac(key, key_len, data, len, mac), 0);
        assert_memory_equal(mac, want, sizeof want);
    }
}

static const struct source here = { SOURCE_IPV4, { 192, 0, 2, 1 } };

static uint64_t of(uint8_t key_byte, uint64_t zone, struct source source)
{
    uint8_t key[PSEUDONYM_KEY_LEN];
    uint64_t out;

    memset(key, key_byte, sizeof key);
    assert_int_equal(pseudonym_of(key, zone, &source, &out), 0);
    return out;
}

/* Computed with `openssl dgst -sha256 -mac HMAC` over the bytes as the header lists them. */
static void a_pseudonym_is_the_beginning_of_that_mac(void **state)
{
    (void)state;
    assert_true(of(7, UINT64_C(0x0102030405060708), here) == UINT64_C(0xbca35a262733ae27));
}

static void key_zone_family_and_address_all_count(void **state)
{
    const struct source other = { SOURCE_IPV4, { 192, 0, 2, 2 } }, six = { SOURCE_IPV6, { 192, 0, 2, 1 } };
    const uint64_t all[] = { of(7, 1, here), of(8, 1, here), of(7, 2, here), of(7, 1, other), of(7, 1, six) };

    (void)state;
    assert_true(of(7, 1, here) == all[0]);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(all[i] != all[k]);
}

/* On a stack of its own, which nobody uses afterwards: what was left there stays there. */
static struct {
    ucontext_t test, call;
    unsigned char stack[256 * 1024];
    uint8_t *key;
} aside;

static void compute(void)
{
    uint64_t out;

    for (uint64_t zone = 0; zone < 10; zone++)
        assert_int_equal(pseudonym_of(aside.key, zone, &here, &out), 0);
}

static void compute_aside(void)
{
    getcontext(&aside.call);
    aside.call.uc_stack.ss_sp = aside.stack;
    aside.call.uc_stack.ss_size = sizeof aside.stack;
    aside.call.uc_link = &aside.test;
    makecontext(&aside.call, compute, 0);
    swapcontext(&aside.test, &aside.call);
}

/* The search itself is tried first: it finds the key while there is one. */
static void nothing_of_a_key_stays_in_memory(void **state)
{
    struct needle needle;

    (void)state;
    aside.key = malloc(PSEUDONYM_KEY_LEN);
    assert_int_equal(getrandom(aside.key, PSEUDONYM_KEY_LEN, 0), PSEUDONYM_KEY_LEN);
    needle_take(&needle, aside.key);
    compute_aside();
    assert_int_equal(memory_search(&needle), 2); /* its halves, where we put it */
    explicit_bzero(aside.key, PSEUDONYM_KEY_LEN);
    assert_int_equal(memory_search(&needle), 0);
    free(aside.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4231_hold),
        cmocka_unit_test(a_pseudonym_is_the_beginning_of_that_mac),
        cmocka_unit_test(key_zone_family_and_address_all_count),
        cmocka_unit_test(nothing_of_a_key_stays_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
