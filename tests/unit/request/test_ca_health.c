/* request/ca_health.c, job_run.c: what takes a CA out and brings it back, and what does not; exchanges are put through the
 * guard of its instance by hand. An order that the CA never stands has the word wants:never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/breaker.h"

#define MOST   20
#define DAY_MS (24 * 3600 * 1000)

static struct rig rig;
static struct rig_answer answers[MOST];
static char *csrs[MOST];
static size_t n;

static int set_up(void **state)
{
    (void)state;
    n = 0;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 100);
    rig_zone(&rig, "y.example", 100);
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "wants:never+ok");
    rig_subject(&rig, "CN=b.y.example", "y.example", ".y.example", "ok");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < n; i++) {
        rig_answer_free(&answers[i]);
        free(csrs[i]);
    }
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static struct rig_answer *post(const char *cn)
{
    char san[64];

    assert_true(n < MOST);
    snprintf(san, sizeof san, "%s,DNS:h%zu.%s", cn, n, cn + 2);
    csrs[n] = rig_csr_for(cn, san);
    rig_submit(&rig, csrs[n], DAY_MS, false, false, &answers[n]);
    return &answers[n++];
}

static struct instance *ca(void)
{
    return instances_at(rig.instances, ROLE_CA, 0);
}

static struct ca_gate *gate(void)
{
    return ca_gates_find(rig.heart->gates, ca());
}

static void status_is_well(void *self, struct cs_op *op)
{
    (void)self;
    cs_op_ok(op);
}

static void with_status(void)
{
    ca()->plugin.ca.status = status_is_well;
}

/* Its mark. */
static uint64_t begin(void)
{
    const struct http_guard *guard = ca()->in.guard;
    struct cs_error err;
    uint64_t mark;

    assert_int_equal(guard->admit(guard->arg, &mark, &err), 0);
    return mark;
}

static bool is_refused(void)
{
    const struct http_guard *guard = ca()->in.guard;
    struct cs_error err = { 0 };
    uint64_t mark;
    const bool refused = guard->admit(guard->arg, &mark, &err) < 0;

    assert_true(!refused || strcmp(err.reason, CS_CA_OUT) == 0);
    return refused;
}

static void end(uint64_t mark, int status)
{
    const struct http_guard *guard = ca()->in.guard;

    guard->ended(guard->arg, mark, &(struct cs_http_reply){ .status = status }, NULL);
}

static void go_out(void)
{
    for (int i = 0; i < BREAKER_FAULTS; i++) {
        assert_false(ca_gate_is_out(gate()));
        end(begin(), 503);
    }
    assert_true(ca_gate_is_out(gate()));
}

static void to_the_next_probe(void)
{
    clock_move(rig.loop, ca_gate_closed_until_ms(gate()) - cs_now_ms());
}

/* ---- An order that the CA never stands ---- */

/* The CA answers its probes; one order of a.x.example waits. */
static struct rig_answer *post_the_sick_one(void)
{
    struct rig_answer *sick;

    with_status();
    for (int i = 1; i < BREAKER_FAULTS; i++)
        rig_until(&rig, &post("a.x.example")->came);
    sick = post("a.x.example");
    rig_until_true(&rig, ca_gate_is_out(gate()));
    return sick;
}

static void probe_in_vain(void)
{
    to_the_next_probe();
    rig_until_true(&rig, ca_gate_closed_until_ms(gate()) > cs_now_ms());
}

static void an_order_that_takes_the_ca_out_again_goes_behind_the_others(void **state)
{
    const struct rig_answer *sick = post_the_sick_one();

    (void)state;
    for (int i = 0; i < 3; i++)
        post("b.y.example");
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 4);
    probe_in_vain();
    assert_false(sick->came);
    to_the_next_probe();
    rig_until_true(&rig, rig_count(&rig, "certificate") == 3);
}

static void after_three_times_it_ends_as_the_ca_says(void **state)
{
    const struct rig_answer *sick = post_the_sick_one();

    (void)state;
    for (int i = 0; i < 3; i++) {
        probe_in_vain();
        rig_settle(&rig);
        assert_false(sick->came);
    }
    to_the_next_probe();
    rig_until(&rig, &sick->came);
    assert_int_equal(sick->code, CS_EUPSTREAM);
    assert_false(sick->running);
    assert_non_null(strstr(sick->text, "fake failure"));
}

static void what_was_held_back_last_ends_as_the_ca_failed_before(void **state)
{
    const struct cs_error why = { .code = CS_EBUSY, .reason = CS_CA_OUT, .text = "held back" };
    struct cs_error err;

    (void)state;
    go_out();
    ca_gate_own_error(gate(), &why, &err);
    assert_int_equal(err.code, CS_EUPSTREAM);
    assert_string_equal(err.reason, "ca-unavailable");
    assert_non_null(strstr(err.text, "it answered 503"));
}

