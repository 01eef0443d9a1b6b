/* request/job_run.c, job_save_step.c: the key of an order under way is refused, as another certificate with it is revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/rig.h"
#include "request/revoked_keys.h"

static struct rig rig;
static struct rig_answer one;
static char *csr;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    rig_answer_free(&one);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

/* The order, held at gate:go. */
static void order(const char *profile)
{
    rig_subject(&rig, "CN=a.x.example", "x.example", "a.x.example", profile);
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
}

static void refuse_key(void)
{
    BIO *bio = BIO_new_mem_buf(csr, -1);
    X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    uint8_t hash[32];
    int len;

    assert_non_null(request);
    len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &der);
    assert_true(len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(revoked_keys_add(rig.heart->revoked_keys, hash), 0);
    OPENSSL_free(der);
    X509_REQ_free(request);
    BIO_free(bio);
}

static void assert_refused(size_t certificates)
{
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "revoked-key");
    assert_null(one.chain);
    rig_assert_calls(&rig, 1);
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), certificates);
}

static void it_ends_before_the_ca_may_issue(void **state)
{
    (void)state;
    order("save:order+gate:go+save:finalize+ok");
    refuse_key();
    rig_open_gate(&rig, "go");
    assert_refused(0);
    assert_int_equal(rig_count(&rig, "job WHERE state = 'failed' AND step = 'order'"), 1);
}

static void so_it_does_while_the_last_step_before_that_is_written(void **state)
{
    (void)state;
    order("gate:go+save:finalize+ok");
    rig_lock(&rig);
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_at_step(&rig, "save:finalize") == 1);
    refuse_key();
    rig_unlock(&rig);
    assert_refused(0);
}

static void it_does_not_start_anew(void **state)
{
    char profile[64];

    (void)state;
    snprintf(profile, sizeof profile, "gate:go+fail:%d", (int)CS_ERESTART);
    order(profile);
    refuse_key();
    rig_open_gate(&rig, "go");
    assert_refused(0);
}

static void a_chain_that_could_not_be_stopped_is_recorded_and_not_handed_out(void **state)
{
    (void)state;
    order("save:finalize+gate:go+save:finalize-sent+ok");
    refuse_key();
    rig_open_gate(&rig, "go");
    assert_refused(1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_ends_before_the_ca_may_issue),
        TEST(so_it_does_while_the_last_step_before_that_is_written),
        TEST(it_does_not_start_anew),
        TEST(a_chain_that_could_not_be_stopped_is_recorded_and_not_handed_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
