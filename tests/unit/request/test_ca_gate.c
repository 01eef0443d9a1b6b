/* request/ca_gate.c, ca_health.c, job_line.c: orders before a CA that is out, whose probe is an order. The CA works while the
 * file of the word wants:ca is there. */
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

#define SUBJECT "CN=a.x.example"
#define MOST    20
#define HOUR_MS (3600 * 1000)

static struct rig rig;
static struct rig_answer answers[MOST];
static char *csrs[MOST];
static size_t n;

static int set_up(void **state)
{
    (void)state;
    n = 0;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    rig_zone(&rig, "y.example", 1);
    rig_subject(&rig, SUBJECT, "x.example", ".x.example", "wants:ca+ok");
    rig_subject(&rig, "CN=b.y.example", "y.example", ".y.example", "wants:ca+ok");
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

/* The next one, for a name of its own. */
static struct rig_answer *post(const char *cn, int64_t wait_ms, bool detach)
{
    char san[64];

    assert_true(n < MOST);
    snprintf(san, sizeof san, "%s,DNS:h%zu.%s", cn, n, cn + 2);
    csrs[n] = rig_csr_for(cn, san);
    rig_submit(&rig, csrs[n], wait_ms, detach, false, &answers[n]);
    return &answers[n++];
}

static struct rig_answer *post_async(void)
{
    struct rig_answer *answer = post(n % 2 ? "b.y.example" : "a.x.example", HOUR_MS, true);

    rig_until(&rig, &answer->came);
    return answer;
}

static struct ca_gate *gate(void)
{
    return ca_gates_find(rig.heart->gates, instances_at(rig.instances, ROLE_CA, 0));
}

/* The fifth fault in a row; the last order waits for the CA. */
static void go_out(void)
{
    for (int i = 0; i < BREAKER_FAULTS - 1; i++) {
        struct rig_answer *answer = post("a.x.example", 24 * HOUR_MS, false);

        rig_until(&rig, &answer->came);
        assert_int_equal(answer->code, CS_EUPSTREAM);
    }
    post_async();
    rig_until_true(&rig, ca_gate_is_out(gate()));
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 1);
    rig_assert_calls(&rig, n);
}

static void to_the_next_probe(void)
{
    clock_move(rig.loop, ca_gate_closed_until_ms(gate()) - cs_now_ms());
}

static void five_orders_that_fail_take_the_ca_out_and_the_fifth_is_not_lost(void **state)
{
    (void)state;
    go_out();
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 1);
    assert_false(ca_gate_is_out(gate()));
}

static void a_probe_that_fails_asks_once_and_loses_nothing(void **state)
{
    (void)state;
    go_out();
    for (int i = 0; i < 5; i++)
        post_async();
    rig_settle(&rig);
    rig_assert_calls(&rig, BREAKER_FAULTS);
    for (size_t probe = 1; probe <= 4; probe++) {
        to_the_next_probe();
        rig_until_true(&rig, ca_gate_closed_until_ms(gate()) > cs_now_ms());
        rig_assert_calls(&rig, BREAKER_FAULTS + probe);
        assert_int_equal(rig_in_phase(&rig, JOB_QUEUED), 6);
    }
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 6);
}

/* The last `many` orders were begun in the order of their posts. */
static void assert_in_order(size_t many)
{
    char *calls = rig_calls(&rig), *at = calls;

    for (size_t i = n - many; i < n; i++) {
        char *found = strstr(at, answers[i].job);

        assert_non_null(found);
        while (strstr(found + 1, answers[i].job)) /* the last time: it may have been a probe before */
            found = strstr(found + 1, answers[i].job);
        assert_true(i == n - many || found > at);
        at = found;
    }
    free(calls);
}

static void those_that_wait_are_let_go_in_their_order_over_zones_and_after_a_restart(void **state)
{
    (void)state;
    go_out();
    for (int i = 0; i < 9; i++) {
        clock_move(rig.loop, 2); /* each has a millisecond of its own */
        post_async();
    }
    rig_down(&rig);
    rig_open_gate(&rig, "ca");
    rig_up(&rig, "");
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 10);
    assert_in_order(10);
}

static void after_a_restart_a_ca_that_is_still_out_is_noticed_anew(void **state)
{
    (void)state;
    go_out();
    for (int i = 0; i < 6; i++)
        post_async();
    rig_down(&rig);
    rig_up(&rig, "");
    rig_hurry_until(&rig, 1000, ca_gate_is_out(gate()));
    assert_int_equal(rig_count(&rig, "job WHERE state = 'open'"), 3); /* four ended as their plugin said */
}

