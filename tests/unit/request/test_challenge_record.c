/* request/challenge_record.c: the rows of challenge values, in the order in which they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "fakes/rig.h"
#include "request/challenge_record.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void on_recorded(void *arg, struct value *value, const struct cs_error *err)
{
    (void)value;
    assert_null(err);
    *(bool *)arg = true;
}

static int write_nothing(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)c, (void)arg, (void)err;
    return 0;
}

static void on_written(void *arg, const struct cs_error *err)
{
    (void)err;
    *(bool *)arg = true;
}

/* The removal was refused once, and waits, when the same job sets the value anew. */
static void a_removal_that_is_tried_again_leaves_the_row_of_a_value_that_was_set_anew(void **state)
{
    bool recorded = false, refused = false;
    struct owners *owners = owners_new(rig.heart, NULL, NULL);
    struct challenge_records *records = challenge_records_new(rig.heart, on_recorded, &recorded);
    struct value *value;
    char *csr = rig_csr("a.x.example");
    struct rig_answer answer;

    (void)state;
    rig_zone(&rig, "x.example", 1);
    rig_subject(&rig, "CN=a.x.example", "x.example", "a.x.example", "ok");
    rig_post(&rig, csr, &answer);
    rig_until(&rig, &answer.came);
    rig_rest(&rig);
    value = owners_value(owners, instances_find(rig.instances, ROLE_DNS, "fake"), "x.example.", "_acme-challenge.a.x.example.",
                         answer.job, "a.x.example", "one", cs_wall_ms() + 3600 * 1000);
    assert_non_null(value);
    assert_int_equal(challenge_record_put(records, value), 0);
    rig_until(&rig, &recorded);
    rig_lock(&rig);
    challenge_record_remove(records, value);
    store_write(rig.store, write_nothing, NULL, on_written, &refused);
    rig_until(&rig, &refused);
    rig_unlock(&rig);
    recorded = false;
    assert_int_equal(challenge_record_put(records, value), 0);
    rig_until(&rig, &recorded);
    rig_hurry_until(&rig, 500, challenge_records_busy(records) == 0);
    assert_int_equal(rig_challenges(&rig), 1);
    challenge_records_free(records);
    owners_forget_value(value);
    owners_free(owners);
    rig_answer_free(&answer);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_removal_that_is_tried_again_leaves_the_row_of_a_value_that_was_set_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
