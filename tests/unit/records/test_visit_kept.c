/* records/visit_kept.c: a clock which lies forgets nothing, and who is trusted to say where a visit came from. */
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

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static struct visits_rig rig;
static int confirmed;

static int set_up(void **state)
{
    (void)state;
    confirmed = 0;
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

static void on_confirmed(void *arg, const struct cs_error *err)
{
    (void)arg;
    assert_null(err);
    confirmed++;
}

static void confirm(void)
{
    visits_confirm(rig.visits, on_confirmed, NULL);
    visits_rig_turn(&rig);
    visits_rig_turn(&rig);
}

/* ---- the clock ---- */

static void a_clock_far_ahead_purges_nothing_until_it_is_confirmed(void **state)
{
    (void)state;
    keep_clock(RIG_NOON_MS - 49 * HOUR_MS);
    start();
    assert_true(rig.visits->must_confirm);
    assert_false(visits_may_purge(rig.visits)); /* nor does anybody else purge */
    assert_int_equal(visit_store_count("purge "), 0);
    assert_int_equal(visit_store_count("scrub"), 1);
    assert_int_equal(visit_store_count("keep clock"), 0); /* the next start has its doubts, too */
    visits_rig_pass(&rig, DAY_MS);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("close day=20778"), 1); /* days end and keys go all the same */
    assert_int_equal(visit_store_count("purge "), 0);
    visits_confirm(rig.visits, on_confirmed, NULL);
    visits_rig_turn(&rig);
    assert_int_equal(confirmed, 1);
    assert_int_equal(visit_store_count("purge "), 1);
    assert_int_equal(visit_store_count("keep clock"), 1);
    visits_rig_pass(&rig, HOUR_MS);
    assert_false(rig.visits->must_confirm);
}

static void two_days_off_are_nothing_special(void **state)
{
    (void)state;
    keep_clock(RIG_NOON_MS - 48 * HOUR_MS);
    start();
    assert_false(rig.visits->must_confirm);
    assert_int_equal(visit_store_count("purge "), 1);
    assert_int_equal(visit_store_count("keep clock=1795262400000"), 1);
}

static void a_clock_that_jumps_while_the_server_runs_is_doubted_too(void **state)
{
    (void)state;
    start();
    visit_store_forget();
    clock_step_wall(30 * DAY_MS);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    visits_rig_pass(&rig, HOUR_MS);
    assert_true(rig.visits->must_confirm);
    assert_int_equal(visit_store_count("purge "), 0);
}

static void whoever_wants_to_purge_is_told_of_a_clock_that_has_just_jumped(void **state)
{
    (void)state;
    start();
    assert_true(visits_may_purge(rig.visits));
    assert_true(visits_may_purge(NULL));
    clock_step_wall(30 * DAY_MS);
    assert_false(visits_may_purge(rig.visits));
    visits_confirm(rig.visits, on_confirmed, NULL);
    visits_rig_turn(&rig);
    assert_true(visits_may_purge(rig.visits));
}

static void without_a_recorded_time_the_newest_earlier_day_says_it(void **state)
{
    const struct cs_day old = { .size = sizeof old, .day = RIG_DAY - 5, .keys = 1 };

    (void)state;
    visit_store_add_day(&old);
    start();
    assert_true(rig.visits->must_confirm);
}

static void the_time_is_kept_by_the_hour(void **state)
{
    (void)state;
    start();
    assert_string_equal(visit_store_kept("clock"), "1795262400000");
    visits_rig_pass(&rig, HOUR_MS);
    visits_rig_turn(&rig);
    assert_string_equal(visit_store_kept("clock"), "1795266000000");
}

/* The day that the clock showed goes on, with a visit on it. */
static void stand_ahead_for_a_while(int64_t days)
{
    start();
    visit_store_forget();
    clock_step_wall(days * DAY_MS);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    visits_rig_pass(&rig, HOUR_MS);
    assert_true(rig.visits->must_confirm);
    clock_step_wall(-days * DAY_MS);
    visits_rig_pass(&rig, MINUTE_MS);
    assert_int_equal(rig.visits->days->day, RIG_DAY + days);
    assert_int_equal(visit_store_count("purge "), 0);
}

