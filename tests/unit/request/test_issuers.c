/* request/issuers.c: CA certificates are decoded once, and only from exactly their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "request/issuers.h"

/* A certificate with this serial, DER; for OPENSSL_free(). */
static uint8_t *make(long serial, size_t *len)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    unsigned char *der = NULL;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    *len = (size_t)i2d_X509(certificate, &der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return der;
}

static long serial_of(const X509 *certificate)
{
    return ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
}

static void the_same_bytes_are_decoded_once(void **state)
{
    struct issuers *issuers = issuers_new();
    size_t len;
    uint8_t *der = make(7, &len);
    X509 *one = issuers_decode(issuers, der, len), *two = issuers_decode(issuers, der, len);

    (void)state;
    assert_non_null(one);
    assert_ptr_equal(one, two);
    X509_free(one);
    issuers_free(issuers);
    assert_int_equal(serial_of(two), 7); /* ours until we let go */
    X509_free(two);
    OPENSSL_free(der);
}

static void other_bytes_are_another_certificate(void **state)
{
    struct issuers *issuers = issuers_new();

    (void)state;
    for (long serial = 1; serial <= 20; serial++) {
        size_t len;
        uint8_t *der = make(serial, &len);
        X509 *one = issuers_decode(issuers, der, len), *again = issuers_decode(issuers, der, len);

        assert_int_equal(serial_of(one), serial);
        assert_ptr_equal(one, again);
        X509_free(one);
        X509_free(again);
        OPENSSL_free(der);
    }
    issuers_free(issuers);
}

static void what_is_no_certificate_is_not_kept(void **state)
{
    struct issuers *issuers = issuers_new();
    size_t len;
    uint8_t *der = make(7, &len);

    (void)state;
    assert_null(issuers_decode(issuers, der, len - 1));
    assert_null(issuers_decode(issuers, der, 0));
    assert_null(issuers_decode(NULL, (const uint8_t *)"x", 1));
    der[0] ^= 1;
    assert_null(issuers_decode(issuers, der, len));
    issuers_free(issuers);
    OPENSSL_free(der);
}

static void without_a_store_it_just_decodes(void **state)
{
    size_t len;
    uint8_t *der = make(7, &len);
    X509 *one = issuers_decode(NULL, der, len);

    (void)state;
    assert_int_equal(serial_of(one), 7);
    X509_free(one);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_decoded_once),
        cmocka_unit_test(other_bytes_are_another_certificate),
        cmocka_unit_test(what_is_no_certificate_is_not_kept),
        cmocka_unit_test(without_a_store_it_just_decodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
