/* request/certificate.c: is what the CA gave what was asked for? Chains are made here, with one fault each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "base/pem.h"
#include "base/text.h"
#include "csr_maker.h"
#include "request/certificate.h"

#define NOW_MS 1900000000000 /* 2030 */
#define DAY_S  86400

/* What a certificate says; the defaults of start() make a good leaf. */
struct wish {
    const char *cn, *san, *constraints, *usage;
    EVP_PKEY *key;
    long version;
    int64_t from_s, to_s; /* from NOW */
    const char *serial_hex;
};

static struct wish leaf_wish(void)
{
    return (struct wish){ .cn = "go.example.com", .san = "DNS:go.example.com", .usage = "critical,digitalSignature",
                          .key = csr_maker_key("p256"), .version = X509_VERSION_3, .from_s = -3600, .to_s = 90 * DAY_S,
                          .serial_hex = "00FA1B2C" };
}

static struct wish ca_wish(const char *cn, const char *key)
{
    return (struct wish){ .cn = cn, .constraints = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign",
                          .key = csr_maker_key(key), .version = X509_VERSION_3, .from_s = -3600, .to_s = 3650 * DAY_S,
                          .serial_hex = "01" };
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;

    if (!value)
        return;
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *make(const struct wish *wish, const X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *made = X509_new();
    X509_NAME *name = X509_get_subject_name(made);
    BIGNUM *serial = NULL;

    X509_set_version(made, wish->version);
    BN_hex2bn(&serial, wish->serial_hex);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(made));
    BN_free(serial);
    if (wish->cn)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->cn, -1, -1, 0);
    X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : name);
    ASN1_TIME_set(X509_getm_notBefore(made), NOW_MS / 1000 + wish->from_s);
    ASN1_TIME_set(X509_getm_notAfter(made), NOW_MS / 1000 + wish->to_s);
    X509_set_pubkey(made, wish->key);
    add_extension(made, NID_subject_alt_name, wish->san);
    add_extension(made, NID_basic_constraints, wish->constraints);
    add_extension(made, NID_key_usage, wish->usage);
    assert_true(X509_sign(made, issuer_key, EVP_sha256()) > 0);
    return made;
}

static void add_pem(struct text *pem, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    pem_add(pem, "CERTIFICATE", der, (size_t)len);
    OPENSSL_free(der);
}

/* leaf, intermediate, root */
static char *chain_with(const struct wish *leaf_says, const struct wish *ca_says)
{
    struct wish root_says = ca_wish("Root", "p384");
    X509 *root = make(&root_says, NULL, root_says.key), *ca = make(ca_says, root, root_says.key);
    X509 *leaf = make(leaf_says, ca, ca_says->key);
    struct text pem = TEXT_MAX(100000);

    add_pem(&pem, leaf);
    add_pem(&pem, ca);
    add_pem(&pem, root);
    X509_free(leaf);
    X509_free(ca);
    X509_free(root);
    return text_take(&pem);
}

static void hash_of(const char *key, uint8_t hash[32])
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(csr_maker_key(key), &spki);

    EVP_Digest(spki, (size_t)len, hash, NULL, EVP_sha256(), NULL);
    OPENSSL_free(spki);
}

static int check(struct certificate *out, const char *pem, const char *name, struct cs_error *err)
{
    uint8_t hash[32];

    hash_of("p256", hash);
    return certificate_check(out, NULL, pem, strlen(pem), hash, &name, 1, NOW_MS, err);
}

static void accepts(const char *pem, const char *name)
{
    struct certificate out;
    struct cs_error err = { 0 };

    if (check(&out, pem, name, &err) != 0)
        fail_msg("%s", err.text);
    certificate_free(&out);
}

static void refuses(const char *pem, const char *name, const char *words)
{
    struct certificate out;
    struct cs_error err = { 0 };

    assert_int_equal(check(&out, pem, name, &err), -1);
    assert_int_equal(err.code, CS_EUPSTREAM);
    assert_string_equal(err.reason, "bad-chain");
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_null(out.pem);
}

/* A leaf with one fault under a good CA. */
static void refuses_leaf(const struct wish *leaf, const char *words)
{
    struct wish ca = ca_wish("CA", "rsa2048");
    char *pem = chain_with(leaf, &ca);

    refuses(pem, "go.example.com", words);
    free(pem);
}

static void accepts_leaf(const struct wish *leaf, const char *name)
{
    struct wish ca = ca_wish("CA", "rsa2048");
    char *pem = chain_with(leaf, &ca);

    accepts(pem, name);
    free(pem);
}

