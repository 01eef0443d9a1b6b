/* request/csr_key.c: which keys and signatures are accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "csr_test.h"

static void start(struct csr_maker *m, const char *kind)
{
    csr_maker_start(m, kind, "CN=go.example.com", "DNS:go.example.com");
}

static void every_allowed_kind_of_key_is_accepted(void **state)
{
    static const char *const kinds[] = { "rsa2048", "rsa3072", "rsa4096", "p256", "p384" };
    static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (size_t j = 0; j < sizeof digests / sizeof *digests; j++) {
            struct csr_maker m;
            struct csr csr;

            start(&m, kinds[i]);
            m.digest = digests[j];
            csr = accepts(&m);
            assert_string_equal(csr.key_type, kinds[i]);
            csr_free(&csr);
        }
    }
}

static void the_hash_is_that_of_the_public_key(void **state)
{
    struct csr_maker m;
    struct csr csr;
    uint8_t expected[32];

    (void)state;
    start(&m, "p256");
    csr = accepts(&m);
    assert_int_equal(EVP_Digest(m.spki.at, m.spki.len, expected, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(csr.spki_sha256, expected, 32);
    csr_free(&csr);
}

static void an_rsa_key_has_one_of_three_sizes(void **state)
{
    struct csr_maker m;
    const size_t odd_sizes[] = { 2049, 2056, 2560, 3071, 3073, 4095, 4097, 8192 };

    (void)state;
    start(&m, "rsa512");
    refuses(&m, "weak-key", "512 bits: use RSA with 2048");
    start(&m, "rsa1024");
    refuses(&m, "weak-key", "1024 bits");
    start(&m, "rsa2048");
    csr_maker_rsa_spki(&m.spki, 2047, 0xa7, "0203010001");
    refuses(&m, "weak-key", "2047 bits");
    for (size_t i = 0; i < sizeof odd_sizes / sizeof *odd_sizes; i++) {
        csr_maker_rsa_spki(&m.spki, odd_sizes[i], 0xa7, "0203010001");
        refuses(&m, "key-type", "bits: use RSA");
    }
    csr_maker_rsa_spki(&m.spki, 100000, 0xa7, "0203010001");
    refuses(&m, "key-type", "100000 bits");
}

static void an_rsa_key_has_a_sane_exponent_and_modulus(void **state)
{
    struct csr_maker m;
    struct bytes key = { .len = 0 };

    (void)state;
    start(&m, "rsa2048");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "020103");
    refuses(&m, "rsa-exponent", "exponent");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "020101");
    refuses(&m, "rsa-exponent", "exponent");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "02050000010001");
    refuses(&m, "bad-der", "RSA key");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "02050100000001");
    refuses(&m, "rsa-exponent", "exponent");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "0201ff");
    refuses(&m, "bad-der", "positive");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "020100");
    refuses(&m, "bad-der", "positive");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "0203010001020101");
    refuses(&m, "bad-der", "two positive numbers");
    csr_maker_rsa_spki(&m.spki, 2048, 0xa7, "");
    refuses(&m, "bad-der", "two positive numbers");
    bytes_add_hex(&key, "30060201000203010001");
    csr_maker_spki(&m.spki, "300d06092a864886f70d0101010500", &key);
    refuses(&m, "bad-der", "two positive numbers");
}

/* The modulus of the real key, and bytes behind it that nobody signed for. */
static void bytes_behind_an_rsa_key_are_refused(void **state)
{
    struct csr_maker m;
    struct bytes key = { .len = 0 };

    (void)state;
    start(&m, "rsa2048");
    bytes_add(&key, m.spki.at + 24, m.spki.len - 24);
    csr_maker_spki(&m.spki, "300d06092a864886f70d0101010500", &key);
    accepts_and_frees(&m);
    bytes_add_hex(&key, "0500");
    csr_maker_spki(&m.spki, "300d06092a864886f70d0101010500", &key);
    refuses(&m, "bad-der", "RSA key");
}

static void an_ec_key_is_on_p256_or_p384(void **state)
{
    struct csr_maker m;

    (void)state;
    start(&m, "p521");
    refuses(&m, "key-type", "another curve");
    start(&m, "secp256k1");
    refuses(&m, "key-type", "another curve");
    start(&m, "prime192v1");
    refuses(&m, "key-type", "another curve");
}

