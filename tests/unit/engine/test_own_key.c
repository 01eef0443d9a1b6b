/* engine/own_key.c: one key has one hash, in whatever form it is told; an instance keeps those that it told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "engine/own_key.h"

struct spki {
    unsigned char *der;
    size_t len;
};

static void take_spki(struct spki *out, EVP_PKEY *key)
{
    const int len = i2d_PUBKEY(key, &out->der);

    assert_true(len > 0);
    out->len = (size_t)len;
}

static void hash_bytes(const struct spki *spki, uint8_t sha256[OWN_KEY_HASH])
{
    assert_int_equal(EVP_Digest(spki->der, spki->len, sha256, NULL, EVP_sha256(), NULL), 1);
}

static void a_key_has_the_hash_that_its_csr_has(void **state)
{
    EVP_PKEY *const keys[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-384"), EVP_RSA_gen(2048),
                               EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
    uint8_t hash[OWN_KEY_HASH], expected[OWN_KEY_HASH];

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct spki spki = { 0 };
        struct cs_error err = { 0 };

        assert_non_null(keys[i]);
        take_spki(&spki, keys[i]);
        hash_bytes(&spki, expected);
        assert_int_equal(own_key_hash(spki.der, spki.len, hash, &err), 0);
        assert_memory_equal(hash, expected, sizeof hash);
        OPENSSL_free(spki.der);
        EVP_PKEY_free(keys[i]);
    }
}

/* As a file may have it, and a CSR may not. */
static void the_form_of_an_ec_key_makes_no_difference(void **state)
{
    static const struct {
        const char *what, *word;
    } forms[] = { { OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED },
                  { OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_HYBRID },
                  { OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT } };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint8_t hash[OWN_KEY_HASH], expected[OWN_KEY_HASH];
    struct spki plain = { 0 };

    (void)state;
    take_spki(&plain, key);
    hash_bytes(&plain, expected);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct spki other = { 0 };

        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, forms[i].what, forms[i].word), 1);
        take_spki(&other, key);
        assert_true(other.len != plain.len || memcmp(other.der, plain.der, other.len) != 0);
        assert_int_equal(own_key_hash(other.der, other.len, hash, NULL), 0);
        assert_memory_equal(hash, expected, sizeof hash);
        OPENSSL_free(other.der);
    }
    OPENSSL_free(plain.der);
    EVP_PKEY_free(key);
}

static void an_instance_holds_what_it_told_and_nothing_else(void **state)
{
    struct cs_instance in = { .name = "le" };
    uint8_t hash[OWN_KEY_HASH];
    struct cs_error err = { 0 };

    (void)state;
    for (int i = 0; i <= OWN_KEYS_MOST; i++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        struct spki spki = { 0 };

        take_spki(&spki, key);
        assert_int_equal(own_key_hash(spki.der, spki.len, hash, &err), 0);
        assert_false(own_key_is_of(&in, hash));
        assert_int_equal(cs_own_key(&in, spki.der, spki.len, &err), i < OWN_KEYS_MOST ? 0 : -1);
        assert_int_equal(own_key_is_of(&in, hash), i < OWN_KEYS_MOST);
        if (i < OWN_KEYS_MOST)
            assert_int_equal(cs_own_key(&in, spki.der, spki.len, &err), 0); /* a second time */
        OPENSSL_free(spki.der);
        EVP_PKEY_free(key);
    }
    assert_int_equal(err.code, CS_EINTERNAL);
}

static void what_is_no_key_is_refused(void **state)
{
    struct cs_instance in = { .name = "le" };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct spki spki = { 0 };
    struct cs_error err = { 0 };
    unsigned char longer[200] = { 0 };

    (void)state;
    take_spki(&spki, key);
    memcpy(longer, spki.der, spki.len);
    assert_int_equal(cs_own_key(&in, longer, spki.len + 1, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_int_equal(cs_own_key(&in, spki.der, spki.len - 1, &err), -1);
    assert_int_equal(cs_own_key(&in, "", 0, &err), -1);
    assert_int_equal(in.n_own_keys, 0);
    OPENSSL_free(spki.der);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_hash_that_its_csr_has),
        cmocka_unit_test(the_form_of_an_ec_key_makes_no_difference),
        cmocka_unit_test(an_instance_holds_what_it_told_and_nothing_else),
        cmocka_unit_test(what_is_no_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
