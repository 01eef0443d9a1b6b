/* engine/op_finish.c: what a plugin passes when it finishes is copied whole. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pending.h"

static void a_chain_is_copied_deeply(void **state)
{
    char pem[] = "-----BEGIN", url[] = "https://ca/1", profile[] = "short";
    char first[] = "https://ca/1/1", second[] = "https://ca/1/2";
    const char *alternates[] = { first, second };
    struct cs_chain chain = { sizeof chain, pem, 10, url, alternates, 2, profile };
    struct pending p;

    pending_new(&p, *state, 1000);
    cs_op_ok_chain(p.op, &chain);
    memset(pem, 'x', 10);
    memset(url, 'x', 12);
    memset(profile, 'x', 5);
    memset(first, 'x', 14);
    memset(second, 'x', 14);
    memset(&chain, 'x', sizeof chain);
    alternates[0] = alternates[1] = NULL;
    loop_run_once(*state, 0);
    assert_int_equal(p.outcome[0].code, CS_OK);
    assert_string_equal(p.outcome[0].pem, "-----BEGIN");
    assert_string_equal(p.outcome[0].url, "https://ca/1");
    assert_string_equal(p.outcome[0].profile, "short");
    assert_int_equal(p.outcome[0].n_alternates, 2);
    assert_string_equal(p.outcome[0].alternate, "https://ca/1/2");
}

static void a_chain_of_an_older_plugin_is_read_no_further_than_it_goes(void **state)
{
    struct cs_chain chain;
    struct pending p;

    memset(&chain, 0xff, sizeof chain); /* what lies behind the old struct must not be looked at */
    chain.size = offsetof(struct cs_chain, url);
    chain.pem = "abc";
    chain.len = 3;
    pending_new(&p, *state, 1000);
    cs_op_ok_chain(p.op, &chain);
    loop_run_once(*state, 0);
    assert_string_equal(p.outcome[0].pem, "abc");
    assert_string_equal(p.outcome[0].url, "");
    assert_string_equal(p.outcome[0].profile, "");
    assert_int_equal(p.outcome[0].n_alternates, 0);
}

static void a_chain_that_cannot_be_one_is_an_error(void **state)
{
    const struct cs_chain bad[] = {
        { .size = sizeof(struct cs_chain), .pem = NULL, .len = 0 },
        { .size = sizeof(struct cs_chain), .pem = "", .len = 0 },
        { .size = sizeof(struct cs_chain), .pem = "a\0b", .len = 3 },
        { .size = sizeof(struct cs_chain), .pem = "abc", .len = 3, .n_alternates = 1 },
        { .size = sizeof(struct cs_chain), .pem = "abc", .len = 3, .n_alternates = SIZE_MAX },
        { .size = sizeof(struct cs_chain), .pem = "abc", .len = SIZE_MAX },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pending p;

        pending_new(&p, *state, 1000);
        cs_op_ok_chain(p.op, &bad[i]);
        loop_run_once(*state, 0);
        assert_int_equal(p.outcome[0].code, CS_EINTERNAL);
        assert_false(p.outcome[0].had_chain);
        assert_string_equal(p.outcome[0].error, "ca.test: the plugin's chain is empty, too long, or not text");
    }
}

static void data_is_copied_with_its_length(void **state)
{
    char data[] = "ab\0cd";
    struct pending p;

    pending_new(&p, *state, 1000);
    cs_op_ok_data(p.op, data, 5);
    memset(data, 'x', sizeof data);
    loop_run_once(*state, 0);
    assert_int_equal(p.outcome[0].len, 5);
    assert_string_equal(p.outcome[0].data, "ab");
}

static void no_data_is_data_of_length_0(void **state)
{
    struct pending p;

    pending_new(&p, *state, 1000);
    cs_op_ok_data(p.op, NULL, 0);
    loop_run_once(*state, 0);
    assert_int_equal(p.outcome[0].code, CS_OK);
    assert_true(p.outcome[0].had_data);
    assert_int_equal(p.outcome[0].len, 0);
}

static void an_error_is_copied(void **state)
{
    struct cs_error err = { 0 };
    struct pending p;

    cs_fail_as(&err, CS_ELIMIT, "too-many-orders", "the CA allows no more orders");
    pending_new(&p, *state, 1000);
    cs_op_err(p.op, &err);
    memset(&err, 'x', sizeof err);
    loop_run_once(*state, 0);
    assert_int_equal(p.outcome[0].code, CS_ELIMIT);
    assert_string_equal(p.outcome[0].reason, "too-many-orders");
    assert_string_equal(p.outcome[0].error, "the CA allows no more orders");
    assert_false(p.outcome[0].had_chain);
}

static void an_error_that_says_nothing_becomes_one(void **state)
{
    struct cs_error odd = { .code = (enum cs_code)99 }, none = { .code = CS_OK }, unended = { .code = CS_EINPUT };
    const struct cs_error *errors[] = { NULL, &odd, &none, &unended };

    memset(unended.text, 'x', sizeof unended.text);
    memset(unended.reason, 'x', sizeof unended.reason);
    for (size_t i = 0; i < 4; i++) {
        struct pending p;

        pending_new(&p, *state, 1000);
        cs_op_err(p.op, errors[i]);
        loop_run_once(*state, 0);
        assert_int_equal(p.outcome[0].code, i < 3 ? CS_EINTERNAL : CS_EINPUT);
        if (i < 3)
            assert_string_equal(p.outcome[0].error, "ca.test: the plugin failed without saying why");
        else
            assert_int_equal(strlen(p.outcome[0].error), 511);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_is_copied_deeply, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_chain_of_an_older_plugin_is_read_no_further_than_it_goes, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(a_chain_that_cannot_be_one_is_an_error, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(data_is_copied_with_its_length, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(no_data_is_data_of_length_0, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(an_error_is_copied, loop_begin, loop_end),
        cmocka_unit_test_setup_teardown(an_error_that_says_nothing_becomes_one, loop_begin, loop_end),
    };

    return cmocka_run_group_tests_name("op_finish", tests, NULL, NULL);
}
