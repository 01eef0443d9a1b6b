/* request/order_limits.c: orders of a subject, a client and a zone in a day and a week, counted in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "order_limits_scene.h"

static void a_subject_has_so_many_orders_in_a_day(void **state)
{
    (void)state;
    limits->day[CS_ORDERS_OF_SUBJECT] = 2;
    assert_ordered("a.x.example");
    clock_move(rig.loop, HOUR_MS);
    assert_ordered("a.x.example");
    assert_refused("a.x.example", "too-many-orders-subject", 23 * HOUR_MS);
    assert_ordered("b.x.example"); /* another subject has its own */
    clock_move(rig.loop, 23 * HOUR_MS - 1);
    assert_refused("a.x.example", "too-many-orders-subject", 1);
    clock_move(rig.loop, 1);
    assert_ordered("a.x.example");
    assert_refused("a.x.example", "too-many-orders-subject", HOUR_MS);
}

static void a_zone_has_so_many_in_a_week_and_the_longest_wait_is_told(void **state)
{
    (void)state;
    limits->day[CS_ORDERS_OF_ZONE] = 2;
    limits->week[CS_ORDERS_OF_ZONE] = 3;
    limits->day[CS_ORDERS_OF_SUBJECT] = 2;
    assert_ordered("a.x.example");
    assert_ordered("a.x.example");
    assert_refused("b.x.example", "too-many-orders-zone", DAY_MS);
    clock_move(rig.loop, DAY_MS);
    assert_ordered("b.x.example");
    assert_refused("b.x.example", "too-many-orders-zone", 6 * DAY_MS);
    clock_move(rig.loop, 6 * DAY_MS);
    assert_ordered("b.x.example");
}

static void a_zone_has_so_many_in_a_day(void **state)
{
    (void)state;
    rig_zone(&rig, "y.example", 100);
    rig_subject(&rig, "CN=a.y.example", "y.example", ".y.example", "ok");
    limits->day[CS_ORDERS_OF_ZONE] = 2;
    assert_ordered("a.x.example");
    clock_move(rig.loop, HOUR_MS);
    assert_ordered("b.x.example");
    assert_refused("a.x.example", "too-many-orders-zone", 23 * HOUR_MS);
    assert_ordered("a.y.example"); /* another zone has its own */
    clock_move(rig.loop, 23 * HOUR_MS - 1);
    assert_refused("b.x.example", "too-many-orders-zone", 1);
    clock_move(rig.loop, 1);
    assert_ordered("b.x.example");
    assert_refused("a.x.example", "too-many-orders-zone", HOUR_MS);
}

/* Nothing is ordered, so nothing is counted. */
static void what_makes_no_order_does_not_count(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    limits->day[CS_ORDERS_OF_SUBJECT] = 1;
    for (int i = 0; i < 3; i++) {
        rig_answer_free(&answers[0]);
        answers[0] = (struct rig_answer){ 0 };
        rig_post(&rig, csr, &answers[0]);
        rig_until(&rig, &answers[0].came);
        assert_int_equal(answers[0].code, CS_OK);
    }
    rig_assert_calls(&rig, 1);
    assert_refused("a.x.example", "too-many-orders-subject", DAY_MS);
    free(csr);
}

static void who_joins_an_order_makes_none(void **state)
{
    char *csr = rig_csr("g.x.example");

    (void)state;
    limits->day[CS_ORDERS_OF_ZONE] = 1;
    rig_subject(&rig, "CN=g.x.example", "x.example", ".x.example", "gate:go+ok");
    rig_post(&rig, csr, &answers[0]);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_post(&rig, csr, &answers[1]);
    rig_until_true(&rig, rig_waiters(&rig) == 2);
    rig_open_gate(&rig, "go");
    rig_hurry(&rig, 5, &answers[0].came);
    rig_hurry(&rig, 5, &answers[1].came);
    assert_int_equal(answers[0].code, CS_OK);
    assert_int_equal(answers[1].code, CS_OK);
    assert_int_equal(rig_count(&rig, "counted_order"), 2); /* subject and zone of one order */
    free(csr);
}

static void an_order_that_the_ca_never_had_is_given_back(void **state)
{
    (void)state;
    limits->day[CS_ORDERS_OF_ZONE] = 1;
    rig_subject(&rig, "CN=f.x.example", "x.example", ".x.example", "fail:10"); /* before a step was saved */
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(order("f.x.example")->code, CS_ELIMIT);
    assert_int_equal(rig_count(&rig, "counted_order"), 0);
    rig_subject(&rig, "CN=h.x.example", "x.example", ".x.example", "save:order+fail:10");
    assert_int_not_equal(order("h.x.example")->code, CS_ELIMIT);
    assert_refused("a.x.example", "too-many-orders-zone", DAY_MS);
}

