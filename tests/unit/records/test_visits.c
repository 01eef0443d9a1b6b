/* records/visits.c: what visits need, what there is to know of them, and a server that records none any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../fakes/visits_rig.h"
#include "records/visit_parts.h"

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

static void a_store_that_lacks_a_function_is_told(void **state)
{
    struct cs_store_ops ops = rig.store.instance.plugin.store;

    (void)state;
    assert_null(visits_lacks(&ops));
    ops.publish = NULL;
    assert_string_equal(visits_lacks(&ops), "publish");
    ops.visit_add = NULL;
    assert_string_equal(visits_lacks(&ops), "visit_add");
    assert_string_equal(visits_lacks(&(struct cs_store_ops){ 0 }), "zone_id_put");
}

static void the_status_says_how_it_stands(void **state)
{
    struct visits_status s;
    struct visit *open;

    (void)state;
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
    open = visits_rig_begin(&rig, 1);
    visits_rig_whole(&rig, 2, "a.example");
    visits_status(rig.visits, &s);
    assert_int_equal(s.day, RIG_DAY);
    assert_int_equal(s.keys, 1);
    assert_int_equal(s.key_made_ms, RIG_NOON_MS);
    assert_int_equal(s.key_in_file, access(visits_rig_key(&rig, RIG_DAY), F_OK) == 0);
    assert_int_equal(s.key_in_file, *s.key_why_not == '\0');
    assert_int_equal(s.received, 2);
    assert_int_equal(s.open, 1);
    assert_int_equal(s.queued, 1);
    assert_int_equal(s.lost, 0);
    assert_int_equal(s.purged_ms, RIG_NOON_MS);
    assert_int_equal(s.published_ms, RIG_NOON_MS);
    assert_int_equal(s.recorded_ms, RIG_NOON_MS);
    assert_true(s.scrubbed);
    assert_false(s.must_confirm);
    assert_int_equal(s.flags, 0);
    visit_end(open, VISIT_LEFT, "");
}

static void what_cannot_be_read_stops_the_start(void **state)
{
    static const char *const functions[] = { "zone_id_list", "day_list", "keep_get" };

    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        struct cs_error err = { 0 };

        visit_store_fail(functions[i], 1, CS_EBUSY);
        assert_null(visits_open(&rig.with, &err));
        assert_int_equal(strncmp(err.text, functions[i], strlen(functions[i])), 0);
    }
    visits_rig_start(&rig);
}

static void zones_keep_their_ids_over_a_restart(void **state)
{
    (void)state;
    visit_store_add_zone("a.example", 7);
    visits_rig_start(&rig);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("zone "), 0);
    assert_int_equal(visit_zones_get(rig.visits->zones, "a.example", NULL)->id, 7);
}

/* What was recorded is still forgotten in its time, and the key that was kept goes at once. */
static void a_server_that_records_no_visits_any_more_forgets_the_old_ones(void **state)
{
    const struct cs_day today = { .size = sizeof today, .day = RIG_DAY, .keys = 1, .received = 5 };
    struct day_key *key;
    struct cs_error err;
    bool is_new;

    (void)state;
    key = day_key_open(rig.runtime, true, RIG_DAY, &is_new, &err);
    assert_non_null(key);
    day_key_put_away(key);
    visit_store_add_day(&today);
    rig.settings.enabled = false;
    visits_rig_start(&rig);
    assert_int_not_equal(access(visits_rig_key(&rig, RIG_DAY), F_OK), 0);
    assert_null(visits_rig_begin(&rig, 1));
    visits_latency(rig.visits, "ca", "le", 5);
    visits_rig_pass(&rig, 1000);
    assert_string_equal(visit_store_lines("day "), "day day=20778 keys=1 received=5 flags=0 destroyed=1 proxies=0");
    assert_int_equal(visit_store_count("latency ") + visit_store_count("visit "), 0);
    assert_int_equal(visit_store_count("purge "), 1);
    visits_rig_pass(&rig, DAY_MS / 2);
    visits_rig_pass(&rig, rig.settings.grace_ms);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("close day=20778"), 1);
    assert_int_equal(visit_store_count("purge "), 2);
    assert_null(rig.visits->days->key);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_store_that_lacks_a_function_is_told),
        TEST(the_status_says_how_it_stands),
        TEST(what_cannot_be_read_stops_the_start),
        TEST(zones_keep_their_ids_over_a_restart),
        TEST(a_server_that_records_no_visits_any_more_forgets_the_old_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
