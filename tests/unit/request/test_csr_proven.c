/* request/csr_proven.c: bytes that had proof of possession have it still, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "csr_test.h"
#include "request/csr_proven.h"

static void hash(uint8_t sha256[32], const struct bytes *der)
{
    assert_int_equal(EVP_Digest(der->at, der->len, sha256, NULL, EVP_sha256(), NULL), 1);
}

static void make(struct bytes *der, bool other_signature)
{
    struct csr_maker m;

    csr_maker_start(&m, "p256", "CN=go.example.com", "DNS:go.example.com");
    m.other_signature = other_signature;
    csr_maker_make(&m, der);
}

static void what_was_noted_is_known(void **state)
{
    uint8_t one[32] = { 1 }, same_place[32] = { 1, 0, 1 };

    (void)state;
    assert_false(csr_proven(one));
    csr_proven_note(one);
    assert_true(csr_proven(one));
    assert_false(csr_proven(same_place));
    csr_proven_note(same_place);
    assert_true(csr_proven(same_place));
    assert_false(csr_proven(one));
}

static void every_place_is_used(void **state)
{
    size_t known = 0;

    (void)state;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < CSR_PROVEN_MOST; i++) {
            const uint8_t sha256[32] = { (uint8_t)(i >> 8), (uint8_t)i, 7 };

            if (round == 0)
                csr_proven_note(sha256);
            else
                known += csr_proven(sha256);
        }
    assert_int_equal(known, CSR_PROVEN_MOST);
}

static void a_csr_that_was_read_has_proven_it(void **state)
{
    struct bytes der;
    struct csr csr;
    uint8_t sha256[32];

    (void)state;
    make(&der, false);
    hash(sha256, &der);
    assert_false(csr_proven(sha256));
    assert_int_equal(csr_read(&csr, der.at, der.len, NULL), 0);
    csr_free(&csr);
    assert_true(csr_proven(sha256));
    assert_int_equal(csr_read(&csr, der.at, der.len, NULL), 0);
    csr_free(&csr);
    der.at[der.len - 1] ^= 1; /* the same request under another signature */
    refuses_bytes(&der, "bad-signature", "");
}

static void a_csr_that_was_refused_has_not(void **state)
{
    struct bytes der;
    struct csr csr;
    uint8_t sha256[32];

    (void)state;
    make(&der, true);
    hash(sha256, &der);
    for (int i = 0; i < 2; i++)
        refuses_bytes(&der, "bad-signature", "");
    assert_false(csr_proven(sha256));
    csr_proven_note(sha256); /* which shows that it is asked */
    assert_int_equal(csr_read(&csr, der.at, der.len, NULL), 0);
    csr_free(&csr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_known),
        cmocka_unit_test(every_place_is_used),
        cmocka_unit_test(a_csr_that_was_read_has_proven_it),
        cmocka_unit_test(a_csr_that_was_refused_has_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