/* It was given back, and is taken again: its chain came late. */
static void a_late_chain_counts(void **state)
{
    char *csr = rig_csr("l.x.example");

    (void)state;
    rig_subject(&rig, "CN=l.x.example", "x.example", ".x.example", "later");
    rig_post(&rig, csr, &answers[0]);
    rig_until_true(&rig, rig_at_step(&rig, "later") == 1 || rig_in_phase(&rig, JOB_SIGNING) == 1);
    clock_move(rig.loop, 3600 * 1000);
    rig_until(&rig, &answers[0].came);
    rig_until_true(&rig, rig_count(&rig, "counted_order") == 0);
    rig_open_gate(&rig, "later");
    rig_hurry_until(&rig, 5, rig_count(&rig, "certificate") == 1);
    assert_int_equal(rig_count(&rig, "counted_order"), 2);
    free(csr);
}

/* A hundred at once would be the same, and more of them in one transaction. */
static void many_at_once_do_not_pass_together(void **state)
{
    size_t issued = 0, refused = 0;

    (void)state;
    limits->day[CS_ORDERS_OF_SUBJECT] = 10;
    for (size_t i = 0; i < MOST; i++) {
        char *csr = rig_csr("a.x.example");

        rig_post(&rig, csr, &answers[i]);
        free(csr);
    }
    for (size_t i = 0; i < MOST; i++) {
        rig_until(&rig, &answers[i].came);
        issued += answers[i].code == CS_OK;
        refused += answers[i].code == CS_ELIMIT && answers[i].retry_after_ms == DAY_MS;
    }
    assert_int_equal(issued, 10);
    assert_int_equal(refused, MOST - 10);
    rig_assert_calls(&rig, 10);
}

static void a_restart_forgets_nothing(void **state)
{
    (void)state;
    assert_ordered("a.x.example"); /* without limits it is counted, too */
    rig_down(&rig);
    begin_run();
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    assert_refused("b.x.example", "too-many-orders-zone", 7 * DAY_MS);
}

static size_t counted_as(const char *scope)
{
    char rows[64];

    snprintf(rows, sizeof rows, "counted_order WHERE scope = '%s'", scope);
    return rig_count(&rig, rows);
}

/* fake-ca's certificates live 90 days, or so: a renewal is due in the last third. */
static void all_are_due(void)
{
    rig_sql(&rig, "UPDATE certificate SET not_before_ms = issued_ms - 70 * 86400000, not_after_ms = issued_ms + 20 * 86400000");
}

static void a_renewal_that_is_due_passes_the_zone_and_not_the_subject(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    assert_refused("r.x.example", "too-many-orders-zone", 7 * DAY_MS); /* a new key, but nothing is due */
    all_are_due();
    assert_refused("a.x.example", "too-many-orders-zone", 7 * DAY_MS); /* another subject, another name */
    assert_ordered("r.x.example");
    assert_int_equal(counted_as("subject"), 2);
    assert_int_equal(counted_as("zone"), 1); /* not the renewal */
    assert_int_equal(counted_as("renewal"), 1);
    all_are_due();
    assert_refused("r.x.example", "too-many-orders-zone", 7 * DAY_MS);
    clock_move(rig.loop, DAY_MS);
    limits->week[CS_ORDERS_OF_SUBJECT] = 2;
    assert_refused("r.x.example", "too-many-orders-subject", 6 * DAY_MS);
    limits->week[CS_ORDERS_OF_SUBJECT] = 3;
    assert_ordered("r.x.example");
}

static void post(const char *name, struct rig_answer *answer)
{
    char *csr = rig_csr(name);

    rig_post(&rig, csr, answer);
    free(csr);
}

/* The old certificate is due until the new one is there, which takes its time. */
static void of_many_renewals_at_once_one_passes(void **state)
{
    size_t passed = 0, refused = 0;

    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    all_are_due();
    for (size_t i = 1; i < MOST; i++)
        post("r.x.example", &answers[i]);
    for (size_t i = 1; i < MOST; i++) {
        rig_until(&rig, &answers[i].came);
        passed += answers[i].code == CS_OK;
        refused += answers[i].code == CS_ELIMIT && strcmp(answers[i].reason, "too-many-orders-zone") == 0;
    }
    assert_int_equal(passed, 1);
    assert_int_equal(refused, MOST - 2);
    rig_assert_calls(&rig, 2);
}

