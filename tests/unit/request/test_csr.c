/* request/csr.c: intake from body to checked request; the parts have tests of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/pem.h"
#include "base/text.h"
#include "csr_test.h"

static void good(struct bytes *der)
{
    struct csr_maker m;

    csr_maker_start(&m, "p256", "CN=go.example.com,O=Example,C=IT", "DNS:go.example.com");
    csr_maker_make(&m, der);
}

static void a_body_is_pem_or_der_as_its_type_says(void **state)
{
    static uint8_t der[CSR_MAX_DER];
    struct text pem = TEXT_MAX(CSR_MAX_DER);
    struct bytes wanted;
    size_t len;
    struct cs_error err = { 0 };

    (void)state;
    good(&wanted);
    pem_add(&pem, "CERTIFICATE REQUEST", wanted.at, wanted.len);
    assert_int_equal(csr_decode(text_of(&pem), pem.len, NULL, der, &len, &err), 0);
    assert_int_equal(len, wanted.len);
    assert_memory_equal(der, wanted.at, wanted.len);
    assert_int_equal(csr_decode(text_of(&pem), pem.len, "application/x-www-form-urlencoded", der, &len, &err), 0);
    assert_int_equal(csr_decode(text_of(&pem), pem.len, "application/pkcs10", der, &len, &err), 0);
    assert_int_equal(len, wanted.len);
    assert_int_equal(csr_decode(wanted.at, wanted.len, "application/pkcs10", der, &len, &err), 0);
    assert_int_equal(len, wanted.len);
    assert_int_equal(csr_decode(wanted.at, wanted.len, "Application/PKCS10; q=1", der, &len, &err), 0);
    assert_int_equal(csr_decode(wanted.at, wanted.len, "application/pkcs10x", der, &len, &err), -1);
    assert_string_equal(err.reason, "no-csr");
    assert_int_equal(csr_decode(wanted.at, wanted.len, "", der, &len, &err), -1);
    assert_non_null(strstr(err.text, "application/pkcs10"));
    assert_int_equal(csr_decode("", 0, "application/pkcs10", der, &len, &err), -1);
    assert_string_equal(err.reason, "no-csr");
    text_free(&pem);
}

static void sixteen_kib_are_the_limit(void **state)
{
    static uint8_t body[CSR_MAX_DER + 1], der[CSR_MAX_DER];
    size_t len;
    struct csr csr;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(csr_decode(body, sizeof body, "application/pkcs10", der, &len, &err), -1);
    assert_string_equal(err.reason, "csr-too-large");
    assert_int_equal(csr_decode(body, sizeof body, NULL, der, &len, &err), -1);
    assert_string_equal(err.reason, "csr-too-large");
    assert_int_equal(csr_decode(body, sizeof body - 1, "application/pkcs10", der, &len, &err), 0);
    assert_null(csr_outline(body, sizeof body, &err));
    assert_string_equal(err.reason, "csr-too-large");
    assert_int_equal(csr_read(&csr, body, sizeof body, &err), -1);
    assert_string_equal(err.reason, "csr-too-large");
}

static void the_outline_is_the_subject_and_asks_nothing_else(void **state)
{
    struct csr_maker m;
    struct bytes der;
    struct cs_error err = { 0 };
    char *subject;

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com,O=Example,C=IT", "email:a@example.com");
    m.other_signature = true;
    m.spki.len = 0;
    bytes_add_hex(&m.spki, "30020500");
    csr_maker_make(&m, &der);
    subject = csr_outline(der.at, der.len, &err);
    assert_string_equal(subject, "CN=go.example.com,O=Example,C=IT");
    free(subject);
    csr_maker_start(&m, "p256", "", NULL);
    csr_maker_make(&m, &der);
    subject = csr_outline(der.at, der.len, &err);
    assert_string_equal(subject, "");
    free(subject);
}

static void read_and_outline_agree_on_the_subject(void **state)
{
    struct bytes der;
    struct csr csr;
    char *subject;

    (void)state;
    good(&der);
    assert_int_equal(csr_read(&csr, der.at, der.len, NULL), 0);
    subject = csr_outline(der.at, der.len, NULL);
    assert_string_equal(subject, csr.subject);
    assert_string_equal(subject, "CN=go.example.com,O=Example,C=IT");
    free(subject);
    csr_free(&csr);
}

static void every_cut_is_refused(void **state)
{
    struct bytes der;

    (void)state;
    good(&der);
    for (size_t len = der.len; len-- > 0;) {
        struct cs_error err = { 0 };
        struct csr csr;

        assert_int_equal(csr_read(&csr, der.at, len, &err), -1);
        assert_string_equal(err.reason, "bad-der");
        assert_null(csr_outline(der.at, len, &err));
    }
}

/* A flipped bit is found by a rule or by the signature, wherever it is, and never passes. */
static void every_flipped_bit_is_refused(void **state)
{
    struct bytes der;

    (void)state;
    good(&der);
    for (size_t i = 0; i < der.len * 8; i++) {
        struct cs_error err = { 0 };
        struct csr csr;

        der.at[i / 8] ^= (uint8_t)(1 << i % 8);
        if (csr_read(&csr, der.at, der.len, &err) != -1)
            fail_msg("accepted with bit %zu flipped", i);
        assert_int_equal(err.code, CS_EINPUT);
        assert_true(err.reason[0] != '\0');
        free(csr_outline(der.at, der.len, &err));
        der.at[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static void a_second_encoding_is_refused(void **state)
{
    struct csr_maker m;
    struct bytes der, longer = { .len = 0 };

    (void)state;
    good(&der);
    bytes_add_hex(&der, "00");
    refuses_bytes(&der, "bad-der", "PKCS #10"); /* a byte behind */
    good(&der);
    bytes_add_hex(&longer, "3083000000");           /* a length of three bytes where two do */
    bytes_add(&longer, der.at + 2, der.len - 2);
    refuses_bytes(&longer, "bad-der", "PKCS #10");
    csr_maker_start(&m, "p256", "", "DNS:go.example.com");
    m.subject.len = 0;
    bytes_add_hex(&m.subject, "30800000"); /* indefinite */
    refuses(&m, "bad-der", "");
    m.subject.len = 0; /* a CN whose length takes two bytes */
    bytes_add_hex(&m.subject, "300d310b300906035504030c810161");
    refuses(&m, "bad-der", "second form");
    m.subject.len = 0; /* an RDN of two in the wrong order: OU=b before O=a */
    bytes_add_hex(&m.subject, "301631143008060355040b0c01623008060355040a0c0161");
    refuses(&m, "bad-der", "second form");
}

static void the_version_is_zero(void **state)
{
    struct csr_maker m;

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com", "DNS:go.example.com");
    m.version.len = 0;
    bytes_add_hex(&m.version, "020101");
    refuses(&m, "csr-version", "not 0");
    m.version.len = 0;
    bytes_add_hex(&m.version, "0201ff");
    refuses(&m, "csr-version", "not 0");
    m.version.len = 0;
    bytes_add_hex(&m.version, "02020000");
    refuses(&m, "bad-der", "");
    m.version.len = 0;
    bytes_add_hex(&m.version, "0500");
    refuses(&m, "bad-der", "PKCS #10");
}

static void a_subject_that_could_be_misread_is_refused(void **state)
{
    static const struct {
        const char *hex, *words;
    } subjects[] = {
        { "300d310b3009060355040314026162", "UTF8String" },        /* TeletexString        */
        { "300d310b300906035504031e020061", "UTF8String" },        /* BMPString            */
        { "300d310b3009060355040304026162", "not a Name" },        /* OCTET STRING         */
        { "300d310b300906035504030c026100", "NUL" },
        { "300d310b300906035504030c02610a", "control" },
        { "300d310b300906035504030c02c080", "" },                  /* overlong             */
        { "300b3109300706035504030c00", "empty value" },
        { "30023100", "empty RDN" },
        { "3018310a300806035504030c0161310a300806035504030c0162", "more than one CN" },
        { "300431023000", "not a Name" },
        { "30020500", "not a Name" },
    };
    struct csr_maker m;

    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        csr_maker_start(&m, "p256", "", "DNS:go.example.com");
        m.subject.len = 0;
        bytes_add_hex(&m.subject, subjects[i].hex);
        refuses(&m, "bad-subject", subjects[i].words);
    }
}

static void an_unknown_subject_costs_no_key_operation(void **state)
{
    struct csr_maker m;
    struct bytes der;
    char *subject;

    (void)state;
    csr_maker_start(&m, "rsa2048", "CN=go.example.com", NULL);
    csr_maker_rsa_spki(&m.spki, 120000, 0xa7, "0203010001");
    csr_maker_make(&m, &der);
    subject = csr_outline(der.at, der.len, NULL);
    assert_string_equal(subject, "CN=go.example.com");
    free(subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_pem_or_der_as_its_type_says),
        cmocka_unit_test(sixteen_kib_are_the_limit),
        cmocka_unit_test(the_outline_is_the_subject_and_asks_nothing_else),
        cmocka_unit_test(read_and_outline_agree_on_the_subject),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(a_second_encoding_is_refused),
        cmocka_unit_test(the_version_is_zero),
        cmocka_unit_test(a_subject_that_could_be_misread_is_refused),
        cmocka_unit_test(an_unknown_subject_costs_no_key_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
