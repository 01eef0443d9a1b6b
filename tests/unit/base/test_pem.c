/* base/pem.c: finding the CSR in what clients send, and splitting a CA's chain. The blocks hold any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "base/text.h"

#define B      "-----BEGIN CERTIFICATE REQUEST-----"
#define E      "-----END CERTIFICATE REQUEST-----"
#define FOX_64 "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyBhbmQg"
#define FOX    "The quick brown fox jumps over the lazy dog and goes home."

static void finds(const char *body)
{
    uint8_t der[1000];
    size_t der_len;
    struct cs_error err = { 0 };

    assert_true(BASE64_DECODED_MAX(strlen(body)) <= sizeof der);
    if (pem_find_csr(body, strlen(body), der, &der_len, &err) != 0)
        fail_msg("%s\n%s", err.text, body);
    assert_int_equal(der_len, strlen(FOX));
    assert_memory_equal(der, FOX, der_len);
}

static void refuses(const char *body, const char *reason, const char *hint)
{
    uint8_t der[1000];
    size_t der_len;
    struct cs_error err = { 0 };

    if (pem_find_csr(body, strlen(body), der, &der_len, &err) != -1)
        fail_msg("accepted: %s", body);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.reason, reason);
    if (!strstr(err.text, hint))
        fail_msg("\"%s\" does not say \"%s\"", err.text, hint);
}

static void every_shape_that_clients_send_is_read(void **state)
{
    (void)state;
    finds(B "\n" FOX_64 "\nZ29lcyBob21lLg==\n" E "\n");
    finds(B "\n" FOX_64 "\nZ29lcyBob21lLg==\n" E);
    finds(B "\r\n" FOX_64 "\r\nZ29lcyBob21lLg==\r\n" E "\r\n");
    finds(B FOX_64 "Z29lcyBob21lLg==" E);                     /* curl -d @file */
    finds(B " " FOX_64 " Z29lcyBob21lLg== " E);               /* spaces where newlines were */
    finds("\xef\xbb\xbf" B "\n" FOX_64 "Z29lcyBob21lLg==" E); /* a byte order mark */
    finds("Certificate Request:\n    Data: ----- BEGIN\n" B "\n" FOX_64 "\n\tZ29lcyBob21lLg==\n" E "\nthank you\n");
    finds("-----BEGIN NEW CERTIFICATE REQUEST-----\n" FOX_64 "\nZ29lcyBob21lLg==\n-----END NEW CERTIFICATE REQUEST-----\n");
    finds("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" B "\n" FOX_64 "Z29lcyBob21lLg==\n" E "\n");
    finds("-----BEGIN CERTIFICATE-----\nMIIB\n" B "\n" FOX_64 "Z29lcyBob21lLg==\n" E "\n");
    finds("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\n" B FOX_64
          "Z29lcyBob21lLg==" E);
    finds("csr=" B FOX_64 "Z29lcyBob21lLg==" E "&x=y");
    finds("-------" B "\n" FOX_64 "Z29lcyBob21lLg==\n" E "-----");
}

