/* command/sign_options.c and sign_key.c: what was asked for becomes a key and a CSR; tests/peers/test_sign_command.py has the
 * whole command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "command/sign.h"
#include "request/key_name.h"

#define READ(out, ...) read_words(out, (const char *[]){ "sign", __VA_ARGS__, NULL })

static int read_words(struct sign_options *out, const char **words)
{
    int n = 0;

    while (words[n])
        n++;
    return sign_options_read(out, n, (char **)(uintptr_t)words);
}

static void a_name_makes_subject_and_san(void **state)
{
    struct sign_options o;

    (void)state;
    assert_int_equal(READ(&o, "--server", "https://host:8443/", "--name", "Go.example.com"), -1);
    assert_string_equal(o.url, "https://host:8443/v1/sign");
    assert_string_equal(o.subject, "CN=Go.example.com");
    assert_int_equal(o.n_names, 1);
    assert_string_equal(o.names[0], "go.example.com");
    assert_string_equal(o.key_file, "key.pem");
    assert_string_equal(o.out_file, "chain.pem");
    assert_int_equal(o.timeout_s, 300);
    sign_options_free(&o);
}

static void the_url_may_have_its_path_already(void **state)
{
    struct sign_options o;

    (void)state;
    assert_int_equal(READ(&o, "--server", "https://host/v1/sign", "--name", "a.b"), -1);
    assert_string_equal(o.url, "https://host/v1/sign");
    sign_options_free(&o);
    assert_int_equal(READ(&o, "--server", "https://host/behind/proxy", "--name", "a.b"), -1);
    assert_string_equal(o.url, "https://host/behind/proxy/v1/sign");
    sign_options_free(&o);
    assert_int_equal(READ(&o, "--server", "http://192.0.2.1", "--name", "a.b"), SIGN_USAGE);
    sign_options_free(&o);
    assert_int_equal(READ(&o, "--server", "http://192.0.2.1", "--name", "a.b", "--insecure-http"), -1);
    sign_options_free(&o);
}

static void names_come_once_however_they_are_said(void **state)
{
    struct sign_options o;

    (void)state;
    assert_int_equal(READ(&o, "--server", "https://h", "--subject", "/O=x/CN=a.b", "--san", "A.B", "--san", "*.a.b",
                          "--san", "c.b"), -1);
    assert_string_equal(o.subject, "CN=a.b,O=x");
    assert_int_equal(o.n_names, 3);
    sign_options_free(&o);
    assert_int_equal(READ(&o, "--server", "https://h", "--subject", "O=x", "--san", "a.b"), -1);
    assert_int_equal(o.n_names, 1);
    sign_options_free(&o);
}

/* The key of a file, made now; its name below a.b. */
static void make_key(const char *path, char name[NAME_MAX_LEN + 1])
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    BIO *file = BIO_new_file(path, "w");
    unsigned char *der = NULL;
    uint8_t sha256[32];
    int len = i2d_PUBKEY(key, &der);

    assert_int_equal(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(EVP_Digest(der, (size_t)len, sha256, NULL, EVP_sha256(), NULL), 1);
    assert_true(key_name_make(name, "{key}.a.b", sha256));
    OPENSSL_free(der);
    BIO_free(file);
    EVP_PKEY_free(key);
}

static void a_name_follows_from_the_key_that_is_there(void **state)
{
    char folder[] = "/tmp/countersign-key-XXXXXX", path[64], name[NAME_MAX_LEN + 1];
    struct sign_options o;

    (void)state;
#define SAN(san) "--server", "https://h", "--subject", "O=x", "--key", path, "--san", san
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key.pem", folder);
    assert_int_equal(READ(&o, SAN("{key}.a.b")), SIGN_USAGE);
    sign_options_free(&o);
    make_key(path, name);
    assert_int_equal(READ(&o, SAN("{key}.A.b"), "--san", "c.d"), -1);
    assert_int_equal(o.n_names, 2);
    assert_string_equal(o.names[0], name);
    sign_options_free(&o);
    assert_int_equal(READ(&o, SAN("{key}.a.b"), "--new-key"), SIGN_USAGE);
    sign_options_free(&o);
    assert_int_equal(READ(&o, SAN("{key}.*.b")), SIGN_USAGE);
    sign_options_free(&o);
#undef SAN
    unlink(path);
    rmdir(folder);
}

static void key_and_csr_are_made_as_asked(void **state)
{
    char folder[] = "/tmp/countersign-key-XXXXXX";
    struct sign_options o;
    struct cs_error err = { 0 };
    struct stat about;
    struct sign_files files;
    struct csr csr;
    EVP_PKEY *key;
    bool made;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(sign_files_open(&files, "key.pem", "chain.pem", NULL, &err), 0);
    assert_int_equal(READ(&o, "--server", "https://h", "--subject", "CN=a.b,O=M\xc3\xbcller,C=IT", "--san", "c.b",
                          "--key-type", "p384"), -1);
    key = sign_key_get(&o, &files, &made, &err);
    assert_non_null(key);
    assert_true(made);
    assert_int_equal(stat("key.pem", &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(sign_csr_make(&csr, key, &o, &err), 0);
    assert_string_equal(csr.subject, "CN=a.b,O=M\xc3\xbcller,C=IT");
    assert_string_equal(csr.key_type, "p384");
    assert_int_equal(csr.n_names, 2);
    assert_false(csr.cn_only);
    csr_free(&csr);
    EVP_PKEY_free(key);
    key = sign_key_get(&o, &files, &made, &err);
    assert_false(made);
    o.key_type = "p256";
    assert_int_equal(sign_csr_make(&csr, key, &o, &err), -1);
    assert_non_null(strstr(err.text, "p384 already"));
    EVP_PKEY_free(key);
    sign_files_close(&files);
    sign_options_free(&o);
    unlink("key.pem");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_makes_subject_and_san),
        cmocka_unit_test(the_url_may_have_its_path_already),
        cmocka_unit_test(names_come_once_however_they_are_said),
        cmocka_unit_test(a_name_follows_from_the_key_that_is_there),
        cmocka_unit_test(key_and_csr_are_made_as_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
