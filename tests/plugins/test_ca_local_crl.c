/* ca-local: its list of revoked certificates. */
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
#include "crl.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static char folder[64];
static EVP_PKEY *key;
static X509 *certificate;
static struct crl *crl;
static struct cs_error err;

static int open_list(void)
{
    err = (struct cs_error){ 0 };
    crl = crl_open(host_instance(), folder, certificate, key, 30, &err);
    return crl ? 0 : -1;
}

static void close_list(void)
{
    crl_close(crl);
    crl = NULL;
}

static void make_ca(void)
{
    X509V3_CTX context;
    X509_EXTENSION *id;

    EVP_PKEY_free(key);
    X509_free(certificate);
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"a CA", -1, -1, 0);
    X509_set_pubkey(certificate, key);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    id = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
    X509_add_ext(certificate, id, -1);
    X509_EXTENSION_free(id);
    X509_sign(certificate, key, EVP_sha256());
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ca-local-crl-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    host_begin(folder);
    make_ca();
    return open_list();
}

static int end(void **state)
{
    char path[100];

    (void)state;
    close_list();
    snprintf(path, sizeof path, "%s/crl.pem", folder);
    unlink(path);
    EVP_PKEY_free(key);
    X509_free(certificate);
    key = NULL;
    certificate = NULL;
    return host_end() || rmdir(folder) < 0 ? -1 : 0;
}

static X509_CRL *read_list(void)
{
    char path[100];
    FILE *file;
    X509_CRL *list;

    snprintf(path, sizeof path, "%s/crl.pem", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    list = PEM_read_X509_CRL(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(list);
    assert_int_equal(X509_CRL_verify(list, key), 1);
    assert_int_equal(X509_CRL_get_version(list), X509_CRL_VERSION_2);
    return list;
}

static long number_of_list(void)
{
    X509_CRL *list = read_list();
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    long n = ASN1_INTEGER_get(number);

    ASN1_INTEGER_free(number);
    X509_CRL_free(list);
    return n;
}

static int entries(void)
{
    X509_CRL *list = read_list();
    int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));

    X509_CRL_free(list);
    return n < 0 ? 0 : n;
}

/* -1: it is not in the list; 0: without a reason. */
static long reason_of(long serial)
{
    X509_CRL *list = read_list();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509_REVOKED *entry = NULL;
    ASN1_ENUMERATED *word = NULL;
    long reason = -1;

    ASN1_INTEGER_set(number, serial);
    if (X509_CRL_get0_by_serial(list, &entry, number) == 1) {
        word = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
        reason = word ? ASN1_ENUMERATED_get(word) : 0;
    }
    ASN1_ENUMERATED_free(word);
    ASN1_INTEGER_free(number);
    X509_CRL_free(list);
    return reason;
}

static int put(long serial, int reason)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    int rc;

    ASN1_INTEGER_set(number, serial);
    rc = crl_revoke(crl, number, reason, &err);
    ASN1_INTEGER_free(number);
    return rc;
}

static void what_is_revoked_stands_in_a_signed_list(void **state)
{
    const long number = number_of_list();
    char path[100];
    struct stat st;

    (void)state;
    assert_int_equal(entries(), 0);
    assert_int_equal(put(17, 1), 0);
    assert_int_equal(put(17, 4), 0); /* again: it stays as it is */
    close_list();
    assert_int_equal(open_list(), 0);
    assert_int_equal(put(4, 0), 0);
    assert_int_equal(entries(), 2);
    assert_true(number_of_list() == number + 2);
    assert_int_equal(reason_of(17), 1);
    assert_int_equal(reason_of(4), 0);
    assert_int_equal(reason_of(5), -1);
    snprintf(path, sizeof path, "%s/crl.pem", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void a_list_is_signed_anew_when_half_of_its_time_is_over(void **state)
{
    const long number = number_of_list();
    X509_CRL *list = read_list();
    int days, seconds;

    (void)state;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_CRL_get0_lastUpdate(list), X509_CRL_get0_nextUpdate(list)), 1);
    assert_int_equal(days, 30);
    X509_CRL_free(list);
    assert_int_equal(put(17, 1), 0);
    close_list();
    host_step_wall(14 * DAY_MS);
    assert_int_equal(open_list(), 0);
    assert_true(number_of_list() == number + 1);
    close_list();
    host_step_wall(2 * DAY_MS);
    assert_int_equal(open_list(), 0);
    assert_true(number_of_list() == number + 2);
    assert_int_equal(reason_of(17), 1);
}

static void a_damaged_list_stops_the_start(void **state)
{
    char path[100];
    FILE *file;

    (void)state;
    close_list();
    snprintf(path, sizeof path, "%s/crl.pem", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("nonsense", file);
    fclose(file);
    assert_int_equal(open_list(), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "restore it"));
}

static void a_list_of_another_key_is_begun_anew(void **state)
{
    (void)state;
    assert_int_equal(put(17, 1), 0);
    close_list();
    make_ca();
    assert_int_equal(open_list(), 0);
    assert_int_equal(reason_of(17), -1);
}

static void a_list_that_cannot_be_written_is_said_and_changes_nothing(void **state)
{
    char moved[100];

    (void)state;
    snprintf(moved, sizeof moved, "%s.away", folder);
    assert_int_equal(rename(folder, moved), 0);
    assert_int_equal(put(17, 1), -1);
    assert_non_null(strstr(err.text, "cannot write"));
    assert_int_equal(rename(moved, folder), 0);
    assert_int_equal(reason_of(17), -1);
    assert_int_equal(put(17, 1), 0);
    assert_int_equal(reason_of(17), 1);
}

static void *revoke_many(void *arg)
{
    const long first = *(const long *)arg;

    for (long i = 0; i < 10; i++) {
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        struct cs_error none;

        ASN1_INTEGER_set(number, first + i);
        crl_revoke(crl, number, 1, &none);
        ASN1_INTEGER_free(number);
    }
    return NULL;
}

static void several_workers_revoke_at_once(void **state)
{
    static long first[4] = { 100, 200, 300, 105 };
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, revoke_many, &first[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(entries(), 35);
}

#define WITH_LIST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LIST(what_is_revoked_stands_in_a_signed_list),
        WITH_LIST(a_list_is_signed_anew_when_half_of_its_time_is_over),
        WITH_LIST(a_damaged_list_stops_the_start),
        WITH_LIST(a_list_of_another_key_is_begun_anew),
        WITH_LIST(a_list_that_cannot_be_written_is_said_and_changes_nothing),
        WITH_LIST(several_workers_revoke_at_once),
    };

    return cmocka_run_group_tests_name("ca_local_crl", tests, NULL, NULL);
}