static void a_good_chain_is_described(void **state)
{
    struct wish leaf = leaf_wish(), ca = ca_wish("CA", "rsa2048");
    char *pem = chain_with(&leaf, &ca), *crlf;
    struct certificate out;
    struct text odd = TEXT_MAX(100000);

    (void)state;
    assert_int_equal(check(&out, pem, "go.example.com", NULL), 0);
    assert_string_equal(out.serial, "fa1b2c");
    assert_int_equal(out.not_before_ms, NOW_MS - 3600 * 1000);
    assert_int_equal(out.not_after_ms, NOW_MS + (int64_t)90 * DAY_S * 1000);
    assert_string_equal(out.pem, pem);
    assert_int_equal(out.pem_len, strlen(pem));
    certificate_free(&out);
    for (const char *c = pem; *c; c++)
        text_add(&odd, *c == '\n' ? "\r\n" : (const char[]){ *c, '\0' });
    text_add(&odd, "\n\n");
    crlf = text_take(&odd);
    assert_int_equal(check(&out, crlf, "go.example.com", NULL), 0);
    assert_string_equal(out.pem, pem);
    certificate_free(&out);
    free(crlf);
    free(pem);
}

static void a_leaf_alone_or_without_its_root_will_do(void **state)
{
    struct wish leaf = leaf_wish(), ca = ca_wish("CA", "rsa2048");
    char *pem = chain_with(&leaf, &ca);
    char *second = strstr(pem + 1, "-----BEGIN"), *third = strstr(second + 1, "-----BEGIN");

    (void)state;
    *third = '\0';
    accepts(pem, "go.example.com");
    *second = '\0';
    accepts(pem, "go.example.com");
    free(pem);
}

static void the_leaf_has_our_key(void **state)
{
    struct wish leaf = leaf_wish();

    (void)state;
    leaf.key = csr_maker_key("p384");
    refuses_leaf(&leaf, "another key");
}

static void the_names_are_exactly_ours(void **state)
{
    struct wish leaf = leaf_wish();

    (void)state;
    leaf.san = "DNS:GO.example.COM";
    accepts_leaf(&leaf, "go.example.com");
    leaf.san = "DNS:go.example.com,DNS:go.example.com";
    accepts_leaf(&leaf, "go.example.com");
    leaf.cn = NULL;
    accepts_leaf(&leaf, "go.example.com");
    leaf.cn = "*.example.com";
    leaf.san = "DNS:*.example.com";
    accepts_leaf(&leaf, "*.example.com");
    leaf = leaf_wish();
    leaf.san = "DNS:other.example.com";
    refuses_leaf(&leaf, "not asked for");
    leaf.san = "DNS:go.example.com,DNS:other.example.com";
    refuses_leaf(&leaf, "not asked for");
    leaf.san = "DNS:go.example.com,IP:192.0.2.1";
    refuses_leaf(&leaf, "not asked for");
    leaf.san = "DNS:*.example.com";
    refuses_leaf(&leaf, "not asked for");
    leaf.san = NULL;
    refuses_leaf(&leaf, "no subjectAltName");
    leaf = leaf_wish();
    leaf.cn = "other.example.com";
    refuses_leaf(&leaf, "CN");
}

static void a_missing_name_is_noticed(void **state)
{
    static const char *const names[] = { "a.example.com", "b.example.com" };
    struct wish leaf = leaf_wish(), ca = ca_wish("CA", "rsa2048");
    struct certificate out;
    struct cs_error err = { 0 };
    uint8_t hash[32];
    char *pem;

    (void)state;
    hash_of("p256", hash);
    leaf.cn = "a.example.com";
    leaf.san = "DNS:a.example.com,DNS:a.example.com";
    pem = chain_with(&leaf, &ca);
    assert_int_equal(certificate_check(&out, NULL, pem, strlen(pem), hash, names, 2, NOW_MS, &err), -1);
    assert_non_null(strstr(err.text, "lacks a name"));
    free(pem);
    leaf.san = "DNS:b.example.com,DNS:a.example.com";
    pem = chain_with(&leaf, &ca);
    assert_int_equal(certificate_check(&out, NULL, pem, strlen(pem), hash, names, 2, NOW_MS, &err), 0);
    certificate_free(&out);
    free(pem);
}

static void the_dates_hold_now(void **state)
{
    struct wish leaf = leaf_wish();

    (void)state;
    leaf.from_s = 3600;
    accepts_leaf(&leaf, "go.example.com");
    leaf.from_s = 3601;
    refuses_leaf(&leaf, "not yet valid");
    leaf.from_s = -3600;
    leaf.to_s = 1;
    accepts_leaf(&leaf, "go.example.com");
    leaf.to_s = 0;
    refuses_leaf(&leaf, "expired");
    leaf.to_s = -10;
    refuses_leaf(&leaf, "expired");
}

static void the_leaf_is_a_hosts(void **state)
{
    struct wish leaf = leaf_wish();

    (void)state;
    leaf.constraints = "critical,CA:FALSE";
    accepts_leaf(&leaf, "go.example.com");
    leaf.constraints = "critical,CA:TRUE";
    leaf.usage = "keyCertSign";
    refuses_leaf(&leaf, "begin with a host's");
    leaf.constraints = NULL;
    refuses_leaf(&leaf, "begin with a host's");
    leaf = leaf_wish();
    leaf.version = X509_VERSION_1;
    leaf.usage = NULL;
    refuses_leaf(&leaf, "version 3");
}

static void a_serial_is_sane(void **state)
{
    struct wish leaf = leaf_wish();

    (void)state;
    leaf.serial_hex = "-01";
    refuses_leaf(&leaf, "serial");
    leaf.serial_hex = "010203040506070809101112131415161718192021222324252627282930313233";
    refuses_leaf(&leaf, "serial");
}

