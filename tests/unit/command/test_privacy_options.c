/* command/privacy_options.c and privacy_spki.c: whose records are meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/privacy.h"

#define MAX_WORDS 20

/* The words as the program gets them: writable. */
static char typed[MAX_WORDS][200];

static int read_words(struct privacy_options *out, enum privacy_verb verb, const char *const *words)
{
    char *argv[MAX_WORDS + 1] = { NULL };
    int n = 0;

    for (; words[n]; n++) {
        snprintf(typed[n], sizeof typed[n], "%s", words[n]);
        argv[n] = typed[n];
    }
    return privacy_options_read(out, verb, n, argv);
}

#define READ(out, verb, ...) read_words(out, verb, (const char *const[]){ "countersign privacy x", __VA_ARGS__, NULL })
#define ERASE(out, ...)      READ(out, PRIVACY_ERASE, __VA_ARGS__)

static void an_erasure_may_say_several_things(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(ERASE(&o, "--zone", "Trial.Example.", "--label", "campaign=spring=1", "--before", "2026-11-21", "--yes"),
                     -1);
    assert_string_equal(o.zone, "trial.example");
    assert_true(o.has_zone && o.has_value && o.yes);
    assert_string_equal(o.label_name, "campaign");
    assert_string_equal(o.label_value, "spring=1");
    assert_int_equal(o.before_day, 20778);
    assert_string_equal(o.address, "");
    assert_int_equal(ERASE(&o, "--label", "campaign"), -1);
    assert_false(o.has_value);
    assert_int_equal(ERASE(&o, "--label", "campaign="), -1);
    assert_true(o.has_value);
    assert_string_equal(o.label_value, "");
    assert_int_equal(ERASE(&o, "--zone", ""), -1);
    assert_true(o.has_zone);
    assert_string_equal(o.zone, "");
}

static void an_address_is_wiped_from_the_command_line(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(ERASE(&o, "--ip", "2001:db8::7"), -1);
    assert_string_equal(o.address, "2001:db8::7");
    assert_string_equal(typed[2], "xxxxxxxxxxx");
    assert_int_equal(ERASE(&o, "--ip=192.0.2.7"), -1);
    assert_string_equal(o.address, "192.0.2.7");
    assert_string_equal(typed[1], "--ip=xxxxxxxxx");
    assert_int_equal(ERASE(&o, "--ip", "192.0.2.7000"), 2);
    assert_string_equal(typed[2], "xxxxxxxxxxxx");
}

static int with_input(const char *text, struct privacy_options *o)
{
    int ends[2], before = dup(STDIN_FILENO), rc;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    clearerr(stdin);
    rc = READ(o, PRIVACY_EXPORT, "--ip", "-");
    dup2(before, STDIN_FILENO);
    close(before);
    close(ends[0]);
    return rc;
}

static void an_address_may_come_from_standard_input(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(with_input("192.0.2.9\n", &o), -1);
    assert_string_equal(o.address, "192.0.2.9");
    assert_int_equal(with_input("::1", &o), -1);
    assert_string_equal(o.address, "::1");
    assert_int_equal(with_input("192.0.2.9\r\n", &o), -1);
    assert_string_equal(o.address, "192.0.2.9");
    assert_int_equal(with_input("", &o), 2);
    assert_int_equal(with_input("somewhere\n", &o), 2);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(read_words(&o, PRIVACY_ERASE, (const char *const[]){ "x", NULL }), 2);
    assert_int_equal(ERASE(&o, "--yes"), 2);
    assert_int_equal(ERASE(&o, "--ip", "host.example"), 2);
    assert_int_equal(ERASE(&o, "--zone", "not a zone"), 2);
    assert_int_equal(ERASE(&o, "--label", "=x"), 2);
    assert_int_equal(ERASE(&o, "--label", "a-name-that-is-longer-than-any-can-be"), 2);
    assert_int_equal(ERASE(&o, "--label", "a=12345678901234567890123456789012345678901234567890123456789012345"), 2);
    assert_int_equal(ERASE(&o, "--before", "yesterday"), 2);
    assert_int_equal(ERASE(&o, "--before", "1970-01-01"), 2);
    assert_int_equal(ERASE(&o, "--ip", "192.0.2.7", "--before", "2026-11-21"), 2);
    assert_int_equal(ERASE(&o, "--format", "csv", "--zone", "a.b"), 2);
    assert_int_equal(ERASE(&o, "--zone", "a.b", "more"), 2);
    assert_int_equal(ERASE(&o, "--colour", "red"), 2);
    assert_int_equal(READ(&o, PRIVACY_EXPORT, "--zone", "a.b"), 2);
    assert_int_equal(READ(&o, PRIVACY_EXPORT, "--format", "json"), 2);
    assert_int_equal(READ(&o, PRIVACY_REPORT, "--yes"), 2);
    assert_int_equal(READ(&o, PRIVACY_CONFIRM, "--format", "json"), 2);
    assert_int_equal(READ(&o, PRIVACY_REPORT, "--format", "json"), -1);
    assert_true(o.json);
}

