/* request/csr.c beside OpenSSL's own reader of requests: good CSRs of each kind, and what becomes of them byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "csr_maker.h"
#include "csr_reference.h"

static const char *const kinds[] = { "p256", "p384", "rsa2048", "rsa3072", "rsa4096" };
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* How often csr_read() said what: a comparison in which nothing is ever accepted would prove little. */
struct tally {
    size_t accepted, refused, bad_signature, bad_key, bad_attribute;
};

static void compare(struct tally *tally, const struct bytes *der, const char *what, size_t at)
{
    struct cs_error err = { 0 };
    struct csr csr;
    bool accepted = csr_read(&csr, der->at, der->len, &err) == 0;

    if (!csr_reference_agrees(der->at, der->len, &csr, accepted ? NULL : &err))
        fail_msg("they differ on %s, byte %zu changed", what, at);
    tally->accepted += accepted;
    tally->refused += !accepted;
    tally->bad_signature += !accepted && strcmp(err.reason, "bad-signature") == 0;
    tally->bad_key += !accepted && strcmp(err.reason, "ec-point") == 0;
    tally->bad_attribute += !accepted && strstr(err.text, "an attribute that is not one") != NULL;
    if (accepted)
        csr_free(&csr);
}

static void start(struct csr_maker *m, const char *kind)
{
    struct bytes value = { .len = 0 };

    csr_maker_start(m, kind, "CN=go.example.com,O=Example", "DNS:go.example.com,DNS:a.example.com");
    bytes_add_hex(&value, "1e0400610062"); /* a BMPString */
    csr_maker_add_attribute(&m->attributes, "1.2.840.113549.1.9.7", &value);
}

static const uint8_t flips[] = { 0x01, 0x80, 0x20, 0x02, 0xff };

#ifdef WITH_SANITIZER
static const size_t flips_most = 1;
#else
static const size_t flips_most = sizeof flips;
#endif

/* An RSA key is long, and its operations are slow. */
static size_t n_flips(const char *kind)
{
    return kind[0] == 'r' ? 1 : flips_most;
}

static void both_say_the_same_of_every_kind_and_digest(void **state)
{
    static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
    struct tally tally = { 0 };

    (void)state;
    for (size_t i = 0; i < N_KINDS; i++)
        for (size_t j = 0; j < sizeof digests / sizeof *digests; j++) {
            struct csr_maker m;
            struct bytes der;

            start(&m, kinds[i]);
            m.digest = digests[j];
            csr_maker_make(&m, &der);
            compare(&tally, &der, kinds[i], 0);
        }
    assert_int_equal(tally.accepted, N_KINDS * 3);
}

static void both_say_the_same_of_every_changed_byte(void **state)
{
    struct tally tally = { 0 };

    (void)state;
    for (size_t i = 0; i < N_KINDS; i++) {
        struct csr_maker m;
        struct bytes der;

        start(&m, kinds[i]);
        csr_maker_make(&m, &der);
        for (size_t at = 0; at < der.len; at++)
            for (size_t f = 0; f < n_flips(kinds[i]); f++) {
                der.at[at] ^= flips[f];
                compare(&tally, &der, kinds[i], at);
                der.at[at] ^= flips[f];
            }
    }
    assert_int_equal(tally.accepted, 0);
    assert_true(tally.bad_signature > 1000);
    assert_true(tally.bad_key > 60 * flips_most);
}

/* Each byte of one part changed before the whole is signed, so that what stands behind the signature is reached. */
static void change_and_sign(struct tally *tally, struct csr_maker *m, struct bytes *part, const char *what)
{
    for (size_t at = 0; at < part->len; at++)
        for (size_t f = 0; f < n_flips(what); f++) {
            struct bytes der;

            part->at[at] ^= flips[f];
            csr_maker_make(m, &der);
            compare(tally, &der, what, at);
            part->at[at] ^= flips[f];
        }
}

static void both_say_the_same_of_every_change_that_was_signed(void **state)
{
    struct tally tally = { 0 };
    struct csr_maker m;
    struct bytes der;

    (void)state;
    start(&m, "p256");
    csr_maker_make(&m, &der); /* fills in the algorithm */
    change_and_sign(&tally, &m, &m.attributes, "attributes");
    change_and_sign(&tally, &m, &m.subject, "subject");
    change_and_sign(&tally, &m, &m.algorithm, "algorithm");
    change_and_sign(&tally, &m, &m.version, "version");
    assert_true(tally.accepted > 20 * flips_most);
    assert_true(tally.refused > 20 * flips_most);
    assert_true(tally.bad_attribute > 0);
}

/* Another's key, changed: never accepted, but whatever is wrong with it must be found in the same place. */
static void both_say_the_same_of_every_changed_key(void **state)
{
    struct tally tally = { 0 };
    struct csr_maker m;

    (void)state;
    for (size_t i = 0; i < N_KINDS; i++) {
        start(&m, kinds[i]);
        m.key = csr_maker_key("p256 of another");
        if (kinds[i][0] == 'r')
            bytes_add_hex(&m.algorithm, "300d06092a864886f70d01010b0500");
        change_and_sign(&tally, &m, &m.spki, kinds[i]);
    }
    assert_int_equal(tally.accepted, 0);
    /* how many changed moduli lack a small factor, and get further, is up to chance */
    assert_true(tally.bad_key > 60 * flips_most);
}

/* x or y is the field's prime or more; RFC 5480 2.2 and SEC 1 2.3.4 know no such point. */
static void both_refuse_coordinates_beyond_the_field(void **state)
{
    static const char *const points[] = {
        "04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff" /* x = p: 0 in another form */
        "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
        "04ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "040000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000",
    };
    struct tally tally = { 0 };
    struct csr_maker m;

    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct bytes point = { .len = 0 }, der;

        start(&m, "p256");
        bytes_add_hex(&point, points[i]);
        csr_maker_spki(&m.spki, "301306072a8648ce3d020106082a8648ce3d030107", &point);
        csr_maker_make(&m, &der);
        compare(&tally, &der, "a point", i);
    }
    assert_int_equal(tally.bad_key, sizeof points / sizeof *points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_the_same_of_every_kind_and_digest),
        cmocka_unit_test(both_say_the_same_of_every_changed_byte),
        cmocka_unit_test(both_say_the_same_of_every_change_that_was_signed),
        cmocka_unit_test(both_say_the_same_of_every_changed_key),
        cmocka_unit_test(both_refuse_coordinates_beyond_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
