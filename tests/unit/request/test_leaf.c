/* request/leaf.c beside OpenSSL's X509: good certificates, what CAs could get wrong, and what becomes of each changed byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "leaf_maker.h"
#include "request/leaf.h"

/* How often certificate_check() said what: a comparison in which nothing is ever accepted would prove little. */
struct tally {
    size_t accepted, refused, undecodable, unreadable, not_issued, other_key;
};

static void compare(struct tally *tally, const struct bytes *der, const uint8_t *key_hash, size_t at)
{
    struct cs_error err = { 0 };
    struct certificate made;
    bool accepted = leaf_maker_check(&made, der, key_hash, &err) == 0;

    if (!leaf_maker_agrees(der, key_hash, &made, accepted ? NULL : &err))
        fail_msg("they differ with byte %zu changed", at);
    tally->accepted += accepted;
    tally->refused += !accepted;
    tally->undecodable += !accepted && strstr(err.text, "not a certificate");
    tally->unreadable += !accepted && strstr(err.text, "cannot be read, or twice");
    tally->not_issued += !accepted && strstr(err.text, "was not issued");
    tally->other_key += !accepted && strstr(err.text, "another key");
    if (accepted)
        certificate_free(&made);
}

static void make(const struct leaf_maker *m, struct bytes *der)
{
    struct bytes tbs;

    leaf_maker_tbs(m, &tbs);
    leaf_maker_sign(&tbs, der);
}

static void accepts(const struct leaf_maker *m)
{
    struct tally tally = { 0 };
    struct bytes der;

    make(m, &der);
    compare(&tally, &der, NULL, 0);
    assert_int_equal(tally.accepted, 1);
}

static void refuses(const struct leaf_maker *m, const char *words)
{
    struct cs_error err = { 0 };
    struct certificate made;
    struct bytes der;

    make(m, &der);
    assert_int_equal(leaf_maker_check(&made, &der, NULL, &err), -1);
    assert_int_equal(err.code, CS_EUPSTREAM);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_true(leaf_maker_agrees(&der, NULL, &made, &err));
}

/* The usual extensions and one more. */
static void with(struct leaf_maker *m, const char *oid, const char *value_hex)
{
    struct bytes value = { .len = 0 };

    leaf_maker_start(m);
    bytes_add_hex(&value, value_hex);
    csr_maker_add_extension(&m->extensions, oid, "", &value);
}

/* The SAN and one more, and nothing else. */
static void with_only(struct leaf_maker *m, const char *oid, const char *value_hex)
{
    struct bytes value = { .len = 0 };

    leaf_maker_start(m);
    m->extensions.len = 0;
    csr_maker_add_extension_conf(&m->extensions, NID_subject_alt_name, "DNS:" LEAF_MAKER_NAME);
    bytes_add_hex(&value, value_hex);
    csr_maker_add_extension(&m->extensions, oid, "", &value);
}

static const uint8_t flips[] = { 0x01, 0x80, 0x20, 0x02, 0xff };

static void a_usual_certificate_is_accepted(void **state)
{
    struct leaf_maker m;

    (void)state;
    leaf_maker_start(&m);
    accepts(&m);
    with(&m, "1.3.6.1.4.1.11129.2.4.2", "04020000"); /* an SCT list */
    accepts(&m);
    with(&m, "1.3.6.1.4.1.99999.1", "ff00"); /* what nobody knows */
    accepts(&m);
}

static void what_is_signed_is_what_came(void **state)
{
    struct leaf_maker m;
    struct bytes longer = { .len = 0 }, der;
    struct leaf *leaf;

    (void)state;
    leaf_maker_start(&m);
    bytes_add_hex(&longer, "3081"); /* BER: a length in two bytes instead of one */
    bytes_add(&longer, m.spki.at + 1, m.spki.len - 1);
    m.spki = longer;
    accepts(&m);
    make(&m, &der);
    leaf = leaf_decode(der.at, der.len);
    assert_true(leaf_is_issued_by(leaf, leaf_maker_ca()));
    leaf_free(leaf);
    assert_null(leaf_decode(der.at, der.len - 1));
    bytes_add_hex(&der, "00");
    assert_null(leaf_decode(der.at, der.len));
    assert_null(leaf_decode(der.at, 0));
}

static void the_issuer_is_the_one_that_is_named(void **state)
{
    struct leaf_maker m;

    (void)state;
    with_only(&m, "2.5.29.35", "3000"); /* authorityKeyIdentifier that says nothing */
    accepts(&m);
    with_only(&m, "2.5.29.35", "3003800161"); /* another's key identifier */
    refuses(&m, "was not issued");
    with_only(&m, "2.5.29.35", "3003820107"); /* the CA's serial number */
    accepts(&m);
    with_only(&m, "2.5.29.35", "3003820108");
    refuses(&m, "was not issued");
    leaf_maker_start(&m);
    m.issuer.at[m.issuer.len - 1] ^= 1;
    refuses(&m, "was not issued");
    leaf_maker_start(&m);
    m.issuer.at[m.issuer.len - 1] ^= 0x20; /* case does not matter (RFC 5280 7.1) */
    accepts(&m);
    leaf_maker_start(&m);
    m.algorithm.at[m.algorithm.len - 1] = 0x03; /* inside SHA-384, outside SHA-256 */
    refuses(&m, "was not issued");
}