static void one_whose_finalize_was_sent_is_never_given_up(void **state)
{
    const struct rig_answer *sick;

    (void)state;
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "save:finalize+wants:never+ok");
    sick = post_the_sick_one();
    for (int i = 0; i < 6; i++)
        probe_in_vain();
    rig_settle(&rig);
    assert_false(sick->came);
    rig_open_gate(&rig, "never");
    to_the_next_probe();
    rig_until(&rig, &sick->came);
    assert_non_null(sick->chain);
}

static void an_outage_alone_gives_no_order_up(void **state)
{
    struct rig_answer *first;

    (void)state;
    for (int i = 1; i < BREAKER_FAULTS; i++)
        rig_until(&rig, &post("a.x.example")->came);
    first = post("a.x.example"); /* it is the probe, each time */
    rig_until_true(&rig, ca_gate_is_out(gate()));
    for (int i = 0; i < 6; i++)
        probe_in_vain();
    rig_settle(&rig);
    assert_false(first->came);
}

/* ---- A limit ---- */

static void a_limit_of_its_own_ends_the_order_while_the_ca_is_out(void **state)
{
    const struct rig_answer *answer;
    uint64_t mark;

    (void)state;
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "gate:go+fail:5");
    answer = post("a.x.example");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    mark = begin();
    go_out();
    end(mark, 429);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &answer->came);
    assert_int_equal(answer->code, CS_ELIMIT);
}

/* ---- Exchanges of earlier ---- */

static void the_end_of_an_exchange_from_before_the_outage_is_no_fault_of_the_trial(void **state)
{
    const uint64_t mark = begin();

    (void)state;
    with_status();
    go_out();
    to_the_next_probe();
    rig_until_true(&rig, !ca_gate_is_out(gate()));
    end(mark, 503);
    assert_false(ca_gate_is_out(gate()));
    end(begin(), 503);
    assert_true(ca_gate_is_out(gate()));
}

static void while_half_open_one_exchange_is_let_through_whatever_ends_of_earlier(void **state)
{
    const uint64_t mark = begin();
    uint64_t one;

    (void)state;
    go_out();
    assert_true(is_refused());
    to_the_next_probe();
    rig_until_true(&rig, ca_gate_closed_until_ms(gate()) == 0);
    one = begin();
    end(mark, 200);
    assert_true(is_refused());
    end(one, 200);
    assert_false(is_refused());
}

/* ---- A CA whose probe is an order ---- */

static void without_a_queue_a_newcomer_is_the_probe(void **state)
{
    struct rig_answer *answer;

    (void)state;
    rig.setup.settings.outage_queue = 0;
    go_out();
    answer = post("b.y.example");
    rig_until(&rig, &answer->came);
    assert_string_equal(answer->reason, CS_CA_OUT);
    to_the_next_probe();
    rig_until_true(&rig, ca_gate_closed_until_ms(gate()) == 0);
    answer = post("b.y.example");
    rig_until(&rig, &answer->came);
    assert_non_null(answer->chain);
    assert_false(ca_gate_is_out(gate()));
}

static void pass(void *arg)
{
    ++*(int *)arg;
}

static void a_probe_that_said_nothing_makes_room_for_the_next_and_one_in_the_way_is_waited_for(void **state)
{
    struct ca_place first = { 0 }, second = { 0 };
    int passed = 0;

    (void)state;
    go_out();
    ca_gate_join(gate(), &first, 1, pass, &passed);
    ca_gate_join(gate(), &second, 2, pass, &passed);
    to_the_next_probe();
    rig_until_true(&rig, passed == 1);
    ca_gate_order(&first, 0, false, &(struct cs_error){ .code = CS_EBUSY }); /* it goes on later, and does not leave */
    rig_until_true(&rig, passed == 2);
    assert_true(second.passed);
    ca_gate_order(&second, 0, false, &(struct cs_error){ .code = CS_EBUSY, .reason = CS_CA_OUT });
    ca_gate_join(gate(), &second, 2, pass, &passed);
    rig_settle(&rig);
    assert_int_equal(passed, 2); /* not again and again */
    assert_in_range(ca_gate_closed_until_ms(gate()) - cs_now_ms(), 1, 1000);
    to_the_next_probe();
    rig_until_true(&rig, passed == 3);
    ca_gate_leave(&first);
    ca_gate_leave(&second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_order_that_takes_the_ca_out_again_goes_behind_the_others),
        TEST(after_three_times_it_ends_as_the_ca_says),
        TEST(what_was_held_back_last_ends_as_the_ca_failed_before),
        TEST(one_whose_finalize_was_sent_is_never_given_up),
        TEST(an_outage_alone_gives_no_order_up),
        TEST(a_limit_of_its_own_ends_the_order_while_the_ca_is_out),
        TEST(the_end_of_an_exchange_from_before_the_outage_is_no_fault_of_the_trial),
        TEST(while_half_open_one_exchange_is_let_through_whatever_ends_of_earlier),
        TEST(without_a_queue_a_newcomer_is_the_probe),
        TEST(a_probe_that_said_nothing_makes_room_for_the_next_and_one_in_the_way_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
