/* request/csr_names.c: the names that a CSR asks for. */
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

static void asks_for(const char *subject, const char *san, const char *expected, bool cn_only)
{
    struct csr_maker m;
    struct csr csr;
    char names[1000] = "";

    csr_maker_start(&m, "p256", subject, san);
    csr = accepts(&m);
    for (size_t i = 0; i < csr.n_names; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", csr.names[i]);
    assert_string_equal(names, expected);
    assert_int_equal(csr.cn_only, cn_only);
    csr_free(&csr);
}

static void refused(const char *subject, const char *san, const char *reason, const char *words)
{
    struct csr_maker m;

    csr_maker_start(&m, "p256", subject, san);
    refuses(&m, reason, words);
}

static void names_are_san_and_cn_sorted_each_once(void **state)
{
    (void)state;
    asks_for("CN=go.example.com", "DNS:go.example.com", "go.example.com", false);
    asks_for("CN=go.example.com", "DNS:b.example.com,DNS:a.example.com", "a.example.com b.example.com go.example.com", false);
    asks_for("CN=GO.Example.Com", "DNS:go.EXAMPLE.com,DNS:GO.example.com", "go.example.com", false);
    asks_for("O=Example", "DNS:go.example.com", "go.example.com", false);
    asks_for("", "DNS:go.example.com", "go.example.com", false);
    asks_for("CN=*.example.com", "DNS:*.example.com,DNS:example.com", "*.example.com example.com", false);
    asks_for("CN=xn--bcher-kva.example", "DNS:xn--bcher-kva.example", "xn--bcher-kva.example", false);
}

static void a_cn_alone_is_marked(void **state)
{
    struct csr_maker m;
    struct csr csr;

    (void)state;
    asks_for("CN=Go.example.com,O=Example", NULL, "go.example.com", true);
    csr_maker_start(&m, "p256", "CN=Go.example.com,O=Example", NULL);
    csr = accepts(&m);
    assert_string_equal(csr.cn, "go.example.com");
    assert_string_equal(csr.subject, "CN=Go.example.com,O=Example");
    csr_free(&csr);
}

static void a_csr_without_any_name_is_told_how_to_get_one(void **state)
{
    struct csr_maker m;
    struct bytes extensions = { .len = 0 }, value = { .len = 0 };

    (void)state;
    refused("O=Example", NULL, "no-names", "-addext");
    refused("", NULL, "no-names", "-addext");
    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    bytes_add_hex(&value, "3000");
    csr_maker_add_extension(&extensions, "2.5.29.17", "", &value);
    csr_maker_set_extensions(&m, &extensions);
    refuses(&m, "no-names", "is empty");
}

static void only_dns_names_are_accepted(void **state)
{
    (void)state;
    refused("CN=go.example.com", "DNS:go.example.com,IP:192.0.2.1", "san-type", "\"IP address\"");
    refused("CN=go.example.com", "email:a@example.com", "san-type", "\"e-mail address\"");
    refused("CN=go.example.com", "URI:https://go.example.com/", "san-type", "\"URI\"");
    refused("CN=go.example.com", "otherName:1.2.3.4;UTF8:x", "san-type", "\"otherName\"");
    refused("CN=go.example.com", "RID:1.2.3.4", "san-type", "\"registered ID\"");
}

static void a_directory_name_is_refused_too(void **state)
{
    struct csr_maker m;
    struct bytes extensions = { .len = 0 }, value = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "CN=go.example.com", NULL);
    bytes_add_hex(&value, "3004a4023000");
    csr_maker_add_extension(&extensions, "2.5.29.17", "", &value);
    csr_maker_set_extensions(&m, &extensions);
    refuses(&m, "san-type", "\"directory name\"");
}