static void a_ca_is_no_host(void **state)
{
    struct leaf_maker m;

    (void)state;
    with_only(&m, "2.5.29.19", "30030101ff"); /* CA:TRUE */
    refuses(&m, "but with a CA's");
    with_only(&m, "2.5.29.15", "03020204"); /* keyCertSign, no basicConstraints */
    refuses(&m, "but with a CA's");
    with_only(&m, "2.16.840.1.113730.1.1", "03020204"); /* Netscape's SSL CA */
    refuses(&m, "but with a CA's");
    with_only(&m, "2.16.840.1.113730.1.1", "03020640"); /* Netscape's SSL server */
    accepts(&m);
    with_only(&m, "2.5.29.15", "03020780"); /* digitalSignature */
    accepts(&m);
    csr_maker_add_extension_conf(&m.extensions, NID_basic_constraints, "CA:TRUE"); /* which it may not use */
    accepts(&m);
}

static void extensions_of_a_path_are_there_once_and_readable(void **state)
{
    static const char *const oids[] = { "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.31", "2.5.29.35",
                                        "2.5.29.37", "2.5.29.30", "2.16.840.1.113730.1.1", "1.3.6.1.5.5.7.1.7",
                                        "1.3.6.1.5.5.7.1.8" };
    struct leaf_maker m;

    (void)state;
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        with_only(&m, oids[i], "020100"); /* an INTEGER is none of them */
        refuses(&m, "cannot be read, or twice");
    }
    for (size_t i = 0; i < 7; i++) { /* the usual ones */
        with(&m, oids[i], "3000");
        refuses(&m, "cannot be read, or twice");
    }
    with_only(&m, "2.5.29.15", "030100"); /* no usage at all */
    refuses(&m, "cannot be read, or twice");
    with_only(&m, "2.5.29.15", "03020700");
    refuses(&m, "cannot be read, or twice");
    with_only(&m, "2.5.29.19", "30030201ff"); /* pathLenConstraint -1 */
    refuses(&m, "cannot be read, or twice");
    with_only(&m, "2.5.29.31", "30023000"); /* a distribution point that is none */
    refuses(&m, "cannot be read, or twice");
}

static void a_proxy_is_no_host_of_a_ca(void **state)
{
    struct leaf_maker m;

    (void)state;
    with_only(&m, "1.3.6.1.5.5.7.1.14", "300c300a06082b06010505071501");
    refuses(&m, "a proxy's");
}

static void the_key_is_compared_in_der(void **state)
{
    struct leaf_maker m;
    struct tally tally = { 0 };
    struct bytes der;
    uint8_t hash[32];

    (void)state;
    leaf_maker_start(&m);
    EVP_Digest(m.spki.at, m.spki.len, hash, NULL, EVP_sha256(), NULL);
    for (size_t at = 0; at < m.spki.len; at++)
        for (size_t f = 0; f < sizeof flips; f++) {
            m.spki.at[at] ^= flips[f];
            make(&m, &der);
            compare(&tally, &der, hash, at);
            m.spki.at[at] ^= flips[f];
        }
    assert_int_equal(tally.accepted, 0);
    assert_true(tally.other_key > 200);
}

static void both_say_the_same_of_every_changed_byte(void **state)
{
    struct tally tally = { 0 };
    struct leaf_maker m;
    struct bytes der;

    (void)state;
    leaf_maker_start(&m);
    make(&m, &der);
    for (size_t at = 0; at < der.len; at++)
        for (size_t f = 0; f < sizeof flips; f++) {
            der.at[at] ^= flips[f];
            compare(&tally, &der, NULL, at);
            der.at[at] ^= flips[f];
        }
    assert_int_equal(tally.accepted, 0);
    assert_true(tally.undecodable > 300);
    assert_true(tally.not_issued > 300);
}

static void both_say_the_same_of_every_change_that_was_signed(void **state)
{
    struct tally tally = { 0 };
    struct leaf_maker m;
    struct bytes tbs, der;

    (void)state;
    leaf_maker_start(&m);
    leaf_maker_tbs(&m, &tbs);
    for (size_t at = 0; at < tbs.len; at++)
        for (size_t f = 0; f < sizeof flips; f++) {
            tbs.at[at] ^= flips[f];
            leaf_maker_sign(&tbs, &der);
            compare(&tally, &der, NULL, at);
            tbs.at[at] ^= flips[f];
        }
    assert_true(tally.accepted > 300);
    assert_true(tally.undecodable > 300);
    assert_true(tally.unreadable > 30);
    assert_true(tally.not_issued > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_certificate_is_accepted),
        cmocka_unit_test(what_is_signed_is_what_came),
        cmocka_unit_test(the_issuer_is_the_one_that_is_named),
        cmocka_unit_test(a_ca_is_no_host),
        cmocka_unit_test(extensions_of_a_path_are_there_once_and_readable),
        cmocka_unit_test(a_proxy_is_no_host_of_a_ca),
        cmocka_unit_test(the_key_is_compared_in_der),
        cmocka_unit_test(both_say_the_same_of_every_changed_byte),
        cmocka_unit_test(both_say_the_same_of_every_change_that_was_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