#define P256_ALGORITHM "301306072a8648ce3d020106082a8648ce3d030107"

static void an_ec_point_is_whole_and_on_its_curve(void **state)
{
    struct csr_maker m;
    struct bytes point = { .len = 0 }, changed;

    (void)state;
    start(&m, "p256");
    bytes_add(&point, m.spki.at + 26, 65);
    csr_maker_spki(&m.spki, P256_ALGORITHM, &point);
    accepts_and_frees(&m);
    changed = point;
    changed.at[0] = 0x02;
    changed.len = 33;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed);
    refuses(&m, "key-type", "compressed");
    changed = point;
    changed.at[0] = 0x06;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed);
    refuses(&m, "key-type", "compressed");
    changed = point;
    changed.at[64] ^= 1;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed);
    refuses(&m, "ec-point", "not on its curve");
    changed = point;
    changed.len = 64;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed);
    refuses(&m, "bad-der", "length of its curve");
    bytes_add_hex(&point, "00");
    csr_maker_spki(&m.spki, P256_ALGORITHM, &point);
    refuses(&m, "bad-der", "length of its curve");
    changed.len = 0;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed); /* nothing at all */
    refuses(&m, "key-type", "compressed");
    changed.at[0] = 0;
    changed.len = 1;
    csr_maker_spki(&m.spki, P256_ALGORITHM, &changed); /* the point at infinity */
    refuses(&m, "key-type", "compressed");
}

static void the_point_of_another_curve_is_refused(void **state)
{
    struct csr_maker m;
    struct bytes point = { .len = 0 };

    (void)state;
    start(&m, "p384");
    bytes_add(&point, m.spki.at + 23, 97);
    csr_maker_spki(&m.spki, P256_ALGORITHM, &point);
    refuses(&m, "bad-der", "length of its curve");
}

static void other_kinds_of_keys_are_refused(void **state)
{
    struct csr_maker m;
    struct bytes point = { .len = 0 };

    (void)state;
    start(&m, "ed25519");
    refuses(&m, "key-type", "of this kind");
    start(&m, "rsa-pss");
    refuses(&m, "key-type", "of this kind");
    start(&m, "p256");
    bytes_add(&point, m.spki.at + 26, 65);
    csr_maker_spki(&m.spki, "300906072a8648ce3d0201", &point);         /* no curve   */
    refuses(&m, "key-type", "spells its curve");
    csr_maker_spki(&m.spki, "300b06072a8648ce3d02010500", &point);     /* NULL       */
    refuses(&m, "key-type", "spells its curve");
    csr_maker_spki(&m.spki, "300e06072a8648ce3d02013003020101", &point); /* explicit */
    refuses(&m, "key-type", "spells its curve");
    csr_maker_spki(&m.spki, "300b06092a864886f70d010101", &point);     /* RSA without NULL */
    refuses(&m, "key-type", "not NULL");
    csr_maker_spki(&m.spki, "301006092a864886f70d0101010203010001", &point);
    refuses(&m, "key-type", "not NULL");
    csr_maker_spki(&m.spki, "300a06082a8648ce380401", &point);         /* DSA        */
    refuses(&m, "bad-der", "");
}

static void a_key_info_of_another_shape_is_refused(void **state)
{
    struct csr_maker m;

    (void)state;
    start(&m, "p256");
    m.spki.len = 0;
    bytes_add_hex(&m.spki, "3000");
    refuses(&m, "bad-der", "SubjectPublicKeyInfo");
    m.spki.len = 0;
    bytes_add_hex(&m.spki, "3015" P256_ALGORITHM);
    refuses(&m, "bad-der", "SubjectPublicKeyInfo");
    m.spki.len = 0;
    bytes_add_hex(&m.spki, "301b" P256_ALGORITHM "030200040500");
    refuses(&m, "bad-der", "");
    start(&m, "p256");
    m.spki.at[25] = 0x01; /* unused bits */
    m.spki.at[m.spki.len - 1] &= 0xfe;
    refuses(&m, "bad-der", "SubjectPublicKeyInfo");
}