static const char as_of_today[] = "purge visits=20771 labels=20748 totals=20017 k=10";

static void after_a_clock_that_stood_ahead_a_restart_purges_as_of_today(void **state)
{
    const struct cs_day ahead = { .size = sizeof ahead, .day = RIG_DAY + 1826, .keys = 1, .received = 1 };

    (void)state;
    stand_ahead_for_a_while(1826);
    visits_rig_stop(&rig);
    visit_store_add_day(&ahead);
    start();
    assert_int_equal(rig.visits->days->day, RIG_DAY + 1826);
    assert_false(rig.visits->must_confirm);
    assert_string_equal(visit_store_lines("purge "), as_of_today);
}

static void after_a_clock_that_stood_ahead_a_confirmation_purges_as_of_today(void **state)
{
    (void)state;
    stand_ahead_for_a_while(10);
    confirm();
    assert_string_equal(visit_store_lines("purge "), as_of_today);
    visits_rig_pass(&rig, DAY_MS + HOUR_MS);
    assert_int_equal(visit_store_count("purge visits=20772 labels=20749 totals=20018 k=10"), 1);
}

static void a_clock_that_was_confirmed_while_it_stood_ahead_goes_on_purging_once_it_is_right(void **state)
{
    (void)state;
    start();
    clock_step_wall(1826 * DAY_MS);
    confirm();
    clock_step_wall(-1826 * DAY_MS);
    visit_store_forget();
    visits_rig_pass(&rig, HOUR_MS);
    assert_string_equal(visit_store_lines("purge "), as_of_today);
}

static void a_purge_looks_at_the_clock_itself(void **state)
{
    (void)state;
    start();
    visit_store_forget();
    clock_step_wall(30 * DAY_MS);
    visit_upkeep_purge(rig.visits);
    visits_rig_turn(&rig);
    assert_true(rig.visits->must_confirm);
    assert_int_equal(visit_store_count("purge "), 0);
}

static void a_clock_that_was_behind_at_the_start_is_not_doubted_once_it_is_right(void **state)
{
    (void)state;
    keep_clock(RIG_NOON_MS);
    clock_step_wall(-RIG_NOON_MS + HOUR_MS); /* no battery: it begins in 1970 */
    start();
    assert_string_equal(visit_store_kept("clock"), "1795262400000");
    clock_step_wall(RIG_NOON_MS - HOUR_MS + 2 * MINUTE_MS);
    visits_rig_pass(&rig, HOUR_MS);
    assert_false(rig.visits->must_confirm);
    assert_string_equal(visit_store_kept("clock"), "1795266120000");
}

static void a_clock_that_was_set_back_for_hours_is_not_doubted_once_it_is_right(void **state)
{
    (void)state;
    start();
    clock_step_wall(-3 * DAY_MS);
    visits_rig_pass(&rig, HOUR_MS);
    visits_rig_pass(&rig, HOUR_MS);
    clock_step_wall(3 * DAY_MS);
    visits_rig_pass(&rig, HOUR_MS);
    assert_false(rig.visits->must_confirm);
}

static void who_confirms_an_earlier_clock_has_it_doubted_from_there(void **state)
{
    (void)state;
    keep_clock(RIG_NOON_MS + 300 * DAY_MS); /* somebody confirmed a clock that was ahead */
    start();
    confirm();
    assert_int_equal(confirmed, 1);
    assert_string_equal(visit_store_kept("clock"), "1795262400000");
    clock_step_wall(30 * DAY_MS);
    assert_false(visits_may_purge(rig.visits));
}

/* ---- proxies ---- */

/* Starts with these, of which one visit is recorded. */
static void serve_behind(const struct visits_trust *trust)
{
    rig.with.trust = *trust;
    start();
    visits_rig_whole(&rig, 1, "a.example");
}

