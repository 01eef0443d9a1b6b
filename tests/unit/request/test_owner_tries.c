/* request/owner.c: calls that fail are tried again, at a pace of their own for who waits and for what is to be taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "owner_scene.h"

static void a_set_that_keeps_failing_is_told(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 5;");
    value = want("job", "v1");
    rig_hurry_until(&rig, 20 * 1000, told.failed);
    assert_int_equal(rig_dns_calls(&rig), 5);
    assert_int_equal(told.failed, 1);
    assert_non_null(strstr(told.last_error, "fake DNS failure 5"));
    drop(value);
}

/* So many calls have failed, and the timers of the last one are set. */
static void until_failed(size_t n)
{
    rig_until_true(&rig, rig_dns_calls(&rig) == n);
    rig_settle(&rig);
}

/* The first order fails with the fifth call, the withdrawal of its value with eight more; its next try is two minutes away. */
static struct value *leave_one_behind(void)
{
    struct value *left = want("job1", "v1");

    for (size_t i = 1; i < 5; i++) {
        until_failed(i);
        clock_move(rig.loop, (int64_t)1000 << (i - 1));
    }
    until_failed(5);
    assert_int_equal(told.failed, 1);
    drop(left);
    for (size_t i = 6; i < 13; i++) {
        until_failed(i);
        clock_move(rig.loop, (int64_t)1000 << (i - 6));
    }
    until_failed(13);
    return left;
}

/* The DNS server is back before its tries are over. */
static void who_begins_to_wait_is_not_kept_waiting_by_what_was_left_behind(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 17;");
    leave_one_behind();
    value = want("job2", "v2");
    owner_await(value);
    for (size_t i = 14; i < 18; i++) {
        until_failed(i);
        clock_move(rig.loop, (int64_t)1000 << (i - 14));
    }
    rig_until_true(&rig, told.served == 1 && told.gone == 1);
    assert_int_equal(rig_dns_calls(&rig), 18);
    assert_int_equal(told.failed, 1);
    assert_served("v2\n");
    drop(value);
}

static void a_withdrawal_keeps_its_pace_whoever_begins_to_wait(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 20;");
    leave_one_behind();
    value = want("job2", "v2");
    owner_await(value);
    for (size_t i = 14; i < 18; i++) {
        until_failed(i);
        clock_move(rig.loop, (int64_t)1000 << (i - 14));
    }
    until_failed(18);
    assert_int_equal(told.failed, 2);
    drop(value);
    until_failed(19);
    clock_move(rig.loop, 100 * 1000); /* after 128 s, and once more that, it is 256 s */
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 19);
    clock_move(rig.loop, 160 * 1000);
    until_failed(20);
}

static void a_value_that_is_put_again_has_all_its_tries(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 9;");
    value = want("job1", "v1");
    rig_hurry_until(&rig, 20 * 1000, told.failed);
    assert_int_equal(rig_dns_calls(&rig), 5);
    owner_await(want("job1", "v1"));
    rig_hurry_until(&rig, 20 * 1000, told.served);
    assert_int_equal(told.failed, 1);
    assert_int_equal(rig_dns_calls(&rig), 10);
    drop(value);
}

/* It is tried some more times, and then named for somebody to remove it: nobody is asked for ever who was taken out. */
static void a_back_end_that_left_is_not_asked_for_ever(void **state)
{
    const struct instance *dns;

    (void)state;
    anew("failures = 100;");
    dns = instances_find(rig.instances, ROLE_DNS, "fake");
    leave_one_behind();
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 13);
    has_left = true;
    owners_move(owners, rig.instances);
    for (size_t i = 14; i < 18; i++) {
        until_failed(i);
        assert_true(owners_use(owners, dns));
        clock_move(rig.loop, (int64_t)1000 << (i - 14));
    }
    until_failed(18);
    assert_false(owners_use(owners, dns));
    assert_int_equal(told.gone, 0); /* its row stays in the store */
}

static void a_back_end_that_left_takes_its_values_away_when_it_can(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 3;");
    value = want("job1", "v1");
    has_left = true;
    owners_move(owners, rig.instances);
    rig_hurry_until(&rig, 1000, told.served);
    assert_served("v1\n");
    drop(value);
    rig_until_true(&rig, told.gone == 1);
    assert_served(NULL);
}

static void a_value_goes_however_long_its_back_end_was_away(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 60;");
    value = want_as("fake", "job", "v1", 60 * 60 * 1000);
    drop(value);
    for (int i = 0; i < 40; i++) {
        clock_move(rig.loop, 5 * 60 * 1000);
        rig_settle(&rig);
    }
    assert_true(rig_dns_calls(&rig) > 20);
    assert_int_equal(told.gone, 0);
    rig_hurry_until(&rig, 5 * 60 * 1000, told.gone);
    assert_int_equal(rig_dns_calls(&rig), 61);
}

static void a_value_that_cannot_be_taken_away_is_left_to_a_back_end_that_forgets_it(void **state)
{
    struct value *value;

    (void)state;
    anew("failures = 1000;");
    instances_find(rig.instances, ROLE_DNS, "fake")->plugin.dns.forgets = true;
    value = want_as("fake", "job", "v1", 60 * 60 * 1000);
    drop(value);
    for (int i = 0; i < 30; i++) {
        clock_move(rig.loop, 60 * 1000);
        rig_settle(&rig);
    }
    assert_true(rig_dns_calls(&rig) > 5);
    assert_int_equal(told.gone, 0);
    rig_hurry_until(&rig, 60 * 1000, told.gone);
    assert_int_equal(told.gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_set_that_keeps_failing_is_told),
        TEST(who_begins_to_wait_is_not_kept_waiting_by_what_was_left_behind),
        TEST(a_withdrawal_keeps_its_pace_whoever_begins_to_wait),
        TEST(a_value_that_is_put_again_has_all_its_tries),
        TEST(a_back_end_that_left_is_not_asked_for_ever),
        TEST(a_back_end_that_left_takes_its_values_away_when_it_can),
        TEST(a_value_goes_however_long_its_back_end_was_away),
        TEST(a_value_that_cannot_be_taken_away_is_left_to_a_back_end_that_forgets_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
