/* request/csr_extensions.c: what a CSR may ask for besides names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "csr_test.h"

#define SAN_OID   "2.5.29.17"
#define EXT_REQ   "1.2.840.113549.1.9.14"
#define CRITICAL  "0101ff"

static void start(struct csr_maker *m, struct bytes *extensions)
{
    csr_maker_start(m, "p256", "CN=go.example.com", NULL);
    extensions->len = 0;
    csr_maker_add_extension_conf(extensions, NID_subject_alt_name, "DNS:go.example.com");
}

/* A CSR that asks for one more extension. */
static void with(struct csr_maker *m, int nid, const char *value)
{
    struct bytes extensions;

    start(m, &extensions);
    csr_maker_add_extension_conf(&extensions, nid, value);
    csr_maker_set_extensions(m, &extensions);
}

static void with_raw(struct csr_maker *m, const char *oid, const char *critical_hex, const char *value_hex)
{
    struct bytes extensions, value = { .len = 0 };

    start(m, &extensions);
    bytes_add_hex(&value, value_hex);
    csr_maker_add_extension(&extensions, oid, critical_hex, &value);
    csr_maker_set_extensions(m, &extensions);
}

static void what_a_host_needs_is_accepted(void **state)
{
    struct csr_maker m;
    struct bytes extensions;

    (void)state;
    start(&m, &extensions);
    csr_maker_add_extension_conf(&extensions, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    csr_maker_add_extension_conf(&extensions, NID_ext_key_usage, "serverAuth,clientAuth");
    csr_maker_add_extension_conf(&extensions, NID_basic_constraints, "critical,CA:FALSE");
    csr_maker_set_extensions(&m, &extensions);
    accepts_and_frees(&m);
    with_raw(&m, "2.5.29.14", "", "0414000102030405060708090a0b0c0d0e0f10111213"); /* subjectKeyIdentifier */
    accepts_and_frees(&m);
    with_raw(&m, "1.3.6.1.4.1.99999.1", "", "ff00");                               /* unknown, not critical */
    accepts_and_frees(&m);
}

static void a_critical_san_is_one_too(void **state)
{
    struct csr_maker m;
    struct bytes extensions = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    csr_maker_add_extension_conf(&extensions, NID_subject_alt_name, "critical,DNS:go.example.com");
    csr_maker_set_extensions(&m, &extensions);
    accepts_and_frees(&m);
}

static void more_than_a_hosts_certificate_is_refused(void **state)
{
    struct csr_maker m;

    (void)state;
    with(&m, NID_basic_constraints, "CA:TRUE");
    refuses(&m, "extension", "CA:TRUE");
    with(&m, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    refuses(&m, "extension", "CA:TRUE");
    with(&m, NID_key_usage, "keyCertSign");
    refuses(&m, "extension", "keyCertSign");
    with(&m, NID_key_usage, "digitalSignature,cRLSign");
    refuses(&m, "extension", "cRLSign");
    with(&m, NID_tlsfeature, "status_request");
    refuses(&m, "extension", "Must-Staple");
    with(&m, NID_name_constraints, "permitted;DNS:example.com");
    refuses(&m, "extension", "nameConstraints");
    with_raw(&m, "1.3.6.1.4.1.11129.2.4.3", CRITICAL, "0500");
    refuses(&m, "extension", "poison");
    with_raw(&m, "1.3.6.1.4.1.11129.2.4.3", "", "0500");
    refuses(&m, "extension", "poison");
    with_raw(&m, "1.3.6.1.4.1.99999.1", CRITICAL, "0500");
    refuses(&m, "extension", "critical extension that is not known");
    with_raw(&m, "2.5.29.36", CRITICAL, "3000");
    refuses(&m, "extension", "not known");
}

static void an_extension_comes_once(void **state)
{
    struct csr_maker m;

    (void)state;
    with(&m, NID_subject_alt_name, "DNS:other.example.com");
    refuses(&m, "extension", "twice");
    with(&m, NID_subject_alt_name, "DNS:go.example.com");
    refuses(&m, "extension", "twice");
    with_raw(&m, "2.5.29.15", "", "03020780");
    accepts_and_frees(&m);
}

static void thirty_two_extensions_are_enough(void **state)
{
    struct csr_maker m;
    struct bytes extensions, value = { .len = 0 };

    (void)state;
    start(&m, &extensions);
    for (int i = 0; i < 32; i++) {
        char oid[40];

        snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%d", i);
        csr_maker_add_extension(&extensions, oid, "", &value);
        csr_maker_set_extensions(&m, &extensions);
        if (i < 31)
            accepts_and_frees(&m);
    }
    refuses(&m, "extension", "too many");
}

static void an_extension_is_der_inside(void **state)
{
    struct csr_maker m;

    (void)state;
    with_raw(&m, "1.3.6.1.4.1.99999.1", "010100", "0500"); /* DEFAULT FALSE, written out */
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.19", "", "300101");               /* not a whole element        */
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.19", "", "30030101ff00");         /* bytes behind               */
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.19", "", "3003010101");           /* a BOOLEAN of 1             */
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.19", "", "0500");
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.15", "", "0500");
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.37", "", "0500");
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.37", "", "308006032a03040000");   /* an indefinite length       */
    refuses(&m, "bad-der", "extension");
    with_raw(&m, "2.5.29.19", "", "");
    refuses(&m, "bad-der", "extension");
}

static void the_san_is_der_inside(void **state)
{
    static const char *const values[] = { "", "0500", "3000ff", "30820002820161", "3003820261", "3080820161000000",
                                          "240582036161610000" };
    struct csr_maker m;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct bytes extensions = { .len = 0 }, value = { .len = 0 };

        csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
        bytes_add_hex(&value, values[i]);
        csr_maker_add_extension(&extensions, SAN_OID, "", &value);
        csr_maker_set_extensions(&m, &extensions);
        refuses(&m, "bad-der", "extension");
    }
}

static void harmless_attributes_are_passed_over(void **state)
{
    struct csr_maker m;
    struct bytes value = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com", "DNS:go.example.com");
    bytes_add_hex(&value, "0c06736563726574");
    csr_maker_add_attribute(&m.attributes, "1.2.840.113549.1.9.7", &value); /* challengePassword */
    accepts_and_frees(&m);
    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    csr_maker_add_attribute(&m.attributes, "1.3.6.1.4.1.311.13.2.3", &value); /* Windows tells its version */
    accepts_and_frees(&m);
    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    accepts_and_frees(&m); /* none at all */
}

static void an_attribute_comes_once_and_has_a_value(void **state)
{
    struct csr_maker m;
    struct bytes extensions, value = { .len = 0 }, nothing = { .len = 0 };

    (void)state;
    start(&m, &extensions);
    csr_maker_set_extensions(&m, &extensions);
    bytes_wrap(&extensions, 0x30);
    csr_maker_add_attribute(&m.attributes, EXT_REQ, &extensions);
    refuses(&m, "bad-attribute", "twice");

    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    bytes_add_hex(&value, "0c0161");
    csr_maker_add_attribute(&m.attributes, "1.2.840.113549.1.9.7", &value);
    csr_maker_add_attribute(&m.attributes, "1.2.840.113549.1.9.7", &value);
    refuses(&m, "bad-attribute", "twice");

    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    csr_maker_add_attribute(&m.attributes, "1.2.840.113549.1.9.7", &nothing);
    refuses(&m, "bad-attribute", "without a value");
}

static void extension_request_has_one_list(void **state)
{
    struct csr_maker m;
    struct bytes extensions, value = { .len = 0 };

    (void)state;
    start(&m, &extensions);
    bytes_wrap(&extensions, 0x30);
    bytes_add_all(&value, &extensions);
    bytes_add_all(&value, &extensions);
    csr_maker_add_attribute(&m.attributes, EXT_REQ, &value);
    refuses(&m, "bad-attribute", "one value");

    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    value.len = 0;
    bytes_add_hex(&value, "0c0161");
    csr_maker_add_attribute(&m.attributes, EXT_REQ, &value);
    refuses(&m, "bad-attribute", "not a list");

    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    value.len = 0;
    bytes_add_hex(&value, "30020500");
    csr_maker_add_attribute(&m.attributes, EXT_REQ, &value);
    refuses(&m, "bad-attribute", "not a list");
}

static void microsofts_old_attribute_is_refused(void **state)
{
    struct csr_maker m;
    struct bytes extensions;

    (void)state;
    start(&m, &extensions);
    bytes_wrap(&extensions, 0x30);
    csr_maker_add_attribute(&m.attributes, "1.3.6.1.4.1.311.2.1.14", &extensions);
    refuses(&m, "bad-attribute", "Microsoft");
}

static void seventeen_attributes_are_too_many(void **state)
{
    struct csr_maker m;
    struct bytes value = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com", "DNS:go.example.com");
    bytes_add_hex(&value, "0500");
    for (int i = 0; i < 16; i++) {
        char oid[40];

        snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%d", i);
        csr_maker_add_attribute(&m.attributes, oid, &value);
    }
    refuses(&m, "bad-attribute", "too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_host_needs_is_accepted),
        cmocka_unit_test(a_critical_san_is_one_too),
        cmocka_unit_test(more_than_a_hosts_certificate_is_refused),
        cmocka_unit_test(an_extension_comes_once),
        cmocka_unit_test(thirty_two_extensions_are_enough),
        cmocka_unit_test(an_extension_is_der_inside),
        cmocka_unit_test(the_san_is_der_inside),
        cmocka_unit_test(harmless_attributes_are_passed_over),
        cmocka_unit_test(an_attribute_comes_once_and_has_a_value),
        cmocka_unit_test(extension_request_has_one_list),
        cmocka_unit_test(microsofts_old_attribute_is_refused),
        cmocka_unit_test(seventeen_attributes_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
