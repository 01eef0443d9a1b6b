/* request/job_primes.c, shared_primes.c, stored_moduli.c: no order with an RSA key that shares a prime with a certificate's or
 * another order's; the same key again is welcome; what the store forgets is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/shared_primes.h"

#define HOUR_MS (3600 * INT64_C(1000))

enum { PRIMES = 5 };

static BIGNUM *primes[PRIMES];
static struct rig rig;
static struct rig_answer one, two;

static int make_primes(void **state)
{
    (void)state;
    for (size_t i = 0; i < PRIMES; i++) {
        primes[i] = BN_new();
        assert_true(primes[i] && BN_generate_prime_ex(primes[i], 1024, 0, NULL, NULL, NULL));
    }
    return 0;
}

static int free_primes(void **state)
{
    (void)state;
    for (size_t i = 0; i < PRIMES; i++)
        BN_free(primes[i]);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 100);
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "ok");
    rig_subject(&rig, "CN=b.x.example", "x.example", ".x.example", "gate:go+ok");
    rig_subject(&rig, "CN=c.x.example", "x.example", ".x.example", "fail:10");
    rig_subject(&rig, "CN=d.x.example", "x.example", ".x.example", "ok");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_answer_free(&one);
    rig_answer_free(&two);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

/* Without its primes: n, 65537 and d. */
static EVP_PKEY *key_from(size_t p, size_t q)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_new(), *d = BN_new(), *e = BN_new(), *phi = BN_new();
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    assert_true(BN_mul(n, primes[p], primes[q], ctx) && BN_sub(phi, n, primes[p]) && BN_sub(phi, phi, primes[q]) &&
                BN_add_word(phi, 1) && BN_set_word(e, 65537) && BN_mod_inverse(d, e, phi, ctx));
    assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d));
    params = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    BN_free(n);
    BN_free(d);
    BN_free(e);
    BN_free(phi);
    BN_CTX_free(ctx);
    return key;
}

/* Of the subject CN=NAME, with a key of these two primes. */
static void post_for(const char *name, size_t p, size_t q, struct rig_answer *answer)
{
    EVP_PKEY *key = key_from(p, q);
    char *csr = rig_csr_of(key, name, name);

    rig_answer_free(answer);
    rig_post(&rig, csr, answer);
    free(csr);
    EVP_PKEY_free(key);
}

static void expect_issued(const char *name, size_t p, size_t q)
{
    post_for(name, p, q, &one);
    rig_until(&rig, &one.came);
    if (!one.chain)
        fail_msg("%s %s", one.reason, one.text);
}

static void expect_refused(const char *name, size_t p, size_t q)
{
    const size_t orders = rig_count(&rig, "job");

    post_for(name, p, q, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_EINPUT);
    assert_string_equal(two.reason, "rsa-shared-prime");
    assert_null(two.chain);
    assert_string_equal(two.job, "");
    assert_int_equal(rig_count(&rig, "job"), orders);
}

static void restart(void)
{
    rig_down(&rig);
    rig_up(&rig, "");
}

/* ---- */

static void a_key_that_shares_a_prime_with_a_certificates_is_refused(void **state)
{
    (void)state;
    expect_issued("a.x.example", 0, 1);
    expect_refused("a.x.example", 1, 2);
    expect_refused("b.x.example", 3, 0);
    assert_null(strstr(two.text, "a.x.example"));
    expect_issued("a.x.example", 2, 3);
}

static void the_same_key_again_is_not(void **state)
{
    (void)state;
    expect_issued("a.x.example", 0, 1);
    rig_sql(&rig, "UPDATE subject SET no_cache = 'always'");
    expect_issued("a.x.example", 0, 1);
    expect_issued("d.x.example", 0, 1);
    assert_int_equal(rig_count(&rig, "certificate"), 2);
}

