/* request/owner.c: one call at a time for each owner name, what piled up merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "owner_scene.h"

static void values_of_several_jobs_are_one_set(void **state)
{
    struct value *one, *two;

    (void)state;
    one = want("job1", "v1");
    two = want("job2", "v2");
    rig_until_true(&rig, rig_serves(&rig, OWNER, "v2\nv1\n"));
    drop(one);
    rig_until_true(&rig, told.gone == 1);
    assert_served("v2\n");
    drop(two);
    rig_until_true(&rig, told.gone == 2);
    assert_served(NULL);
}

static void a_value_that_two_jobs_have_goes_with_the_last_of_them(void **state)
{
    struct value *one, *two;

    (void)state;
    one = want("job1", "same");
    two = want("job2", "same");
    assert_ptr_not_equal(one, two);
    rig_until_true(&rig, told.served >= 2 && owners_busy(owners) == 0);
    assert_served("same\n");
    drop(one);
    rig_until_true(&rig, told.gone == 1);
    assert_served("same\n");
    drop(two);
    rig_until_true(&rig, told.gone == 2);
    assert_served(NULL);
}

static void the_same_value_of_the_same_job_is_there_once(void **state)
{
    struct value *value = want("job1", "v1");

    (void)state;
    assert_ptr_equal(want("job1", "v1"), value);
    rig_until_true(&rig, told.served >= 1 && owners_busy(owners) == 0);
    assert_served("v1\n");
    drop(value);
}

static void what_piled_up_during_a_call_is_one_call(void **state)
{
    struct value *values[20];
    char text[8];

    (void)state;
    anew("delay = \"25s\";"); /* of the clock that the test moves */
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "v%d", i);
        values[i] = want("job", text);
    }
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 1);
    clock_move(rig.loop, 25 * 1000);
    rig_until_true(&rig, rig_dns_calls(&rig) == 2);
    assert_int_equal(told.served, 1);
    clock_move(rig.loop, 25 * 1000);
    rig_until_true(&rig, told.served == 21); /* the first one a second time */
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 2);
    assert_int_equal(told.served, 21);
    for (int i = 0; i < 20; i++)
        drop(values[i]);
    rig_until_true(&rig, rig_dns_calls(&rig) == 3);
}

static void a_call_that_timed_out_is_not_joined_by_another(void **state)
{
    struct value *value;

    (void)state;
    anew("delay = \"1000s\";"); /* fake-dns aborts when it is called while it is busy */
    value = want("job", "v1");
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    for (int i = 0; i < 12; i++) {
        clock_move(rig.loop, 10 * 1000);
        rig_settle(&rig);
    }
    assert_int_equal(rig_dns_calls(&rig), 1);
    drop(value);
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 1);
    clock_move(rig.loop, 880 * 1000);
    rig_until_true(&rig, rig_dns_calls(&rig) == 2);
    clock_move(rig.loop, 1000 * 1000);
    rig_until_true(&rig, told.gone == 1);
}

static void instances_do_not_mix(void **state)
{
    struct value *here = want_as("fake", "job", "v1", 1000), *there = want_as("other", "job", "v2", 1000);
    char *served;

    (void)state;
    rig_until_true(&rig, told.served == 2);
    assert_served("v1\n");
    served = rig_served_other(&rig, OWNER);
    assert_string_equal(served, "v2\n");
    free(served);
    drop(here);
    drop(there);
}

static void the_heir_of_an_instance_is_told_all_values(void **state)
{
    struct value *one = want_as("fake", "job", "v1", 1000), *two = want_as("fake", "other", "v2", 1000);
    char *served;

    (void)state;
    rig_until_true(&rig, told.served >= 3);
    heir = instances_find(rig.instances, ROLE_DNS, "other");
    assert_true(owners_use(owners, instances_find(rig.instances, ROLE_DNS, "fake")));
    owners_move(owners, rig.instances);
    assert_false(owners_use(owners, instances_find(rig.instances, ROLE_DNS, "fake")));
    assert_false(owners_were_told(owners, heir));
    rig_until_true(&rig, owners_were_told(owners, heir));
    served = rig_served_other(&rig, OWNER);
    assert_non_null(strstr(served, "v1"));
    assert_non_null(strstr(served, "v2"));
    free(served);
    assert_served("v2\nv1\n"); /* nobody takes them away where they were */
    drop(one);
    drop(two);
    rig_until_true(&rig, told.gone == 2);
    assert_null(rig_served_other(&rig, OWNER));
}

static int seen;

static void count_and_drop(struct value *value)
{
    seen++;
    assert_string_equal(value->job, "job1");
    drop(value);
}

static void a_job_finds_its_own_values_and_no_others(void **state)
{
    struct value *foreign;

    (void)state;
    want("job1", "v1");
    want("job1", "v2");
    want_as("other", "job1", "v3", 1000);
    foreign = want("job2", "v4");
    rig_until_true(&rig, told.served >= 4 && owners_busy(owners) == 0);
    seen = 0;
    owners_each_of_job(owners, "job1", count_and_drop);
    assert_int_equal(seen, 3);
    owners_each_of_job(owners, "job3", count_and_drop);
    assert_int_equal(seen, 3);
    rig_until_true(&rig, told.gone == 3);
    assert_served("v4\n");
    owners_each_of_job(owners, "job1", count_and_drop);
    assert_int_equal(seen, 3);
    drop(foreign);
}