static void a_body_without_a_csr_is_told_what_it_is(void **state)
{
    (void)state;
    refuses("", "no-csr", "empty");
    refuses("hello", "no-csr", "curl --data-binary");
    refuses("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no-csr", "this is a certificate");
    refuses("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "no-csr", "keep it to yourself");
    refuses("-----BEGIN+CERTIFICATE+REQUEST-----%0AMIIB", "no-csr", "form-encoded");
    refuses("0\x82\x01\x01", "no-csr", "application/pkcs10");
    refuses("-----BEGIN CERTIFICATE REQUEST----\nMIIB\n" E, "no-csr", "no \"-----BEGIN");
    refuses("-----BEGIN certificate request-----\nMIIB\n" E, "no-csr", "no \"-----BEGIN");
    refuses("-----BEGIN OLD CERTIFICATE REQUEST-----\nMIIB\n-----END OLD CERTIFICATE REQUEST-----", "no-csr", "");
    refuses("-----BEGIN CERTIFICATE\nREQUEST-----\nMIIB\n" E, "no-csr", "");
}

static void two_csrs_are_one_too_many(void **state)
{
    (void)state;
    refuses(B "\nMIIB\n" E "\n" B "\nMIIB\n" E "\n", "several-csrs", "one by one");
    refuses(B "\nMIIB\n" B "\nMIIB\n" E "\n", "several-csrs", "");
    refuses(B "MIIB" E "-----BEGIN NEW CERTIFICATE REQUEST-----MIIB-----END NEW CERTIFICATE REQUEST-----", "several-csrs", "");
}

static void a_damaged_block_is_refused(void **state)
{
    (void)state;
    refuses(B "\nMIIB\n", "bad-pem", "no END line");
    refuses(B, "bad-pem", "no END line");
    refuses(B "\nMIIB\n-----END CERTIFICATE-----\n", "bad-pem", "no END line");
    refuses(B "\nMIIB\n-----END NEW CERTIFICATE REQUEST-----\n", "bad-pem", "no END line");
    refuses(B "\nMIIB\n-----END CERTIFICATE REQUEST", "bad-pem", "no END line");
    refuses(B "\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES\n\nMIIB\n" E, "bad-pem", "header lines");
    refuses(B "\n" E, "bad-pem", "base 64");
    refuses(B "\nMII\n" E, "bad-pem", "base 64");
    refuses(B "\nMIIB=\n" E, "bad-pem", "base 64");
    refuses(B "\nMII=MIIB\n" E, "bad-pem", "base 64");
    refuses(B "\nMII!\n" E, "bad-pem", "base 64");
    refuses(B "\nMI-B\n" E, "bad-pem", "base 64");
    refuses(B "\nMIIB\v\n" E, "bad-pem", "base 64");
    refuses(B "\n====\n" E, "bad-pem", "base 64");
    refuses(B "\nMIIB%0A" E, "bad-pem", "base 64");
}

static void a_nul_is_not_an_end(void **state)
{
    static const char body[] = "\0" B "\nTWFu\n" E;
    static const char inside[] = B "\nTW\0Fu\n" E;
    uint8_t der[200];
    size_t der_len;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(pem_find_csr(body, sizeof body - 1, der, &der_len, &err), 0);
    assert_int_equal(der_len, 3);
    assert_int_equal(pem_find_csr(inside, sizeof inside - 1, der, &der_len, &err), -1);
    assert_string_equal(err.reason, "bad-pem");
}

/* The sanitizers look at the whole text in each memmem(): linear becomes quadratic there, and says nothing of our code. */
#ifdef WITH_SANITIZER
enum { HOSTILE_LEN = 1 << 18 };
#else
enum { HOSTILE_LEN = 16 << 20 };
#endif

/* A thousand times the longest body in a fraction of the time that a quadratic scan would need (hours). */
static void hostile_bodies_take_linear_time(void **state)
{
    static const char *const pieces[] = { "-----BEGIN ", "-----BEGIN A-----", "-", "-----END ",
                                          "-----BEGIN A-----\n-----END A-----" };
    const size_t len = HOSTILE_LEN;
    char *body = malloc(len);
    uint8_t *der = malloc(BASE64_DECODED_MAX(len));

    (void)state;
    assert_true(body && der);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t piece = strlen(pieces[i]), der_len;
        clock_t start = clock();

        for (size_t at = 0; at < len; at++)
            body[at] = pieces[i][at % piece];
        assert_int_equal(pem_find_csr(body, len, der, &der_len, NULL), -1);
        assert_true((clock() - start) / CLOCKS_PER_SEC < 10);
    }
    free(body);
    free(der);
}

struct seen {
    int n;
    char text[64];
};

static int see(void *arg, const uint8_t *der, size_t der_len, struct cs_error *err)
{
    struct seen *seen = arg;

    if (memcmp(der, "bad", 3) == 0)
        return cs_fail(err, CS_EUPSTREAM, "a bad one");
    seen->n++;
    memcpy(seen->text + strlen(seen->text), der, der_len);
    return 0;
}