static void an_order_under_way_counts_as_well(void **state)
{
    (void)state;
    post_for("b.x.example", 0, 1, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    expect_refused("a.x.example", 1, 2);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    expect_refused("a.x.example", 1, 2);
}

static void of_two_at_once_one_is_refused(void **state)
{
    (void)state;
    post_for("a.x.example", 0, 1, &one);
    post_for("a.x.example", 1, 2, &two);
    rig_until_true(&rig, one.came && two.came);
    assert_true(!one.chain != !two.chain);
    assert_string_equal(one.chain ? two.reason : one.reason, "rsa-shared-prime");
}

static void an_order_that_failed_does_not(void **state)
{
    (void)state;
    post_for("c.x.example", 0, 1, &one);
    rig_until(&rig, &one.came);
    assert_null(one.chain);
    assert_string_not_equal(one.reason, "rsa-shared-prime");
    rig_rest(&rig);
    expect_issued("a.x.example", 1, 2);
}

static void certificates_of_an_earlier_run_count(void **state)
{
    (void)state;
    expect_issued("a.x.example", 0, 1);
    restart();
    expect_refused("a.x.example", 1, 2);
    expect_issued("d.x.example", 0, 1);
}

static void so_do_orders_that_are_taken_up_again(void **state)
{
    (void)state;
    post_for("b.x.example", 0, 1, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    restart();
    expect_refused("a.x.example", 1, 2);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    expect_refused("a.x.example", 1, 2);
}

/* The purge that comes once an hour has the store read again, whoever took the rows away. */
static void what_the_store_has_no_more_does_not(void **state)
{
    (void)state;
    expect_issued("a.x.example", 0, 1);
    rig_rest(&rig);
    rig_sql(&rig, "DELETE FROM certificate");
    expect_refused("a.x.example", 1, 2);
    clock_move(rig.loop, HOUR_MS);
    rig_settle(&rig);
    rig_rest(&rig);
    expect_issued("d.x.example", 1, 2);
}

/* Who has what, and never who was refused. */
static void the_ledger_tells_once_whose_the_other_key_is(void **state)
{
    (void)state;
    store_want_events(rig.store, true);
    expect_issued("a.x.example", 0, 1);
    expect_refused("b.x.example", 1, 2);
    expect_refused("b.x.example", 1, 2);
    expect_refused("d.x.example", 3, 1);
    rig_until_true(&rig, rig_count(&rig, "outbox WHERE kind = 'shared-prime'") == 1);
    assert_int_equal(rig_count(&rig, "outbox JOIN certificate ON certificate.job = json ->> 'job' WHERE kind = 'shared-prime' "
                                     "AND serial = json ->> 'serial' AND names = json ->> '$.names[0]' AND json ->> 'ca' = ca "
                                     "AND json ->> 'zone' = 'x.example' AND json ->> 'subject' = 'CN=a.x.example'"),
                     1);
    assert_int_equal(rig_count(&rig, "outbox WHERE kind = 'shared-prime' AND json LIKE '%b.x.example%'"), 0);
}

static void so_it_does_of_an_order_under_way(void **state)
{
    (void)state;
    store_want_events(rig.store, true);
    post_for("b.x.example", 0, 1, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    expect_refused("a.x.example", 1, 2);
    rig_until_true(&rig, rig_count(&rig, "outbox WHERE kind = 'shared-prime' AND json ->> 'serial' = ''") == 1);
    assert_int_equal(rig_count(&rig, "outbox JOIN job ON job.id = json ->> 'job' WHERE kind = 'shared-prime'"), 1);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
}

static void it_waits_for_a_store_that_is_read(void **state)
{
    (void)state;
    expect_issued("a.x.example", 0, 1);
    rig_down(&rig);
    rig_up(&rig, "");
    post_for("a.x.example", 1, 2, &two);
    post_for("a.x.example", 3, 4, &one);
    rig_until_true(&rig, one.came && two.came);
    assert_non_null(one.chain);
    assert_string_equal(two.reason, "rsa-shared-prime");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_that_shares_a_prime_with_a_certificates_is_refused),
        TEST(the_same_key_again_is_not),
        TEST(an_order_under_way_counts_as_well),
        TEST(of_two_at_once_one_is_refused),
        TEST(an_order_that_failed_does_not),
        TEST(certificates_of_an_earlier_run_count),
        TEST(so_do_orders_that_are_taken_up_again),
        TEST(what_the_store_has_no_more_does_not),
        TEST(it_waits_for_a_store_that_is_read),
        TEST(the_ledger_tells_once_whose_the_other_key_is),
        TEST(so_it_does_of_an_order_under_way),
    };

    return cmocka_run_group_tests(tests, make_primes, free_primes);
}
