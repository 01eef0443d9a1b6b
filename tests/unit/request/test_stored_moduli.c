/* request/stored_moduli.c: of what a store has, the moduli of certificates with RSA keys, and nothing of all else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "base/text.h"
#include "base/pem.h"
#include "leaf_maker.h"
#include "request/stored_moduli.h"

enum { MOST_ROWS = 8 };

static struct row {
    const char *job;
    char *pem;
} rows[MOST_ROWS];
static size_t n_rows;
static struct stored_moduli *list;
static struct cs_error err;

static int tear_down(void **state)
{
    (void)state;
    stored_moduli_free(list);
    list = NULL;
    while (n_rows)
        free(rows[--n_rows].pem);
    return 0;
}

/* A certificate for csr_maker_key(kind). */
static struct bytes certificate(const char *kind)
{
    struct leaf_maker m;
    struct bytes tbs, der;
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(csr_maker_key(kind), &spki);

    assert_true(len > 0);
    leaf_maker_start(&m);
    m.spki.len = 0;
    bytes_add(&m.spki, spki, (size_t)len);
    leaf_maker_tbs(&m, &tbs);
    leaf_maker_sign(&tbs, &der);
    OPENSSL_free(spki);
    return der;
}

static void add_text(const char *job, const char *text)
{
    assert_true(n_rows < MOST_ROWS);
    rows[n_rows++] = (struct row){ job, text_copy(text) };
}

static void add_row(const char *job, const struct bytes *der, const char *behind)
{
    struct text pem = TEXT_MAX(100000);

    pem_add(&pem, "CERTIFICATE", der->at, der->len);
    text_add(&pem, behind);
    add_text(job, text_of(&pem));
    text_free(&pem);
}

static int give(void *conn, int64_t most, cs_certificate_fn *fn, void *arg, struct cs_error *e)
{
    (void)conn, (void)e;
    for (size_t i = 0; i < n_rows && (int64_t)i < most; i++) {
        const struct cs_certificate row = {
            .size = sizeof row, .job = rows[i].job, .pem = rows[i].pem, .pem_len = strlen(rows[i].pem)
        };

        if (fn(arg, &row))
            break;
    }
    return 0;
}

static void look(int64_t most_rows, size_t most_bits)
{
    static const struct cs_store_ops ops = { .size = sizeof ops, .certificate_list = give };
    const struct store_conn c = { .ops = &ops };

    assert_int_equal(stored_moduli_read(&c, most_rows, most_bits, &list, &err), 0);
}

static void expect(size_t at, const char *job, const char *kind)
{
    const struct stored_modulus *one = stored_moduli_at(list, at);
    BIGNUM *n = NULL, *found = BN_bin2bn(one->bytes, (int)one->len, NULL);

    assert_string_equal(one->job, job);
    assert_int_equal(EVP_PKEY_get_bn_param(csr_maker_key(kind), OSSL_PKEY_PARAM_RSA_N, &n), 1);
    assert_int_equal(BN_cmp(n, found), 0);
    BN_free(n);
    BN_free(found);
}

/* ---- */

static void rsa_keys_are_taken_and_others_are_not(void **state)
{
    const struct bytes rsa = certificate("rsa2048"), larger = certificate("rsa3072"), ec = certificate("p256"),
                       short_one = certificate("rsa1024");

    (void)state;
    add_row("ec", &ec, "");
    add_row("one", &rsa, "");
    add_row("short", &short_one, "");
    add_row("two", &larger, rows[0].pem);
    look(100, 1000000);
    assert_int_equal(stored_moduli_count(list), 2);
    expect(0, "one", "rsa2048");
    expect(1, "two", "rsa3072");
}

static void what_is_no_certificate_is_passed_over(void **state)
{
    const struct bytes rsa = certificate("rsa2048");
    struct bytes cut = rsa;

    (void)state;
    cut.len -= 600;
    add_text("empty", "");
    add_text("text", "-----BEGIN CERTIFICATE-----\n!\n");
    add_row("cut", &cut, "");
    add_row("one", &rsa, "");
    look(100, 1000000);
    assert_int_equal(stored_moduli_count(list), 1);
    expect(0, "one", "rsa2048");
}

static void it_ends_with_enough(void **state)
{
    const struct bytes rsa = certificate("rsa2048"), larger = certificate("rsa3072");

    (void)state;
    add_row("one", &rsa, "");
    add_row("two", &larger, "");
    add_row("three", &rsa, "");
    look(100, 2048 + 1);
    assert_int_equal(stored_moduli_count(list), 2);
    stored_moduli_free(list);
    look(1, 1000000);
    assert_int_equal(stored_moduli_count(list), 1);
}

static void a_store_without_that_function_has_none(void **state)
{
    static const struct cs_store_ops ops = { .size = sizeof ops };
    const struct store_conn c = { .ops = &ops };

    (void)state;
    assert_int_equal(stored_moduli_read(&c, 1, 1, &list, &err), 0);
    assert_int_equal(stored_moduli_count(list), 0);
    assert_int_equal(stored_moduli_count(NULL), 0);
}

/* Where the key stands, whatever is cut off: never beyond the end. */
static void a_certificate_that_is_cut_has_its_key_or_none(void **state)
{
    const struct bytes whole = certificate("p256");
    struct der_span spki;

    (void)state;
    assert_int_equal(stored_moduli_spki((struct der_span){ whole.at, whole.len }, &spki), 0);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy, whole.at, len);
        assert_int_equal(stored_moduli_spki((struct der_span){ copy, len }, &spki), -1);
        free(copy);
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rsa_keys_are_taken_and_others_are_not),
        TEST(what_is_no_certificate_is_passed_over),
        TEST(it_ends_with_enough),
        TEST(a_store_without_that_function_has_none),
        TEST(a_certificate_that_is_cut_has_its_key_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