/* ---- --spki ---------------------------------------------------------------------------------------------------------- */

/* The path of a file in a folder that is made for it; NULL: away with the folder. */
static const char *in_folder(const char *name)
{
    static char folder[] = "/tmp/countersign-spki-XXXXXX", path[100];
    static bool made;

    if (!name) {
        assert_int_equal(rmdir(folder), 0);
        return NULL;
    }
    if (!made)
        assert_non_null(mkdtemp(folder));
    made = true;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_all_kinds(EVP_PKEY *pair)
{
    X509_REQ *request = X509_REQ_new();
    X509 *x = X509_new();
    FILE *file;

    assert_int_equal(X509_REQ_set_pubkey(request, pair), 1);
    assert_true(X509_REQ_sign(request, pair, EVP_sha256()) > 0);
    assert_int_equal(X509_set_pubkey(x, pair), 1);
    assert_true(X509_gmtime_adj(X509_getm_notBefore(x), 0) && X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    file = fopen(in_folder("certificate"), "we");
    assert_true(PEM_write_X509(file, x) == 1 && fclose(file) == 0);
    file = fopen(in_folder("request"), "we");
    assert_true(PEM_write_X509_REQ(file, request) == 1 && fclose(file) == 0);
    file = fopen(in_folder("public"), "we");
    assert_true(PEM_write_PUBKEY(file, pair) == 1 && fclose(file) == 0);
    file = fopen(in_folder("private"), "we");
    assert_true(PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0);
    X509_free(x);
    X509_REQ_free(request);
}

static void check_all_kinds(EVP_PKEY *pair)
{
    static const char *const kinds[] = { "certificate", "request", "public", "private" };
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pair, &der);
    uint8_t hash[SPKI_HASH_LEN];
    struct privacy_options o;

    write_all_kinds(pair);
    assert_int_equal(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(ERASE(&o, "--spki", in_folder(kinds[i])), -1);
        assert_memory_equal(o.spki, hash, sizeof hash);
        assert_non_null(o.spki_typed);
        unlink(in_folder(kinds[i]));
    }
    OPENSSL_free(der);
}

/* Several keys: half of all end in a bit 0. */
static void a_key_is_found_in_every_kind_of_file(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        EVP_PKEY *pair = EVP_EC_gen("P-256");

        check_all_kinds(pair);
        EVP_PKEY_free(pair);
    }
    in_folder(NULL);
}

static void a_key_may_be_named_by_its_hash(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(ERASE(&o, "--spki", "00112233445566778899AABBccddeeff000102030405060708090a0b0c0d0eff"), -1);
    assert_int_equal(o.spki[0], 0);
    assert_int_equal(o.spki[10], 0xaa);
    assert_int_equal(o.spki[31], 0xff);
    assert_int_equal(ERASE(&o, "--spki", "00112233445566778899AABBccddeeff000102030405060708090a0b0c0d0e"), 2);
    assert_int_equal(ERASE(&o, "--spki", "0g112233445566778899AABBccddeeff000102030405060708090a0b0c0d0eff"), 2);
    assert_int_equal(ERASE(&o, "--spki", "/nowhere/at/all"), 2);
    assert_int_equal(ERASE(&o, "--spki", "/dev/null"), 2);
}

static void a_key_stands_alone(void **state)
{
    struct privacy_options o;

    (void)state;
    assert_int_equal(ERASE(&o, "--zone", "a.b", "--spki", "00112233445566778899AABBccddeeff000102030405060708090a0b0c0d0eff"),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erasure_may_say_several_things),
        cmocka_unit_test(an_address_is_wiped_from_the_command_line),
        cmocka_unit_test(an_address_may_come_from_standard_input),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_key_is_found_in_every_kind_of_file),
        cmocka_unit_test(a_key_may_be_named_by_its_hash),
        cmocka_unit_test(a_key_stands_alone),
    };

    return cmocka_run_group_tests_name("privacy_options", tests, NULL, NULL);
}
