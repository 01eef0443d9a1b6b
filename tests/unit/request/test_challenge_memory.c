/* request/publication.c: a CA plugin puts a challenge, and there is no memory for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "engine/op.h"
#include "order_scene.h"
#include "request/challenge_record.h"

/* Stand in for want of memory. */
struct op_ticket *__real_op_ticket_new(struct cs_op *op);
struct op_ticket *__wrap_op_ticket_new(struct cs_op *op);
int __real_challenge_record_put(struct challenge_records *records, struct value *value);
int __wrap_challenge_record_put(struct challenge_records *records, struct value *value);
static bool no_ticket, no_record;

struct op_ticket *__wrap_op_ticket_new(struct cs_op *op)
{
    return no_ticket ? NULL : __real_op_ticket_new(op);
}

int __wrap_challenge_record_put(struct challenge_records *records, struct value *value)
{
    return no_record ? -1 : __real_challenge_record_put(records, value);
}

/* fake-ca aborts when it hears of it within its call. */
static void without_memory_the_plugin_hears_of_it_later_or_is_cancelled(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("put+ok");
    for (int i = 0; i < 2; i++) {
        no_ticket = i == 0;
        no_record = i == 1;
        one.came = false;
        rig_post(&rig, csr, &one);
        rig_until(&rig, &one.came);
        assert_int_equal(one.code, CS_EBUSY);
        rig_answer_free(&one);
    }
    no_ticket = no_record = false;
    rig_post(&rig, csr, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(two.code, CS_OK);
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_memory_the_plugin_hears_of_it_later_or_is_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
