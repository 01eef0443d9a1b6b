/* ca-local: a private CA, called as the core's worker does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fakes/host.h"

extern const struct cs_plugin cs_plugin;

struct settings { /* as the plugin has them */
    const char *name;
    int64_t days, ca_days;
    bool challenge;
    int64_t crl_days;
    const char *crl_url;
};

struct chain {
    X509 *leaf, *ca;
};

static char folder[64];
static struct settings settings;
static void *self;
static EVP_PKEY *client_key;
static uint8_t *csr;
static int csr_len;
static const char *const names[] = { "*.a.example", "a.example" };
static struct cs_order order;

static int make_csr(const char *kind)
{
    X509_REQ *request = X509_REQ_new();

    client_key = kind ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509_REQ_set_pubkey(request, client_key);
    X509_REQ_sign(request, client_key, EVP_sha256());
    csr = NULL;
    csr_len = i2d_X509_REQ(request, &csr);
    X509_REQ_free(request);
    return csr_len > 0 ? 0 : -1;
}

static void fill_order(void)
{
    order = (struct cs_order){ .size = sizeof order,
                               .id = "job",
                               .csr = csr,
                               .csr_len = (size_t)csr_len,
                               .names = names,
                               .n_names = 2,
                               .profile = "",
                               .replaces = "" };
}

static int open_plugin(struct cs_error *err)
{
    return cs_plugin.open(host_instance(), &settings, &self, err);
}

static int begin(void **state)
{
    struct cs_error err;

    (void)state;
    settings = (struct settings){ "Test CA", 90, 3650, false, 30, "" };
    snprintf(folder, sizeof folder, "/tmp/ca-local-XXXXXX");
    if (!mkdtemp(folder) || make_csr(NULL) < 0)
        return -1;
    fill_order();
    host_begin(folder);
    return open_plugin(&err);
}

static int end(void **state)
{
    static const char *const files[] = { "ca.key", "ca.pem", "crl.pem" };
    char path[100];

    (void)state;
    if (self)
        cs_plugin.close(self);
    self = NULL;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    EVP_PKEY_free(client_key);
    OPENSSL_free(csr);
    return host_end() || rmdir(folder) < 0 ? -1 : 0;
}

static void the_core_is_told_of_the_cas_key(void **state)
{
    X509 *ca;
    unsigned char *spki = NULL;
    const void *told;
    char path[100];
    FILE *file;
    size_t len;

    (void)state;
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    file = fopen(path, "r");
    ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    told = host_own_key(&len);
    assert_non_null(told);
    assert_int_equal(i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &spki), len);
    assert_memory_equal(told, spki, len);
    OPENSSL_free(spki);
    X509_free(ca);
}

static struct chain read_chain(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    struct chain chain;

    chain.leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    chain.ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(chain.leaf);
    assert_non_null(chain.ca);
    assert_null(PEM_read_bio_X509(bio, NULL, NULL, NULL));
    BIO_free(bio);
    return chain;
}

static void free_chain(struct chain chain)
{
    X509_free(chain.leaf);
    X509_free(chain.ca);
}

static struct chain sign(void)
{
    struct cs_op *op = host_op(300000, true);

    cs_plugin.ca->sign(self, &order, op);
    assert_true(host_result(op)->finished);
    assert_int_equal(host_result(op)->err.code, 0);
    return read_chain(host_result(op)->pem);
}

static void assert_verifies(struct chain chain)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    X509_STORE_add_cert(store, chain.ca);
    X509_STORE_CTX_init(ctx, store, chain.leaf, NULL);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)(cs_wall_ms() / 1000));
    X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    assert_int_equal(X509_verify_cert(ctx), 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
}

static int64_t days_between(const ASN1_TIME *from, const ASN1_TIME *to)
{
    int days, seconds;

    assert_int_equal(ASN1_TIME_diff(&days, &seconds, from, to), 1);
    assert_int_equal(seconds, 0);
    return days;
}