static void a_bad_san_is_pointed_at(void **state)
{
    (void)state;
    refused("", "DNS:go.example.com,DNS:a_b.example.com", "bad-name", "subjectAltName, entry 2: the name has an underscore");
    refused("", "DNS:192.0.2.1", "bad-name", "entry 1: this is an IP address");
    refused("", "DNS:go.example.com.", "bad-name", "ends with a dot");
    refused("", "DNS:localhost", "bad-name", "two labels");
    refused("", "DNS:a.*.example.com", "bad-name", "whole first label");
    refused("", "DNS:xn--a.example.com", "bad-name", "xn-- label");
    refused("", "DNS: .example.com", "bad-name", "");
}

static void a_nul_in_a_san_is_seen(void **state)
{
    struct csr_maker m;
    struct bytes extensions = { .len = 0 }, value = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "", NULL);
    bytes_add_element(&value, 0x82, "go.example.com\0.evil.example", 28);
    bytes_wrap(&value, 0x30);
    csr_maker_add_extension(&extensions, "2.5.29.17", "", &value);
    csr_maker_set_extensions(&m, &extensions);
    refuses(&m, "bad-name", "NUL");
}

static void an_empty_san_entry_is_seen(void **state)
{
    struct csr_maker m;
    struct bytes extensions = { .len = 0 }, value = { .len = 0 };

    (void)state;
    csr_maker_start(&m, "p256", "", NULL);
    bytes_add_hex(&value, "30028200");
    csr_maker_add_extension(&extensions, "2.5.29.17", "", &value);
    csr_maker_set_extensions(&m, &extensions);
    refuses(&m, "bad-name", "empty");
}

static void the_cn_is_a_host_name_or_absent(void **state)
{
    (void)state;
    refused("CN=My Device", "DNS:go.example.com", "bad-name", "the CN must be a host name");
    refused("CN=192.0.2.1", "DNS:go.example.com", "bad-name", "IP address");
    refused("CN=localhost", NULL, "bad-name", "two labels");
    refused("CN=b\xc3\xbc" "cher.example", "DNS:go.example.com", "bad-name", "xn--");
}

static void a_long_cn_belongs_into_the_san(void **state)
{
    static const char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com";
    struct csr_maker m;

    (void)state;
    csr_maker_start(&m, "p256", "", NULL);
    m.subject.len = 0;
    bytes_add_oid(&m.subject, "2.5.4.3");
    bytes_add_element(&m.subject, 0x0c, name, sizeof name - 1);
    bytes_wrap(&m.subject, 0x30);
    bytes_wrap(&m.subject, 0x31);
    bytes_wrap(&m.subject, 0x30);
    refuses(&m, "bad-subject", "64 characters");
}

static void a_hundred_names_are_the_limit(void **state)
{
    char san[4000] = "";
    struct csr_maker m;
    struct csr csr;

    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(san + strlen(san), sizeof san - strlen(san), "%sDNS:n%d.example.com", i ? "," : "", i);
    csr_maker_start(&m, "p256", "CN=n7.example.com", san);
    csr = accepts(&m);
    assert_int_equal(csr.n_names, 100);
    csr_free(&csr);
    csr_maker_start(&m, "p256", "CN=go.example.com", san);
    refuses(&m, "too-many-names", "101 names");
    snprintf(san + strlen(san), sizeof san - strlen(san), ",DNS:n7.example.com");
    csr_maker_start(&m, "p256", "", san);
    refuses(&m, "too-many-names", "101 names");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_san_and_cn_sorted_each_once),
        cmocka_unit_test(a_cn_alone_is_marked),
        cmocka_unit_test(a_csr_without_any_name_is_told_how_to_get_one),
        cmocka_unit_test(only_dns_names_are_accepted),
        cmocka_unit_test(a_directory_name_is_refused_too),
        cmocka_unit_test(a_bad_san_is_pointed_at),
        cmocka_unit_test(a_nul_in_a_san_is_seen),
        cmocka_unit_test(an_empty_san_entry_is_seen),
        cmocka_unit_test(the_cn_is_a_host_name_or_absent),
        cmocka_unit_test(a_long_cn_belongs_into_the_san),
        cmocka_unit_test(a_hundred_names_are_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
