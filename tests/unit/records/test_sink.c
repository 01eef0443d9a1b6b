/* records/sink.c and outbox.c: which sinks the issuance ledger has, and that a hangup reaches them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>

#include "../../fakes/store_core.h"
#include "records/outbox.h"

struct instances {
    struct instance instances[2];
};

static struct instances all;
static atomic_int appended[2], reopened[2];
static struct store_core s;
static struct outbox *outbox;

struct instance *instances_at(struct instances *instances, enum role role, size_t index)
{
    assert_int_equal(role, ROLE_AUDIT);
    return index < 2 ? &instances->instances[index] : NULL;
}

int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err)
{
    (void)events, (void)err;
    appended[instance - all.instances] += (int)n;
    return 0;
}

void instance_audit_reopen(struct instance *instance)
{
    reopened[instance - all.instances]++;
}

/* The first is of the visits ledger when `visits`. */
static void open_outbox(bool visits)
{
    static const char *const names[] = { "people", "siem" }, *const who[] = { "audit.people", "audit.siem" };
    struct cs_error err = { 0 };

    for (size_t i = 0; i < 2; i++) {
        all.instances[i] = (struct instance){ .in = { .name = names[i], .role = "audit", .who = who[i], .loop = s.loop } };
        appended[i] = reopened[i] = 0;
    }
    all.instances[0].block.ledger = visits ? LEDGER_VISITS : LEDGER_ISSUANCE;
    outbox = outbox_open(s.loop, s.store, &all, 100, &err);
    assert_string_equal(err.text, "");
    assert_non_null(outbox);
}

static int set_up(void **state)
{
    (void)state;
    store_core_open(&s, 1000);
    store_core_start(&s, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    outbox_close(outbox);
    store_core_close(&s);
    return 0;
}

static void a_sink_of_the_other_ledger_gets_nothing_and_holds_up_nothing(void **state)
{
    (void)state;
    open_outbox(true);
    outbox_tell(outbox, "issued", "{}", 2);
    for (int i = 0; i < 1000 && (!appended[1] || store_file_number(&s.f, "SELECT count(*) FROM outbox")); i++)
        loop_run_once(s.loop, 10);
    assert_int_equal(appended[0], 0);
    assert_int_equal(appended[1], 1);
    assert_int_equal(store_file_number(&s.f, "SELECT count(*) FROM outbox"), 0);
}

static void a_hangup_reaches_every_sink_once(void **state)
{
    (void)state;
    open_outbox(false);
    outbox_reopen(outbox);
    for (int i = 0; i < 1000 && (!reopened[0] || !reopened[1]); i++)
        loop_run_once(s.loop, 10);
    assert_int_equal(reopened[0], 1);
    assert_int_equal(reopened[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sink_of_the_other_ledger_gets_nothing_and_holds_up_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hangup_reaches_every_sink_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