static void each_other_list_of_proxies_is_counted_for_the_day(void **state)
{
    static const char *const one[] = { "10.0.0.0/8" }, *const two[] = { "10.0.0.0/8", "unix" };
    const struct visits_trust first = { .proxies = one, .n_proxies = 1 }, second = { .proxies = two, .n_proxies = 2 };
    const struct cs_day today = { .size = sizeof today, .day = RIG_DAY, .keys = 1, .received = 1 };
    char kept[80];

    (void)state;
    serve_behind(&first);
    assert_int_equal(rig.visits->days->flags & CS_DAY_PROXIES, 0); /* there was none before */
    snprintf(kept, sizeof kept, "%s", visit_store_kept("proxies"));
    assert_int_equal(strlen(kept), 64);
    visits_rig_stop(&rig);
    visit_store_add_day(&today);
    serve_behind(&first);
    assert_int_equal(rig.visits->days->flags & CS_DAY_PROXIES, 0);
    visits_rig_stop(&rig);
    serve_behind(&second);
    assert_true(rig.visits->days->flags & CS_DAY_PROXIES);
    assert_string_not_equal(visit_store_kept("proxies"), kept);
    visits_change(rig.visits, rig.runtime, &first);
    visits_change(rig.visits, rig.runtime, &first);
    assert_int_equal(rig.visits->days->proxy_changes, 2);
    visits_rig_pass(&rig, 1000);
    assert_non_null(strstr(visit_store_lines("day day=20778"), "destroyed=0 proxies=2"));
}

static void a_list_that_no_visit_came_behind_is_not_counted(void **state)
{
    static const char *const one[] = { "10.0.0.0/8" };
    const struct visits_trust none = { 0 }, first = { .proxies = one, .n_proxies = 1 };
    char kept[80];

    (void)state;
    start();
    snprintf(kept, sizeof kept, "%s", visit_store_kept("proxies"));
    visits_change(rig.visits, rig.runtime, &first);
    visits_rig_turn(&rig);
    assert_string_not_equal(visit_store_kept("proxies"), kept);
    visits_rig_whole(&rig, 1, "a.example");
    assert_int_equal(rig.visits->days->flags & CS_DAY_PROXIES, 0);
    assert_int_equal(rig.visits->days->proxy_changes, 0);
    visits_change(rig.visits, rig.runtime, &none);
    assert_int_equal(rig.visits->days->proxy_changes, 1);
}

static void a_listener_that_wants_a_proxy_header_is_one_more_of_them(void **state)
{
    const struct listen_settings plain = { .address = "192.0.2.1", .port = 443 },
                                 behind = { .address = "192.0.2.1", .port = 443, .proxy_protocol = true };
    const struct visits_trust none = { 0 }, open = { .listen = &plain, .n_listen = 1 },
                              header = { .listen = &behind, .n_listen = 1 };

    (void)state;
    serve_behind(&none);
    visits_change(rig.visits, rig.runtime, &open);
    assert_int_equal(rig.visits->days->proxy_changes, 0);
    visits_change(rig.visits, rig.runtime, &header);
    assert_int_equal(rig.visits->days->proxy_changes, 1);
    visits_change(rig.visits, rig.runtime, &header);
    assert_int_equal(rig.visits->days->proxy_changes, 1);
    visits_change(rig.visits, rig.runtime, &open);
    assert_int_equal(rig.visits->days->proxy_changes, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_clock_far_ahead_purges_nothing_until_it_is_confirmed),
        TEST(two_days_off_are_nothing_special),
        TEST(a_clock_that_jumps_while_the_server_runs_is_doubted_too),
        TEST(whoever_wants_to_purge_is_told_of_a_clock_that_has_just_jumped),
        TEST(without_a_recorded_time_the_newest_earlier_day_says_it),
        TEST(the_time_is_kept_by_the_hour),
        TEST(after_a_clock_that_stood_ahead_a_restart_purges_as_of_today),
        TEST(after_a_clock_that_stood_ahead_a_confirmation_purges_as_of_today),
        TEST(a_clock_that_was_confirmed_while_it_stood_ahead_goes_on_purging_once_it_is_right),
        TEST(a_purge_looks_at_the_clock_itself),
        TEST(a_clock_that_was_behind_at_the_start_is_not_doubted_once_it_is_right),
        TEST(a_clock_that_was_set_back_for_hours_is_not_doubted_once_it_is_right),
        TEST(who_confirms_an_earlier_clock_has_it_doubted_from_there),
        TEST(each_other_list_of_proxies_is_counted_for_the_day),
        TEST(a_list_that_no_visit_came_behind_is_not_counted),
        TEST(a_listener_that_wants_a_proxy_header_is_one_more_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