static void a_certificate_has_what_was_asked_for(void **state)
{
    struct chain chain = sign();
    uint32_t usage = X509_get_extended_key_usage(chain.leaf);

    (void)state;
    assert_verifies(chain);
    assert_int_equal(X509_check_private_key(chain.leaf, client_key), 1);
    assert_int_equal(X509_check_host(chain.leaf, "a.example", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    assert_int_equal(X509_check_host(chain.leaf, "b.a.example", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    assert_int_equal(X509_check_host(chain.leaf, "b.example", 0, 0, NULL), 0);
    assert_int_equal(usage, XKU_SSL_SERVER);
    assert_int_equal(X509_get_key_usage(chain.leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_check_ca(chain.leaf), 0);
    assert_int_equal(days_between(X509_get0_notBefore(chain.leaf), X509_get0_notAfter(chain.leaf)), 90);
    assert_non_null(X509_get0_subject_key_id(chain.leaf));
    assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(chain.leaf), X509_get0_subject_key_id(chain.ca)), 0);
    free_chain(chain);
}

static void rsa_keys_may_encipher(void **state)
{
    struct chain chain;

    (void)state;
    EVP_PKEY_free(client_key);
    OPENSSL_free(csr);
    make_csr("rsa");
    fill_order();
    chain = sign();
    assert_int_equal(X509_get_key_usage(chain.leaf), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
    free_chain(chain);
}

static void serial_numbers_are_long_and_never_the_same(void **state)
{
    struct chain one = sign(), two = sign();

    (void)state;
    assert_true(ASN1_INTEGER_cmp(X509_get0_serialNumber(one.leaf), X509_get0_serialNumber(two.leaf)) != 0);
    assert_true(ASN1_STRING_length(X509_get0_serialNumber(one.leaf)) >= 12);
    assert_true(ASN1_STRING_length(X509_get0_serialNumber(one.leaf)) <= 20);
    free_chain(one);
    free_chain(two);
}

static void the_ca_survives_a_restart(void **state)
{
    struct chain before = sign(), after;
    struct cs_error err;
    struct stat st;
    char path[100];

    (void)state;
    cs_plugin.close(self);
    self = NULL;
    assert_int_equal(open_plugin(&err), 0);
    after = sign();
    assert_int_equal(X509_cmp(before.ca, after.ca), 0);
    snprintf(path, sizeof path, "%s/ca.key", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free_chain(before);
    free_chain(after);
}

static void the_step_is_saved_before_it_signs_and_resumes_with_the_same_serial(void **state)
{
    struct chain first = sign(), again;
    struct cs_op *op = host_op(300000, true);
    const struct host_save *save = host_saved();

    (void)state;
    assert_string_equal(save->step, "signing");
    cs_plugin.ca->resume(self, &order, save->step, save->data, save->len, op);
    again = read_chain(host_result(op)->pem);
    assert_int_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(first.leaf), X509_get0_serialNumber(again.leaf)), 0);
    free_chain(first);
    free_chain(again);
}

static void a_step_that_is_not_its_own_restarts(void **state)
{
    static const char *const steps[] = { "order", "signing" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct cs_op *op = host_op(300000, true);

        cs_plugin.ca->resume(self, &order, steps[i], "short", 5, op);
        assert_int_equal(host_result(op)->err.code, CS_ERESTART);
    }
}

static void nothing_is_signed_when_the_step_cannot_be_saved(void **state)
{
    struct cs_op *op = host_op(300000, true);
    struct cs_error err;

    (void)state;
    cs_fail(&err, CS_ESHUTDOWN, "the server stops");
    host_set_wait_error(&err);
    cs_plugin.ca->sign(self, &order, op);
    assert_int_equal(host_result(op)->err.code, CS_ESHUTDOWN);
    assert_null(host_result(op)->pem);
}

static void names_are_proved_when_the_setting_says_so(void **state)
{
    struct cs_op *op;
    struct cs_error err;

    (void)state;
    settings.challenge = true;
    free_chain(sign());
    assert_string_equal(host_challenge(0)->name, "a.example");
    assert_string_equal(host_challenge(1)->name, "a.example");
    assert_int_equal(strlen(host_challenge(0)->value), 43);
    assert_true(strcmp(host_challenge(0)->value, host_challenge(1)->value) != 0);
    cs_fail_as(&err, CS_EUPSTREAM, "not-visible", "ns1 does not have it");
    host_set_wait_error(&err);
    op = host_op(300000, true);
    cs_plugin.ca->sign(self, &order, op);
    assert_string_equal(host_result(op)->err.reason, "not-visible");
    host_set_challenge_types(0);
    op = host_op(300000, true);
    cs_plugin.ca->sign(self, &order, op);
    assert_int_equal(host_result(op)->err.code, CS_ECONFIG);
}

static void no_certificate_outlives_the_cas(void **state)
{
    struct chain chain;
    struct cs_op *op;

    (void)state;
    host_pass((int64_t)3600 * 24 * 3600 * 1000);
    chain = sign();
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(chain.leaf), X509_get0_notAfter(chain.ca)), 0);
    assert_verifies(chain);
    free_chain(chain);
    host_pass((int64_t)51 * 24 * 3600 * 1000);
    op = host_op(300000, true);
    cs_plugin.ca->sign(self, &order, op);
    assert_int_equal(host_result(op)->err.code, CS_ECONFIG);
    assert_non_null(strstr(host_result(op)->err.text, "remove ca.pem"));
}

static void long_names_stand_in_the_alternative_names_alone(void **state)
{
    static const char *const long_name[] = { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example" };
    struct chain chain;

    (void)state;
    order.names = long_name;
    order.n_names = 1;
    chain = sign();
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(chain.leaf)), 0);
    assert_int_equal(X509_check_host(chain.leaf, long_name[0], 0, 0, NULL), 1);
    assert_verifies(chain);
    free_chain(chain);
}