static void one_goes_first_then_more(void **state)
{
    (void)state;
    rig_zone(&rig, "x.example", 100);
    rig_zone(&rig, "y.example", 100);
    rig_subject(&rig, SUBJECT, "x.example", ".x.example", "wants:ca+gate:go+ok");
    rig_subject(&rig, "CN=b.y.example", "y.example", ".y.example", "wants:ca+gate:go+ok");
    go_out();
    for (int i = 0; i < 9; i++)
        post_async();
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_settle(&rig);
    assert_int_equal(rig_at_step(&rig, "gate:go"), 1); /* the probe; nobody knows how it ends */
    rig_open_gate(&rig, "go");
    rig_until_true(&rig, rig_count(&rig, "certificate") >= 1);
    rig_close_gate(&rig, "go");
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") > 0);
    rig_settle(&rig);
    assert_in_range(rig_at_step(&rig, "gate:go"), 1, 4);
    assert_true(rig_in_phase(&rig, JOB_QUEUED) > 0);
    clock_move(rig.loop, 5000); /* slow orders do not hold the others up */
    rig_settle(&rig);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 10);
}

static void who_cannot_wait_is_told_at_once_when_and_nothing_is_stored(void **state)
{
    const struct rig_answer *answer;
    size_t rows;

    (void)state;
    go_out();
    rows = rig_count(&rig, "job");
    answer = post("a.x.example", 5000, false);
    rig_until(&rig, &answer->came);
    assert_int_equal(answer->code, CS_EBUSY);
    assert_string_equal(answer->reason, CS_CA_OUT);
    assert_false(answer->running);
    assert_string_equal(answer->job, "");
    assert_true(cs_now_ms() + answer->retry_after_ms > ca_gate_closed_until_ms(gate()));
    assert_int_equal(rig_count(&rig, "job"), rows);
}

static void who_can_wait_until_the_next_probe_waits_and_is_told_when_it_fails(void **state)
{
    const struct rig_answer *answer;

    (void)state;
    go_out();
    answer = post("a.x.example", BREAKER_FIRST_MS + BREAKER_FIRST_MS / 5 + 5000, false);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 2);
    rig_settle(&rig);
    assert_false(answer->came);
    to_the_next_probe();
    rig_until(&rig, &answer->came);
    assert_string_equal(answer->reason, CS_CA_OUT);
    assert_true(answer->running); /* it keeps its place */
    assert_int_equal(strlen(answer->job), 26);
    assert_true(cs_now_ms() + answer->retry_after_ms > ca_gate_closed_until_ms(gate()));
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 2);
}

static void who_asks_for_a_place_is_told_when_its_turn_may_come(void **state)
{
    const struct rig_answer *first, *last;

    (void)state;
    go_out();
    first = post_async();
    for (int i = 0; i < 10; i++)
        last = post_async();
    assert_true(cs_now_ms() + first->retry_after_ms > ca_gate_closed_until_ms(gate()));
    assert_true(last->retry_after_ms > first->retry_after_ms);
    rig_look(&rig, last->job, &answers[n]);
    rig_until(&rig, &answers[n].came);
    assert_true(answers[n].running);
    assert_string_equal(answers[n].step, "waiting-for-ca");
    assert_in_range(answers[n].retry_after_ms, last->retry_after_ms - 2000, last->retry_after_ms);
    rig_answer_free(&answers[n]);
}

static void beyond_the_bound_nothing_is_stored(void **state)
{
    const struct rig_answer *answer;
    size_t rows;

    (void)state;
    rig.setup.settings.outage_queue = 3;
    go_out();
    post_async();
    post_async();
    rows = rig_count(&rig, "job");
    answer = post_async();
    assert_int_equal(answer->code, CS_EBUSY);
    assert_string_equal(answer->reason, CS_CA_OUT);
    assert_non_null(strstr(answer->text, "outage_queue"));
    assert_true(answer->retry_after_ms > 0);
    assert_int_equal(rig_count(&rig, "job"), rows);
}

static void a_stored_chain_is_answered_while_the_ca_is_out(void **state)
{
    struct rig_answer *answer, again;

    (void)state;
    rig_open_gate(&rig, "ca");
    answer = post("a.x.example", HOUR_MS, false);
    rig_until(&rig, &answer->came);
    assert_non_null(answer->chain);
    rig_rest(&rig);
    rig_close_gate(&rig, "ca");
    go_out();
    rig_submit(&rig, csrs[0], 5000, false, false, &again);
    rig_until(&rig, &again.came);
    assert_non_null(again.chain);
    rig_answer_free(&again);
}

static void the_time_before_the_gate_is_not_the_order_s(void **state)
{
    (void)state;
    go_out();
    clock_move(rig.loop, 2 * rig.setup.settings.job_deadline_ms); /* and a probe fails */
    rig_until_true(&rig, ca_gate_closed_until_ms(gate()) > cs_now_ms());
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 1);
}

