/* records/visit_upkeep.c: what is forgotten and published when. */
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

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

static struct visits_rig rig;

static int set_up(void **state)
{
    (void)state;
    visits_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_rig_close(&rig);
    return 0;
}

static void start(void)
{
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
}

static void keep_clock(int64_t wall_ms)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)wall_ms);
    visit_store_keep("clock", text);
}

/* ---- purge ---- */

static void at_the_start_what_is_over_is_purged_scrubbed_and_the_rest_published(void **state)
{
    (void)state;
    start();
    assert_string_equal(visit_store_lines("purge "), "purge visits=20771 labels=20748 totals=20017 k=10");
    assert_int_equal(visit_store_count("scrub"), 1);
    assert_true(rig.visits->scrubbed);
    assert_int_equal(visit_store_count("publish"), 1);
}

static void a_day_that_closes_is_followed_by_a_purge(void **state)
{
    (void)state;
    rig.settings.keep_days = 0;
    start();
    visits_rig_whole(&rig, 1, "a.example");
    visit_store_forget();
    visits_rig_pass(&rig, DAY_MS / 2);
    assert_int_equal(visit_store_count("purge "), 0);
    visits_rig_pass(&rig, rig.settings.grace_ms);
    visits_rig_pass(&rig, 1000);
    assert_string_equal(visit_store_lines("purge "), "purge visits=20779 labels=20749 totals=20018 k=10");
    assert_true(visit_store_place("purge ") > visit_store_place("close day=20778"));
    assert_true(visit_store_place("scrub") > visit_store_place("purge "));
}

static void no_day_that_is_open_is_purged(void **state)
{
    const struct cs_day open = { .size = sizeof open, .day = RIG_DAY - 20, .keys = 1 };

    (void)state;
    rig.settings.keep_days = 0;
    visit_store_add_day(&open);
    keep_clock(RIG_NOON_MS - HOUR_MS);
    visit_store_fail("day_close", -1, CS_EBUSY);
    start();
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("purge visits=20758 labels=20748 "), 1);
    visit_store_fail("day_close", 0, CS_OK);
    visits_rig_pass(&rig, 60000);
    assert_int_equal(visit_store_count("close day=20758"), 1);
    assert_int_equal(visit_store_count("purge visits=20778 labels=20748 "), 1);
}

static void a_purge_that_failed_is_tried_again(void **state)
{
    (void)state;
    visit_store_fail("visits_purge", 2, CS_EBUSY);
    start();
    assert_int_equal(visit_store_count("purge "), 0);
    assert_int_equal(visit_store_count("scrub"), 1); /* of what an earlier run may have left */
    assert_int_equal(rig.visits->purged_ms, 0);
    visits_rig_pass(&rig, HOUR_MS);
    assert_int_equal(visit_store_count("purge "), 1);
    visits_rig_pass(&rig, HOUR_MS);
    assert_int_equal(visit_store_count("purge "), 1);
}

static void scrubbing_is_repeated_while_a_reader_holds_the_bytes(void **state)
{
    (void)state;
    visit_store_scrub_slowly(3);
    start();
    assert_false(rig.visits->scrubbed);
    visits_rig_pass(&rig, 1000);
    visits_rig_pass(&rig, 1999);
    assert_int_equal(visit_store_count("scrub again"), 2);
    visits_rig_pass(&rig, 1);
    assert_int_equal(visit_store_count("scrub again"), 3);
    visits_rig_pass(&rig, 4000);
    assert_true(rig.visits->scrubbed);
    assert_int_equal(visit_store_count("scrub"), 4);
}

static void a_purge_is_done_when_its_bytes_are_gone(void **state)
{
    (void)state;
    visit_store_scrub_slowly(1);
    start();
    assert_int_equal(visit_store_count("purge "), 1);
    assert_int_equal(rig.visits->purged_ms, 0);
    visits_rig_pass(&rig, 1000);
    assert_true(rig.visits->scrubbed);
    assert_int_equal(rig.visits->purged_ms, RIG_NOON_MS);
}

static void the_order_in_which_visits_were_written_is_scrubbed_within_a_minute(void **state)
{
    (void)state;
    start();
    visit_store_forget();
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    visits_rig_whole(&rig, 2, "a.example");
    visits_rig_pass(&rig, 58 * 1000);
    assert_int_equal(visit_store_count("visit "), 2);
    assert_int_equal(visit_store_count("scrub"), 0);
    visits_rig_pass(&rig, 2000);
    assert_int_equal(visit_store_count("scrub"), 1);
    assert_true(visit_store_place("scrub") > visit_store_place("visit "));
    visits_rig_pass(&rig, HOUR_MS);
    assert_int_equal(visit_store_count("scrub"), 1); /* nothing was written since */
}

/* ---- publish ---- */

static void the_analysts_file_is_written_by_the_hour_and_at_the_stop(void **state)
{
    (void)state;
    start();
    visits_rig_pass(&rig, SECOND_MS);
    visit_store_forget();
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, HOUR_MS - SECOND_MS - 1);
    assert_int_equal(visit_store_count("publish"), 0);
    visits_rig_pass(&rig, 1);
    assert_int_equal(visit_store_count("publish"), 1);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_stop(&rig);
    assert_int_equal(visit_store_count("publish"), 2);
    assert_true(visit_store_place("publish") > visit_store_place("visit "));
}

static void what_the_start_changes_of_its_day_is_published_at_once(void **state)
{
    (void)state;
    start();
    assert_int_equal(visit_store_count("publish"), 1);
    visits_rig_pass(&rig, SECOND_MS);
    assert_int_equal(visit_store_count("day "), 1);
    assert_int_equal(visit_store_count("publish"), 2);
    assert_true(visit_store_place("publish") > visit_store_place("day "));
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, SECOND_MS);
    assert_int_equal(visit_store_count("publish"), 2);
}

static void a_publication_that_failed_is_tried_again_within_a_minute(void **state)
{
    (void)state;
    start();
    visits_rig_pass(&rig, SECOND_MS);
    visit_store_forget();
    visit_store_fail("publish", 2, CS_EBUSY);
    visits_rig_pass(&rig, HOUR_MS);
    assert_int_equal(visit_store_count("publish"), 0);
    assert_false(rig.visits->published);
    visits_rig_pass(&rig, MINUTE_MS);
    assert_int_equal(visit_store_count("publish"), 0);
    visits_rig_pass(&rig, MINUTE_MS);
    assert_int_equal(visit_store_count("publish"), 1);
    assert_true(rig.visits->published);
    visits_rig_pass(&rig, HOUR_MS - MINUTE_MS);
    assert_int_equal(visit_store_count("publish"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(at_the_start_what_is_over_is_purged_scrubbed_and_the_rest_published),
        TEST(a_day_that_closes_is_followed_by_a_purge),
        TEST(no_day_that_is_open_is_purged),
        TEST(a_purge_that_failed_is_tried_again),
        TEST(scrubbing_is_repeated_while_a_reader_holds_the_bytes),
        TEST(a_purge_is_done_when_its_bytes_are_gone),
        TEST(the_order_in_which_visits_were_written_is_scrubbed_within_a_minute),
        TEST(the_analysts_file_is_written_by_the_hour_and_at_the_stop),
        TEST(what_the_start_changes_of_its_day_is_published_at_once),
        TEST(a_publication_that_failed_is_tried_again_within_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
