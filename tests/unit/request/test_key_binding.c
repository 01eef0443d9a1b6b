/* request/key_binding.c: in a zone that binds keys, a key is for one set of names; elsewhere it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/rig.h"

static struct rig rig;
static struct rig_answer one, two;
static EVP_PKEY *key;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 100);
    rig_zone(&rig, "y.example", 100);
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "ok");
    rig_subject(&rig, "CN=b.x.example", "x.example", ".x.example", "ok");
    rig_subject(&rig, "CN=slow.x.example", "x.example", ".x.example", "gate:go+ok");
    rig_subject(&rig, "CN=failing.x.example", "x.example", ".x.example", "fail:10");
    rig_subject(&rig, "CN=a.y.example", "y.example", "a.y.example", "ok");
    rig_sql(&rig, "UPDATE zone SET bind_keys = 1 WHERE zone = 'x.example'");
    key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    rig_answer_free(&one);
    rig_answer_free(&two);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void post(const char *cn, const char *san, struct rig_answer *answer)
{
    char *csr = rig_csr_of(key, cn, san);

    rig_answer_free(answer);
    rig_post(&rig, csr, answer);
    free(csr);
}

static void expect_issued(const char *cn, const char *san)
{
    post(cn, san, &one);
    rig_until(&rig, &one.came);
    if (!one.chain)
        fail_msg("%s %s", one.reason, one.text);
}

static void expect_refused(const char *cn, const char *san)
{
    const size_t orders = rig_count(&rig, "job"), counted = rig_count(&rig, "counted_order");

    post(cn, san, &two);
    rig_until(&rig, &two.came);
    assert_null(two.chain);
    assert_int_equal(two.code, CS_EDENIED);
    assert_string_equal(two.reason, "key-bound");
    assert_int_equal(rig_count(&rig, "job"), orders);
    assert_int_equal(rig_count(&rig, "counted_order"), counted);
}

/* ---- */

static void a_key_with_a_certificate_gets_none_for_other_names(void **state)
{
    (void)state;
    expect_issued("a.x.example", "a.x.example");
    expect_refused("b.x.example", "b.x.example");
    expect_refused("a.x.example", "a.x.example,DNS:b.x.example");
    rig_down(&rig);
    rig_up(&rig, "");
    expect_refused("b.x.example", "b.x.example");
}

static void the_same_names_are_its_own_whatever_the_subject(void **state)
{
    (void)state;
    rig_sql(&rig, "UPDATE subject SET no_cache = 'always'");
    expect_issued("a.x.example", "a.x.example,DNS:b.x.example");
    expect_issued("b.x.example", "b.x.example,DNS:a.x.example");
    assert_int_equal(rig_count(&rig, "certificate"), 1);
    rig_sql(&rig, "UPDATE certificate SET not_before_ms = 0"); /* a third of its life is left no more */
    expect_issued("b.x.example", "b.x.example,DNS:a.x.example");
    assert_int_equal(rig_count(&rig, "certificate"), 2);
}

static void an_order_under_way_binds_as_well(void **state)
{
    (void)state;
    post("slow.x.example", "slow.x.example", &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    expect_refused("b.x.example", "b.x.example");
    rig_down(&rig);
    rig_up(&rig, "");
    expect_refused("b.x.example", "b.x.example");
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    expect_refused("b.x.example", "b.x.example");
}

static void of_two_at_once_one_goes_on(void **state)
{
    (void)state;
    post("a.x.example", "a.x.example", &one);
    post("b.x.example", "b.x.example", &two);
    rig_until_true(&rig, one.came && two.came);
    assert_true(!one.chain != !two.chain);
    assert_string_equal(one.chain ? two.reason : one.reason, "key-bound");
    assert_int_equal(rig_count(&rig, "certificate"), 1);
}

static void what_failed_or_has_ended_binds_nothing(void **state)
{
    (void)state;
    post("failing.x.example", "failing.x.example", &one);
    rig_until(&rig, &one.came);
    assert_null(one.chain);
    rig_rest(&rig);
    expect_issued("a.x.example", "a.x.example");
    rig_sql(&rig, "UPDATE certificate SET not_after_ms = not_before_ms");
    expect_issued("b.x.example", "b.x.example");
}

static void other_zones_take_the_key_and_count_where_it_is_bound(void **state)
{
    (void)state;
    expect_issued("a.x.example", "a.x.example");
    expect_issued("a.y.example", "a.y.example");
    expect_refused("b.x.example", "b.x.example");
    rig_sql(&rig, "DELETE FROM certificate WHERE zone = 'x.example'");
    expect_refused("b.x.example", "b.x.example");
    rig_sql(&rig, "UPDATE zone SET bind_keys = 0");
    expect_issued("b.x.example", "b.x.example");
}

static void another_key_is_free(void **state)
{
    (void)state;
    expect_issued("a.x.example", "a.x.example");
    EVP_PKEY_free(key);
    key = EVP_EC_gen("P-256");
    expect_issued("b.x.example", "b.x.example");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_with_a_certificate_gets_none_for_other_names),
        TEST(the_same_names_are_its_own_whatever_the_subject),
        TEST(an_order_under_way_binds_as_well),
        TEST(of_two_at_once_one_goes_on),
        TEST(what_failed_or_has_ended_binds_nothing),
        TEST(other_zones_take_the_key_and_count_where_it_is_bound),
        TEST(another_key_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