static void while_an_order_is_under_way_no_renewal_of_its_names_passes(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "gate:go+ok");
    post("r.x.example", &answers[1]); /* nothing is due: an order as all others */
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    limits->week[CS_ORDERS_OF_ZONE] = 2;
    all_are_due();
    post("r.x.example", &answers[2]);
    rig_until(&rig, &answers[2].came);
    assert_int_equal(answers[2].code, CS_ELIMIT);
    assert_string_equal(answers[2].reason, "too-many-orders-zone");
    rig_open_gate(&rig, "go");
    rig_hurry(&rig, 5, &answers[1].came);
    assert_int_equal(answers[1].code, CS_OK);
}

static void a_renewal_that_the_ca_never_had_may_pass_again(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    all_are_due();
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "fail:10");
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(order("r.x.example")->code, CS_ELIMIT);
    assert_int_equal(rig_count(&rig, "counted_order"), 2); /* of the first order */
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "save:order+fail:10");
    assert_int_not_equal(order("r.x.example")->code, CS_ELIMIT);
    assert_refused("r.x.example", "too-many-orders-zone", 7 * DAY_MS);
}

/* It was given back, and is taken again as what it was. */
static void a_renewal_whose_chain_comes_late_counts_as_one(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    all_are_due();
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "later");
    post("r.x.example", &answers[1]);
    rig_until_true(&rig, counted_as("renewal") == 1);
    rig_until_true(&rig, rig_at_step(&rig, "later") == 1 || rig_in_phase(&rig, JOB_SIGNING) == 1);
    clock_move(rig.loop, 3600 * 1000);
    rig_until(&rig, &answers[1].came);
    rig_until_true(&rig, counted_as("renewal") == 0);
    rig_open_gate(&rig, "later");
    rig_hurry_until(&rig, 5, rig_count(&rig, "certificate") == 2);
    assert_int_equal(counted_as("subject"), 2);
    assert_int_equal(counted_as("zone"), 1);
    assert_int_equal(counted_as("renewal"), 1);
}

/* docs/limits.md: what an operator may delete. */
static void without_its_row_a_renewal_passes_once_more(void **state)
{
    (void)state;
    rig_subject(&rig, "CN=r.x.example", "x.example", ".x.example", "ok");
    assert_ordered("r.x.example");
    limits->week[CS_ORDERS_OF_ZONE] = 1;
    all_are_due();
    assert_ordered("r.x.example");
    all_are_due();
    assert_refused("r.x.example", "too-many-orders-zone", 7 * DAY_MS);
    rig_sql(&rig, "DELETE FROM counted_order WHERE scope = 'renewal'");
    assert_ordered("r.x.example");
    all_are_due();
    assert_refused("r.x.example", "too-many-orders-zone", 7 * DAY_MS);
}

static void a_clock_that_was_wrong_bars_nobody_for_long(void **state)
{
    (void)state;
    limits->day[CS_ORDERS_OF_SUBJECT] = 1;
    assert_ordered("a.x.example");
    rig_sql(&rig, "UPDATE counted_order SET at_ms = at_ms + 600000"); /* as if our clock had been set back since */
    assert_refused("a.x.example", "too-many-orders-subject", DAY_MS);
    rig_sql(&rig, "UPDATE counted_order SET at_ms = at_ms + 30 * 86400000");
    assert_ordered("a.x.example");
}

static void what_is_counted_goes_after_eight_days(void **state)
{
    (void)state;
    assert_ordered("a.x.example");
    assert_int_equal(rig_count(&rig, "counted_order"), 2);
    clock_move(rig.loop, 8 * DAY_MS + HOUR_MS);
    rig_until_true(&rig, rig_count(&rig, "counted_order") == 0);
}

static void the_word_of_a_limit_is_for_metrics(void **state)
{
    struct cs_error err;

    (void)state;
    cs_fail_as(&err, CS_ELIMIT, "too-many-orders-zone", "x");
    assert_string_equal(order_limits_word(&err), "orders-zone");
    cs_fail_as(&err, CS_ELIMIT, "ca-rate-limited", "x");
    assert_null(order_limits_word(&err));
    cs_fail_as(&err, CS_EUPSTREAM, "too-many-orders-zone", "x");
    assert_null(order_limits_word(&err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_subject_has_so_many_orders_in_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_has_so_many_in_a_week_and_the_longest_wait_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_has_so_many_in_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_makes_no_order_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_joins_an_order_makes_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_that_the_ca_never_had_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_chain_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once_do_not_pass_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_forgets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renewal_that_is_due_passes_the_zone_and_not_the_subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_many_renewals_at_once_one_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_an_order_is_under_way_no_renewal_of_its_names_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renewal_that_the_ca_never_had_may_pass_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renewal_whose_chain_comes_late_counts_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_its_row_a_renewal_passes_once_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_bars_nobody_for_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_counted_goes_after_eight_days, set_up, tear_down),
        cmocka_unit_test(the_word_of_a_limit_is_for_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