#define CB "-----BEGIN CERTIFICATE-----\n"
#define CE "\n-----END CERTIFICATE-----\n"

static void a_chain_is_split_into_its_blocks(void **state)
{
    static const char chain[] = CB "b25l" CE "\r\n" CB "dHdv" CE;
    struct seen seen = { 0 };
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(pem_each_certificate(chain, strlen(chain), 2, see, &seen, &err), 2);
    assert_string_equal(seen.text, "onetwo");
    assert_int_equal(pem_each_certificate("\n", 1, 2, see, &seen, &err), 0);
    assert_int_equal(pem_each_certificate("", 0, 2, see, &seen, &err), 0);
}

static void a_chain_with_anything_else_is_refused(void **state)
{
    static const char *const chains[] = {
        CB "b25l" CE "hello\n" CB "dHdv" CE,
        "hello\n" CB "b25l" CE,
        CB "b25l" CE "hello",
        CB "b25l" CE CB "b25l" CE CB "b25l" CE,
        CB "b25",
        CB "b2" CE,
        CB CE,
        B "b25l" E,
        "-----BEGIN PRIVATE KEY-----\nb25l\n-----END PRIVATE KEY-----\n",
        CB "b25l" CE "-----BEGIN X509 CRL-----\nb25l\n-----END X509 CRL-----\n",
        CB "Name: value\n\nb25l" CE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct seen seen = { 0 };
        struct cs_error err = { 0 };

        if (pem_each_certificate(chains[i], strlen(chains[i]), 2, see, &seen, &err) != -1)
            fail_msg("accepted: %s", chains[i]);
        assert_int_equal(err.code, CS_EUPSTREAM);
        assert_string_equal(err.reason, "bad-chain");
    }
}

static void the_callers_no_ends_the_walk(void **state)
{
    static const char chain[] = CB "b25l" CE CB "YmFk" CE CB "dHdv" CE;
    struct seen seen = { 0 };
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(pem_each_certificate(chain, strlen(chain), 9, see, &seen, &err), -1);
    assert_int_equal(seen.n, 1);
    assert_string_equal(err.text, "a bad one");
}

static void what_is_written_is_read_again(void **state)
{
    struct text out = TEXT_MAX(1000);
    uint8_t der[1000];
    size_t der_len;

    (void)state;
    pem_add(&out, "CERTIFICATE REQUEST", (const uint8_t *)FOX, strlen(FOX));
    assert_string_equal(text_of(&out), B "\n" FOX_64 "\nZ29lcyBob21lLg==\n" E "\n");
    assert_int_equal(pem_find_csr(text_of(&out), out.len, der, &der_len, NULL), 0);
    assert_memory_equal(der, FOX, der_len);
    text_free(&out);
}

static void a_passphrase_is_never_known_but_may_have_been_wanted(void **state)
{
    bool wanted = false;
    char out[4] = "abc";

    (void)state;
    assert_int_equal(pem_no_passphrase(out, sizeof out, 0, NULL), -1);
    assert_int_equal(pem_no_passphrase(out, sizeof out, 0, &wanted), -1);
    assert_true(wanted);
    assert_string_equal(out, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_that_clients_send_is_read),
        cmocka_unit_test(a_body_without_a_csr_is_told_what_it_is),
        cmocka_unit_test(two_csrs_are_one_too_many),
        cmocka_unit_test(a_damaged_block_is_refused),
        cmocka_unit_test(a_nul_is_not_an_end),
        cmocka_unit_test(hostile_bodies_take_linear_time),
        cmocka_unit_test(a_chain_is_split_into_its_blocks),
        cmocka_unit_test(a_chain_with_anything_else_is_refused),
        cmocka_unit_test(the_callers_no_ends_the_walk),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_passphrase_is_never_known_but_may_have_been_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