/* x.example and a.x.example are both in the table, and each has this name: its own record, or one above the cut. */
static struct value *want_in(const char *zone, const char *job, const char *text)
{
    struct value *value = owners_value(owners, instances_find(rig.instances, ROLE_DNS, "fake"), zone, OWNER, job,
                                       "a.x.example", text, cs_wall_ms() + 3600 * 1000);

    value->state = VALUE_WANTED;
    owner_push(value->owner);
    return value;
}

static void each_zone_has_its_own_set_at_a_name(void **state)
{
    struct value *above = want_in("x.example.", "job1", "v1"), *below = want_in("a.x.example.", "job2", "v2");

    (void)state;
    assert_ptr_not_equal(above->owner, below->owner);
    assert_string_equal(owner_zone(above->owner), "x.example.");
    assert_string_equal(owner_zone(below->owner), "a.x.example.");
    rig_until_true(&rig, told.served == 2);
    assert_served("v2\n"); /* the second call was about its own zone's value only */
    drop(above);
    drop(below);
}

static void a_name_is_called_for_one_zone_after_the_other(void **state)
{
    struct value *above, *below;

    (void)state;
    anew("delay = \"25s\";"); /* fake-dns aborts when it is called while it is busy */
    above = want_in("x.example.", "job1", "v1");
    below = want_in("a.x.example.", "job2", "v2");
    rig_until_true(&rig, rig_dns_calls(&rig) == 1);
    drop(above);
    rig_settle(&rig);
    assert_int_equal(rig_dns_calls(&rig), 1);
    clock_move(rig.loop, 25 * 1000);
    rig_until_true(&rig, rig_dns_calls(&rig) == 2);
    assert_served("v2\n"); /* the other zone's turn comes before a second call for the first one */
    clock_move(rig.loop, 25 * 1000);
    rig_until_true(&rig, rig_dns_calls(&rig) == 3);
    clock_move(rig.loop, 25 * 1000);
    rig_until_true(&rig, told.gone == 1 && told.served == 1);
    drop(below);
    rig_until_true(&rig, rig_dns_calls(&rig) == 4);
}

static void a_zone_takes_nothing_away_that_another_one_wants(void **state)
{
    struct value *above = want_in("x.example.", "job1", "same"), *below = want_in("a.x.example.", "job2", "same");

    (void)state;
    rig_until_true(&rig, told.served == 2);
    drop(above);
    rig_settle(&rig);
    assert_served("same\n");
    assert_int_equal(told.gone, 0); /* it is on the books of both, as a back end may have two zones there */
    assert_int_equal(rig_dns_calls(&rig), 2);
    drop(below);
    rig_until_true(&rig, told.gone == 2);
    assert_served(NULL);
    assert_int_equal(rig_dns_calls(&rig), 4);
}

static void a_value_is_held_while_others_of_its_zone_go(void **state)
{
    struct value *above = want_in("x.example.", "job1", "same"), *gone = want_in("x.example.", "job1", "v1");
    struct value *below = want_in("a.x.example.", "job2", "same");

    (void)state;
    rig_until_true(&rig, told.served >= 3 && rig_dns_calls(&rig) == 3);
    drop(above);
    drop(gone);
    rig_until_true(&rig, told.gone == 1);
    rig_settle(&rig);
    assert_int_equal(told.gone, 1);
    drop(below);
    rig_until_true(&rig, told.gone == 3);
}

/* In seconds, for those of the last call. */
static long long last_life(void)
{
    char *text = rig_served(&rig, "life"), *end;
    const long long life = strtoll(text, &end, 10);

    assert_true(end > text && *end == '\0');
    free(text);
    return life;
}

/* It was written down two hours ago, as a start finds it; or it is put anew by an order that waited that long for its CA. */
static void what_is_wanted_is_never_sent_as_expired(void **state)
{
    struct value *value = want_as("fake", "job", "v1", -2 * 3600 * 1000);

    (void)state;
    rig_until_true(&rig, told.served == 1);
    assert_in_range(last_life(), 3590, 3600);
    clock_move(rig.loop, 2 * 3600 * 1000);
    rig_settle(&rig);
    assert_ptr_equal(want_as("fake", "job", "v1", 1000), value);
    rig_until_true(&rig, told.served == 2);
    assert_in_range(last_life(), 3590, 3600);
    want_as("fake", "job", "v1", 3 * 3600 * 1000);
    rig_until_true(&rig, told.served == 3);
    assert_in_range(last_life(), 3 * 3600 - 10, 3 * 3600);
    drop(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_several_jobs_are_one_set),
        TEST(a_value_that_two_jobs_have_goes_with_the_last_of_them),
        TEST(the_same_value_of_the_same_job_is_there_once),
        TEST(what_piled_up_during_a_call_is_one_call),
        TEST(a_call_that_timed_out_is_not_joined_by_another),
        TEST(instances_do_not_mix),
        TEST(the_heir_of_an_instance_is_told_all_values),
        TEST(each_zone_has_its_own_set_at_a_name),
        TEST(a_name_is_called_for_one_zone_after_the_other),
        TEST(a_zone_takes_nothing_away_that_another_one_wants),
        TEST(a_value_is_held_while_others_of_its_zone_go),
        TEST(a_job_finds_its_own_values_and_no_others),
        TEST(what_is_wanted_is_never_sent_as_expired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