static void each_certificate_is_issued_by_the_next(void **state)
{
    struct wish leaf = leaf_wish(), ca = ca_wish("CA", "rsa2048"), other = ca_wish("CA", "rsa3072"), not_ca,
                renamed = ca_wish("CB", "rsa2048");
    char *pem = chain_with(&leaf, &ca), *pem2 = chain_with(&leaf, &other), *pem3 = chain_with(&leaf, &renamed);
    char *second = strstr(pem + 1, "-----BEGIN"), *third = strstr(second + 1, "-----BEGIN");
    struct text mixed = TEXT_MAX(100000);

    (void)state;
    text_add_n(&mixed, pem, (size_t)(second - pem)); /* the same name, another key */
    text_add(&mixed, strstr(pem2 + 1, "-----BEGIN"));
    refuses(text_of(&mixed), "go.example.com", "certificate 1 of the chain was not issued");
    text_clear(&mixed);
    text_add_n(&mixed, pem, (size_t)(second - pem)); /* the same key, another name */
    text_add(&mixed, strstr(pem3 + 1, "-----BEGIN"));
    refuses(text_of(&mixed), "go.example.com", "certificate 1 of the chain was not issued");
    text_clear(&mixed);
    text_add_n(&mixed, pem, (size_t)(second - pem)); /* the intermediate left out */
    text_add(&mixed, third);
    refuses(text_of(&mixed), "go.example.com", "certificate 1 of the chain was not issued");
    text_clear(&mixed);
    text_add(&mixed, second); /* root and intermediate first */
    text_add_n(&mixed, pem, (size_t)(second - pem));
    refuses(text_of(&mixed), "go.example.com", "begin with a host's");
    text_clear(&mixed);
    text_add_n(&mixed, pem, (size_t)(second - pem)); /* the leaf twice */
    text_add(&mixed, pem);
    refuses(text_of(&mixed), "go.example.com", "certificate 2 of the chain is not a CA's");
    text_free(&mixed);
    free(pem);
    free(pem2);
    free(pem3);
    not_ca = ca_wish("CA", "rsa2048");
    not_ca.constraints = "critical,CA:FALSE";
    not_ca.usage = "digitalSignature";
    pem = chain_with(&leaf, &not_ca);
    refuses(pem, "go.example.com", "certificate 2 of the chain is not a CA's");
    free(pem);
}

static void what_is_no_chain_is_refused(void **state)
{
    struct wish leaf = leaf_wish(), ca = ca_wish("CA", "rsa2048");
    char *pem = chain_with(&leaf, &ca);
    struct text many = TEXT_MAX(1 << 20);
    char *second = strstr(pem + 1, "-----BEGIN");

    (void)state;
    refuses("", "go.example.com", "no certificate");
    refuses("hello", "go.example.com", "text outside");
    refuses("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "go.example.com", "not a certificate");
    text_add(&many, pem);
    text_add(&many, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    refuses(text_of(&many), "go.example.com", "other than whole CERTIFICATE");
    text_clear(&many);
    for (int i = 0; i < 11; i++)
        text_add_n(&many, pem, (size_t)(second - pem));
    refuses(text_of(&many), "go.example.com", "too many");
    text_clear(&many);
    for (int i = 0; i < 300000; i++)
        text_add_char(&many, '\n');
    refuses(text_of(&many), "go.example.com", "too long");
    text_free(&many);
    free(pem);
}

/* Any byte of the leaf changed: the signature no longer fits, or it is no certificate. */
static void a_changed_leaf_is_refused(void **state)
{
    struct wish leaf_says = leaf_wish(), ca_says = ca_wish("CA", "rsa2048");
    X509 *ca = make(&ca_says, NULL, ca_says.key), *leaf = make(&leaf_says, ca, ca_says.key);
    unsigned char *der = NULL;
    size_t len = (size_t)i2d_X509(leaf, &der);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        struct text pem = TEXT_MAX(100000);
        struct certificate out;

        der[i] ^= 1;
        pem_add(&pem, "CERTIFICATE", der, len);
        add_pem(&pem, ca);
        if (check(&out, text_of(&pem), "go.example.com", NULL) == 0)
            fail_msg("accepted with byte %zu of %zu changed", i, len);
        der[i] ^= 1;
        text_free(&pem);
    }
    OPENSSL_free(der);
    X509_free(leaf);
    X509_free(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain_is_described),
        cmocka_unit_test(a_leaf_alone_or_without_its_root_will_do),
        cmocka_unit_test(the_leaf_has_our_key),
        cmocka_unit_test(the_names_are_exactly_ours),
        cmocka_unit_test(a_missing_name_is_noticed),
        cmocka_unit_test(the_dates_hold_now),
        cmocka_unit_test(the_leaf_is_a_hosts),
        cmocka_unit_test(a_serial_is_sane),
        cmocka_unit_test(each_certificate_is_issued_by_the_next),
        cmocka_unit_test(what_is_no_chain_is_refused),
        cmocka_unit_test(a_changed_leaf_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