static void a_missing_certificate_is_made_for_the_key_that_is_there(void **state)
{
    struct cs_error err;
    struct chain before = sign(), after;
    char path[100];

    (void)state;
    cs_plugin.close(self);
    self = NULL;
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    unlink(path);
    assert_int_equal(open_plugin(&err), 0);
    after = sign();
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(before.ca), X509_get0_pubkey(after.ca)), 1);
    free_chain(before);
    free_chain(after);
}

static void write_file(const char *name, const char *text)
{
    char path[100];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void broken_files_are_refused_and_left_alone(void **state)
{
    struct cs_error err;
    char path[100];

    (void)state;
    cs_plugin.close(self);
    self = NULL;
    write_file("ca.pem", "nonsense");
    assert_int_equal(open_plugin(&err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "no certificate in"));
    write_file("ca.key", "nonsense");
    assert_int_equal(open_plugin(&err), -1);
    assert_non_null(strstr(err.text, "no private key in"));
    snprintf(path, sizeof path, "%s/ca.key", folder);
    unlink(path);
    assert_int_equal(open_plugin(&err), -1);
    settings.name = "";
    assert_int_equal(open_plugin(&err), -1);
    assert_non_null(strstr(err.text, "`name` has 1 to 64 bytes"));
}

static void check_says_what_open_would_and_makes_nothing(void **state)
{
    const struct cs_strings none = { NULL, 0 };
    char long_name[66] = { 0 };
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(cs_plugin.check(&settings, &none, &err), 0);
    memset(long_name, 'x', 65);
    settings.name = long_name;
    assert_int_equal(cs_plugin.check(&settings, &none, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "`name` has 1 to 64 bytes"));
    long_name[64] = '\0';
    assert_int_equal(cs_plugin.check(&settings, &none, &err), 0);
    settings.crl_url = "http://crl.example/a,b";
    assert_int_equal(cs_plugin.check(&settings, &none, &err), -1);
    settings.crl_url = "https://crl.example/";
    assert_int_equal(cs_plugin.check(&settings, &none, &err), -1);
    assert_non_null(strstr(err.text, "`crl_url` begins with http://"));
    settings.crl_url = "http://crl.example/crl.pem";
    assert_int_equal(cs_plugin.check(&settings, &none, &err), 0);
}

static void *sign_many(void *arg)
{
    struct cs_op **ops = arg;

    for (int i = 0; i < 50; i++)
        cs_plugin.ca->resume(self, &order, "signing", "0123456789abcdef", 16, ops[i]);
    return NULL;
}

static void several_workers_sign_at_once(void **state)
{
    struct cs_op *ops[4][50];
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 200; i++)
        ops[i / 50][i % 50] = host_op(300000, true);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, sign_many, ops[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 200; i++)
        assert_non_null(host_result(ops[i / 50][i % 50])->pem);
}

#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CA(the_core_is_told_of_the_cas_key),
        WITH_CA(a_certificate_has_what_was_asked_for),
        WITH_CA(rsa_keys_may_encipher),
        WITH_CA(serial_numbers_are_long_and_never_the_same),
        WITH_CA(the_ca_survives_a_restart),
        WITH_CA(the_step_is_saved_before_it_signs_and_resumes_with_the_same_serial),
        WITH_CA(a_step_that_is_not_its_own_restarts),
        WITH_CA(nothing_is_signed_when_the_step_cannot_be_saved),
        WITH_CA(names_are_proved_when_the_setting_says_so),
        WITH_CA(no_certificate_outlives_the_cas),
        WITH_CA(long_names_stand_in_the_alternative_names_alone),
        WITH_CA(a_missing_certificate_is_made_for_the_key_that_is_there),
        WITH_CA(broken_files_are_refused_and_left_alone),
        WITH_CA(check_says_what_open_would_and_makes_nothing),
        WITH_CA(several_workers_sign_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
