/* records/visit_batch.c: nobody waits, nothing is lost below the bound, and the order tells nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/visits_rig.h"
#include "records/visit_parts.h"

static struct visits_rig rig;

static int set_up(void **state)
{
    (void)state;
    visits_rig_open(&rig);
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
    visits_rig_pass(&rig, 1000);
    visit_store_forget();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_rig_close(&rig);
    return 0;
}

static void visit_of(const char *client)
{
    visit_end(visit_begin(rig.visits, &(struct visit_arrival){ .client = client }), VISIT_REFUSED, "no-csr");
}

static void a_batch_is_written_a_second_after_its_first_visit(void **state)
{
    (void)state;
    visit_of("curl");
    visits_rig_pass(&rig, 600);
    visit_of("curl");
    assert_int_equal(visit_store_count("visit "), 0);
    visits_rig_pass(&rig, 399);
    assert_int_equal(visit_store_count("visit "), 0);
    visits_rig_pass(&rig, 1);
    assert_int_equal(visit_store_count("visit "), 2);
    assert_int_equal(visit_store_count("day day=20778 keys=1 received=2"), 1);
}

static void a_full_batch_does_not_wait(void **state)
{
    (void)state;
    for (int i = 0; i < 999; i++)
        visit_of("curl");
    visits_rig_turn(&rig);
    assert_int_equal(visit_store_count("visit "), 0);
    visit_of("curl");
    visits_rig_turn(&rig);
    assert_int_equal(visit_store_count("visit "), 1000);
}

/* 26 clients in the order of the alphabet, and 26! orders that they may be written in. */
static void the_order_within_a_batch_is_left_to_chance(void **state)
{
    static char names[26][2];
    char orders[2][27] = { "", "" };

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        const char *at;
        size_t n = 0;

        visit_store_forget();
        for (int i = 0; i < 26; i++) {
            names[i][0] = (char)('a' + i);
            visit_of(names[i]);
        }
        visits_rig_pass(&rig, 1000);
        for (at = visit_store_lines("visit "); (at = strstr(at, "client=")); at++)
            orders[turn][n++] = at[strlen("client=")];
        assert_int_equal(n, 26);
        assert_string_not_equal(orders[turn], "abcdefghijklmnopqrstuvwxyz");
    }
    assert_string_not_equal(orders[0], orders[1]);
}

static void a_store_that_is_down_is_tried_again_with_growing_pauses(void **state)
{
    (void)state;
    visit_store_fail("begin", -1, CS_EBUSY);
    visit_of("curl");
    visits_latency(rig.visits, "ca", "le", 1);
    visits_rig_pass(&rig, 1000);
    for (int i = 0; i < 8; i++)
        visits_rig_pass(&rig, 30000);
    assert_int_equal(rig.visits->n_queued, 1);
    assert_int_equal(rig.visits->pause_ms, 30000);
    visit_store_fail("begin", 0, CS_OK);
    visit_of("wget");
    visits_rig_pass(&rig, 30000);
    assert_int_equal(visit_store_count("visit "), 2);
    assert_string_equal(visit_store_lines("latency "), "latency role=ca instance=le bucket=0 n=1");
    assert_int_equal(rig.visits->pause_ms, 0);
    assert_int_equal(rig.visits->lost, 0);
    assert_int_equal(rig.visits->days->unwritten, 0);
}

/* The first piece of a transaction runs twice, in a savepoint the second time. */
static void a_visit_that_the_store_refuses_holds_up_no_other(void **state)
{
    (void)state;
    visit_store_fail("visit_add", 2, CS_EINPUT);
    for (int i = 0; i < 10; i++)
        visit_of("curl");
    visits_rig_pass(&rig, 1000);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 9);
    assert_int_equal(rig.visits->lost, 1);
    assert_int_equal(rig.visits->days->unwritten, 0);
}

static void beyond_the_bound_visits_are_lost_and_counted(void **state)
{
    (void)state;
    visit_store_fail("begin", -1, CS_EBUSY);
    for (int i = 0; i < 100007; i++)
        visit_of("curl");
    visits_rig_turn(&rig);
    assert_int_equal(rig.visits->n_queued, 100000);
    assert_int_equal(rig.visits->lost, 7);
    assert_int_equal(rig.visits->days->received, 100007);
    visit_store_fail("begin", 0, CS_OK);
    visits_rig_pass(&rig, 30000);
    for (int i = 0; i < 200 && rig.visits->n_queued; i++)
        visits_rig_turn(&rig);
    assert_int_equal(visit_store_count("visit "), 100000);
}

static void a_zone_is_written_before_its_first_visit_and_once(void **state)
{
    const char *lines;

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    lines = visit_store_lines("");
    assert_true(strstr(lines, "zone zone=a.example id=") < strstr(lines, "visit "));
    visits_rig_whole(&rig, 2, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("zone "), 1);
}

static void a_zone_that_could_not_be_written_is_written_with_the_next_batch(void **state)
{
    (void)state;
    visit_store_fail("commit", 1, CS_EBUSY);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("zone "), 0);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("zone "), 1);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void what_is_queued_is_written_before_the_stop(void **state)
{
    struct visit *open = visits_rig_begin(&rig, 3);

    (void)state;
    visit_of("curl");
    visits_rig_stop(&rig);
    assert_int_equal(visit_store_count("visit "), 2);
    assert_non_null(strstr(visit_store_lines("visit "), "outcome=unfinished reached=posted"));
    visit_reached(open, VISIT_CSR);
    visit_end(open, VISIT_ISSUED, ""); /* long after */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_written_a_second_after_its_first_visit),
        TEST(a_full_batch_does_not_wait),
        TEST(the_order_within_a_batch_is_left_to_chance),
        TEST(a_store_that_is_down_is_tried_again_with_growing_pauses),
        TEST(a_visit_that_the_store_refuses_holds_up_no_other),
        TEST(beyond_the_bound_visits_are_lost_and_counted),
        TEST(a_zone_is_written_before_its_first_visit_and_once),
        TEST(a_zone_that_could_not_be_written_is_written_with_the_next_batch),
        TEST(what_is_queued_is_written_before_the_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