static void a_weak_or_unknown_signature_algorithm_is_refused(void **state)
{
    static const char *const for_rsa[] = {
        "300d06092a864886f70d0101040500", /* MD5                     */
        "300d06092a864886f70d01010e0500", /* SHA-224                 */
        "300d06092a864886f70d0101010500", /* rsaEncryption           */
        "300b06092a864886f70d01010b",     /* no NULL                 */
        "300d06092a864886f70d01010b0400", /* an OCTET STRING instead */
        "300a06082a8648ce3d040302",       /* ECDSA                   */
        "300b06092a864886f70d01010a",     /* PSS                     */
    };
    static const char *const for_ec[] = {
        "300906072a8648ce3d0401",         /* SHA-1   */
        "300a06082a8648ce3d040301",       /* SHA-224 */
        "300c06082a8648ce3d0403020500",   /* NULL    */
        "300d06092a864886f70d01010b0500", /* RSA     */
        "300506032b6570",                 /* Ed25519 */
    };
    struct csr_maker m;

    (void)state;
    start(&m, "rsa2048");
    m.digest = "SHA1";
    refuses(&m, "signature-algorithm", "SHA-256");
    for (size_t i = 0; i < sizeof for_rsa / sizeof *for_rsa; i++) {
        start(&m, "rsa2048");
        bytes_add_hex(&m.algorithm, for_rsa[i]);
        refuses(&m, "signature-algorithm", "and RSA");
    }
    for (size_t i = 0; i < sizeof for_ec / sizeof *for_ec; i++) {
        start(&m, "p256");
        bytes_add_hex(&m.algorithm, for_ec[i]);
        refuses(&m, "signature-algorithm", "and ECDSA");
    }
}

static void a_signature_proves_possession_of_the_key(void **state)
{
    struct csr_maker m;
    struct bytes der;

    (void)state;
    start(&m, "p256");
    m.other_signature = true;
    refuses(&m, "bad-signature", "changed after it was signed");
    start(&m, "rsa2048");
    m.other_signature = true;
    refuses(&m, "bad-signature", "");
    start(&m, "p256"); /* another's public key */
    m.key = csr_maker_key("p256 of another");
    refuses(&m, "bad-signature", "");
    start(&m, "p256");
    bytes_add_hex(&m.algorithm, "300a06082a8648ce3d040303"); /* says SHA-384 */
    refuses(&m, "bad-signature", "");
    start(&m, "p256");
    csr_maker_make(&m, &der);
    ((uint8_t *)memmem(der.at, der.len, "go.example.com", 14))[0] = 'n';
    refuses_bytes(&der, "bad-signature", "");
    start(&m, "rsa2048");
    m.unused_bits = 1;
    csr_maker_make(&m, &der);
    der.at[der.len - 1] &= 0xfe;
    refuses_bytes(&der, "bad-der", "whole number of bytes");
}

/* The key that a CSR is checked with has served for others before. */
static void nothing_is_left_of_the_key_before(void **state)
{
    static const char *const order[] = { "p256", "p256 of another", "p256", "p384", "p256 of another" };

    (void)state;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct csr_maker m;
        struct csr csr;

        start(&m, order[i]);
        csr = accepts(&m);
        csr_free(&csr);
        start(&m, "p256"); /* what another signed, under this one's public key and the other way round */
        m.key = csr_maker_key(i % 2 ? "p256" : "p256 of another");
        m.other_signature = i % 2;
        refuses(&m, "bad-signature", "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allowed_kind_of_key_is_accepted),
        cmocka_unit_test(the_hash_is_that_of_the_public_key),
        cmocka_unit_test(an_rsa_key_has_one_of_three_sizes),
        cmocka_unit_test(an_rsa_key_has_a_sane_exponent_and_modulus),
        cmocka_unit_test(bytes_behind_an_rsa_key_are_refused),
        cmocka_unit_test(an_ec_key_is_on_p256_or_p384),
        cmocka_unit_test(an_ec_point_is_whole_and_on_its_curve),
        cmocka_unit_test(the_point_of_another_curve_is_refused),
        cmocka_unit_test(other_kinds_of_keys_are_refused),
        cmocka_unit_test(a_key_info_of_another_shape_is_refused),
        cmocka_unit_test(a_weak_or_unknown_signature_algorithm_is_refused),
        cmocka_unit_test(a_signature_proves_possession_of_the_key),
        cmocka_unit_test(nothing_is_left_of_the_key_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