static void status_is_bad(void *self, struct cs_op *op)
{
    (void)self;
    cs_op_err(op, &(struct cs_error){ .code = CS_EUPSTREAM, .text = "still out" });
}

/* The CA is never asked for it, not even as the probe. */
static void it_does_not_wait_for_ever(void **state)
{
    struct rig_answer *answer;

    (void)state;
    go_out();
    instances_at(rig.instances, ROLE_CA, 0)->plugin.ca.status = status_is_bad;
    answer = post("a.x.example", INT64_C(48) * HOUR_MS, false);
    rig_until_true(&rig, rig_in_phase(&rig, JOB_QUEUED) == 2);
    rig_hurry_until(&rig, HOUR_MS, answer->came);
    assert_int_equal(answer->code, CS_EBUSY);
    assert_string_equal(answer->reason, CS_CA_OUT);
    assert_non_null(strstr(answer->text, "too long, and nothing was ordered"));
    assert_false(answer->running);
}

static void an_order_that_the_ca_has_waits_for_as_long_as_the_ca_is_out(void **state)
{
    (void)state;
    rig_subject(&rig, SUBJECT, "x.example", ".x.example", "save:finalize+wants:ca+ok");
    go_out();
    clock_move(rig.loop, 25 * HOUR_MS);
    rig_until_true(&rig, ca_gate_closed_until_ms(gate()) > cs_now_ms());
    assert_int_equal(rig_count(&rig, "job WHERE state = 'open'"), 1);
    rig_open_gate(&rig, "ca");
    to_the_next_probe();
    rig_rest(&rig);
    assert_int_equal(rig_count(&rig, "certificate"), 1);
}

static void after_a_day_without_the_server_orders_still_wait_for_some_minutes(void **state)
{
    (void)state;
    go_out();
    for (int i = 0; i < 6; i++)
        post_async();
    rig_down(&rig);
    clock_step_wall(25 * HOUR_MS);
    rig_up(&rig, "");
    rig_hurry_until(&rig, 1000, ca_gate_is_out(gate()));
    clock_move(rig.loop, 5 * 60 * 1000);
    rig_settle(&rig);
    clock_step_wall(-25 * HOUR_MS);
    assert_int_equal(rig_count(&rig, "job WHERE state = 'open'"), 3);
}

static void trouble_with_the_dns_is_none_of_the_ca_s(void **state)
{
    (void)state;
    rig_down(&rig);
    rig_up(&rig, "failures = 1000;");
    rig_subject(&rig, SUBJECT, "x.example", ".x.example", "put+ok");
    for (int i = 0; i < BREAKER_FAULTS + 1; i++) {
        struct rig_answer *answer = post("a.x.example", 24 * HOUR_MS, false);

        rig_hurry(&rig, 60000, &answer->came);
        assert_null(answer->chain);
    }
    assert_false(ca_gate_is_out(gate()));
}

static void a_refusal_is_an_answer(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=b.y.example", "y.example", ".y.example", "fail:10"); /* CS_EREFUSED */
    for (int i = 0; i < 4 * BREAKER_FAULTS; i++) {
        struct rig_answer *answer = post(i % BREAKER_FAULTS == 2 ? "b.y.example" : "a.x.example", 24 * HOUR_MS, false);

        rig_until(&rig, &answer->came);
    }
    assert_false(ca_gate_is_out(gate()));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(five_orders_that_fail_take_the_ca_out_and_the_fifth_is_not_lost),
        TEST(a_probe_that_fails_asks_once_and_loses_nothing),
        TEST(those_that_wait_are_let_go_in_their_order_over_zones_and_after_a_restart),
        TEST(after_a_restart_a_ca_that_is_still_out_is_noticed_anew),
        TEST(one_goes_first_then_more),
        TEST(who_cannot_wait_is_told_at_once_when_and_nothing_is_stored),
        TEST(who_can_wait_until_the_next_probe_waits_and_is_told_when_it_fails),
        TEST(who_asks_for_a_place_is_told_when_its_turn_may_come),
        TEST(beyond_the_bound_nothing_is_stored),
        TEST(a_stored_chain_is_answered_while_the_ca_is_out),
        TEST(the_time_before_the_gate_is_not_the_order_s),
        TEST(it_does_not_wait_for_ever),
        TEST(an_order_that_the_ca_has_waits_for_as_long_as_the_ca_is_out),
        TEST(after_a_day_without_the_server_orders_still_wait_for_some_minutes),
        TEST(trouble_with_the_dns_is_none_of_the_ca_s),
        TEST(a_refusal_is_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
