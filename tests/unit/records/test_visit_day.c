/* records/visit_day.c: midnight, the grace, the key's end, and clocks that go wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../fakes/visits_rig.h"
#include "memory_search.h"
#include "records/day_key_place.h"
#include "records/visit_parts.h"

#define TO_MIDNIGHT_MS (12 * 3600 * INT64_C(1000))
#define GRACE_MS       (5 * 60 * INT64_C(1000))

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
    unsetenv("RUNTIME_DIRECTORY");
    visits_rig_close(&rig);
    return 0;
}

static void start(void)
{
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
}

static int64_t flags(void)
{
    return rig.visits->days->flags & ~(int64_t)CS_DAY_ERASED;
}

/* A machine whose swap is not encrypted keeps no key in a file; then there is nothing to see of that. */
static bool keys_have_files(void)
{
    char why[200];

    return day_key_place_is_safe(rig.runtime, why, sizeof why);
}

/* ---- midnight ---- */

static void a_visit_belongs_to_the_day_it_came_in(void **state)
{
    struct visit *late;
    char want[2][64];

    (void)state;
    start();
    visits_rig_pass(&rig, TO_MIDNIGHT_MS - 1000);
    late = visits_rig_begin(&rig, 1);
    snprintf(want[0], sizeof want[0], "src=%s", visits_rig_src(&rig, RIG_DAY, 1, "a.example"));
    clock_move(rig.with.loop, 2000); /* no timer has fired yet */
    visits_rig_whole(&rig, 1, "a.example");
    snprintf(want[1], sizeof want[1], "src=%s", visits_rig_src(&rig, RIG_DAY + 1, 1, "a.example"));
    visit_zone(late, "a.example");
    visit_end(late, VISIT_ISSUED, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit day=20778 hour=23 zone=a.example"), 1);
    assert_int_equal(visit_store_count("visit day=20779 hour=0 zone=a.example"), 1);
    assert_non_null(strstr(visit_store_lines("visit day=20778"), want[0]));
    assert_non_null(strstr(visit_store_lines("visit day=20779"), want[1]));
    assert_string_not_equal(want[0], want[1]);
}

static void at_the_end_of_the_grace_open_visits_are_unfinished_and_the_day_is_closed(void **state)
{
    struct visit *visit;

    (void)state;
    start();
    visit = visits_rig_begin(&rig, 1);
    visit_zone(visit, "a.example");
    visit_reached(visit, VISIT_CSR);
    visits_rig_pass(&rig, TO_MIDNIGHT_MS);
    visits_rig_pass(&rig, GRACE_MS - 1000);
    assert_int_equal(visit_store_count("visit "), 0);
    assert_int_equal(visit_store_count("close "), 0);
    visits_rig_pass(&rig, 1000);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit day=20778 hour=12 zone=a.example"), 1);
    assert_non_null(strstr(visit_store_lines("visit "), "outcome=unfinished reached=csr "));
    assert_string_equal(visit_store_lines("close "), "close day=20778 k=10");
    assert_non_null(strstr(visit_store_lines("day day=20778"), "day day=20778 keys=1 received=1 flags=0 destroyed=1"));
    assert_null(rig.visits->days->next);
    visit_end(visit, VISIT_ISSUED, ""); /* its owner learns nothing of it */
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void after_the_grace_nothing_of_the_key_is_left(void **state)
{
    struct needle needle;
    char path[128];

    (void)state;
    start();
    needle_take(&needle, day_key_bytes(rig.visits->days->key));
    snprintf(path, sizeof path, "%s", visits_rig_key(&rig, RIG_DAY));
    assert_int_equal(access(path, F_OK) == 0, keys_have_files());
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, TO_MIDNIGHT_MS);
    assert_true(memory_search(&needle) > 0);
    visits_rig_pass(&rig, GRACE_MS);
    assert_int_equal(memory_search(&needle), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(visits_rig_key(&rig, RIG_DAY + 1), F_OK) == 0, keys_have_files());
}

static void a_file_that_cannot_be_removed_is_not_noted_as_gone(void **state)
{
    char path[128];

    (void)state;
    start();
    visits_rig_whole(&rig, 1, "a.example");
    snprintf(path, sizeof path, "%s", visits_rig_key(&rig, RIG_DAY));
    unlink(path);
    if (keys_have_files())
        assert_int_equal(mkdir(path, 0700), 0);
    visits_rig_pass(&rig, TO_MIDNIGHT_MS);
    visits_rig_pass(&rig, GRACE_MS);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(strstr(visit_store_lines("day day=20778"), "destroyed=1") == NULL, keys_have_files());
    rmdir(path);
}

static void a_store_that_is_down_keeps_no_key_alive(void **state)
{
    (void)state;
    start();
    visit_store_fail("begin", -1, CS_EBUSY);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, TO_MIDNIGHT_MS);
    visits_rig_pass(&rig, GRACE_MS);
    assert_null(rig.visits->days->next->key);
    assert_int_equal(rig.visits->days->next->state, DAY_CLOSES);
    visit_store_fail("begin", 0, CS_OK);
    visits_rig_pass(&rig, 60000);
    visits_rig_pass(&rig, 60000);
    assert_int_equal(visit_store_count("visit day=20778"), 1);
    assert_int_equal(visit_store_count("close day=20778"), 1);
    assert_null(rig.visits->days->next);
}

static void a_day_is_closed_behind_its_last_visit(void **state)
{
    struct visit *open;

    (void)state;
    start();
    for (int i = 0; i < 1500; i++)
        visits_rig_whole(&rig, (uint8_t)i, "a.example");
    open = visits_rig_begin(&rig, 1);
    visits_rig_pass(&rig, TO_MIDNIGHT_MS);
    visits_rig_pass(&rig, GRACE_MS);
    visits_rig_pass(&rig, 5000);
    assert_int_equal(visit_store_count("visit day=20778"), 1501);
    assert_int_equal(visit_store_count("close day=20778"), 1);
    assert_true(visit_store_place("close day=20778") > visit_store_place("visit day=20778"));
    visit_end(open, VISIT_ISSUED, "");
}

/* ---- clocks ---- */

static void the_day_never_goes_back(void **state)
{
    (void)state;
    start();
    clock_step_wall(-DAY_MS);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit day=20778"), 1);
    assert_int_equal(flags(), CS_DAY_CLOCK);
    assert_non_null(strstr(visit_store_lines("day "), "received=1 flags=8"));
    clock_step_wall(DAY_MS);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit day=20778"), 2);
}

static void a_day_that_lasts_gets_a_new_key_all_the_same(void **state)
{
    struct needle needle;

    (void)state;
    start();
    needle_take(&needle, day_key_bytes(rig.visits->days->key));
    visits_rig_whole(&rig, 1, "a.example");
    clock_step_wall(-30 * DAY_MS);
    visits_rig_pass(&rig, DAY_MS + GRACE_MS + 60000);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(rig.visits->days->day, RIG_DAY);
    assert_int_equal(rig.visits->days->keys, 2);
    assert_int_equal(flags(), CS_DAY_CLOCK | CS_DAY_TWO_KEYS);
    assert_int_equal(memory_search(&needle), 0);
}

static void a_clock_that_is_set_forward_by_days_ends_the_day_at_once(void **state)
{
    struct visit *visit;

    (void)state;
    start();
    visit = visits_rig_begin(&rig, 1);
    clock_step_wall(3 * DAY_MS);
    visits_rig_whole(&rig, 1, "a.example");
    assert_int_equal(rig.visits->days->day, RIG_DAY + 3);
    assert_null(rig.visits->days->next->key);
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("close day=20778"), 1);
    visit_end(visit, VISIT_ISSUED, "");
}

/* ---- a restart ---- */

static struct cs_day stored(int64_t day, int64_t keys, int64_t received, int64_t day_flags)
{
    return (struct cs_day){ .size = sizeof(struct cs_day), .day = day, .keys = keys, .received = received, .flags = day_flags };
}

static void a_restart_goes_on_with_the_day_and_makes_a_second_key(void **state)
{
    struct cs_day today = stored(RIG_DAY, 1, 7, CS_DAY_PROXIES);

    (void)state;
    today.proxy_changes = 3;
    visit_store_add_day(&today);
    start();
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_string_equal(strrchr(visit_store_lines("day day=20778"), '\n')
                            ? strrchr(visit_store_lines("day day=20778"), '\n') + 1
                            : visit_store_lines("day day=20778"),
                        "day day=20778 keys=2 received=8 flags=6 destroyed=0 proxies=3");
}

static void a_key_that_no_visit_had_is_not_counted(void **state)
{
    const struct cs_day today = stored(RIG_DAY, 1, 0, 0);

    (void)state;
    visit_store_add_day(&today);
    start();
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(rig.visits->days->keys, 1);
    assert_int_equal(flags(), 0);
}

static void a_key_that_cannot_be_made_flags_the_day_with_its_first_visit(void **state)
{
    (void)state;
    start();
    day_key_destroy(rig.visits->days->key);
    rig.visits->days->key = NULL;
    assert_int_equal(flags(), 0);
    visits_rig_whole(&rig, 1, "a.example");
    assert_int_equal(flags(), CS_DAY_AT_LEAST);
}

static void a_key_that_was_kept_is_the_same_after_the_restart(void **state)
{
    const struct cs_day today = stored(RIG_DAY, 1, 1, 0);
    const bool kept = keys_have_files(); /* otherwise it is a second key */
    char before[32];

    (void)state;
    setenv("RUNTIME_DIRECTORY", rig.runtime, 1);
    start();
    snprintf(before, sizeof before, "%s", visits_rig_src(&rig, RIG_DAY, 1, ""));
    visit_end(visits_rig_begin(&rig, 1), VISIT_REFUSED, "");
    visits_rig_stop(&rig);
    assert_int_equal(access(visits_rig_key(&rig, RIG_DAY), F_OK) == 0, kept);
    assert_non_null(strstr(visit_store_lines("visit "), before));
    visit_store_add_day(&today);
    visit_store_add_zone("", strtoull(strstr(visit_store_lines("zone zone= id="), "id=") + 3, NULL, 16));
    start();
    assert_int_equal(strcmp(visits_rig_src(&rig, RIG_DAY, 1, ""), before) == 0, kept);
    assert_int_equal(rig.visits->days->keys, kept ? 1 : 2);
    assert_int_equal(flags(), kept ? 0 : CS_DAY_TWO_KEYS);
}

static void a_stop_destroys_the_key_where_nobody_else_decides(void **state)
{
    struct needle needle;

    (void)state;
    start();
    needle_take(&needle, day_key_bytes(rig.visits->days->key));
    visits_rig_stop(&rig);
    assert_int_equal(memory_search(&needle), 0);
    assert_int_not_equal(access(visits_rig_key(&rig, RIG_DAY), F_OK), 0);
    assert_non_null(strstr(visit_store_lines("day day=20778"), "destroyed=1"));
}

static void days_that_were_left_open_are_closed_at_the_start(void **state)
{
    const struct cs_day days[] = { stored(RIG_DAY - 9, 1, 5, CS_DAY_CLOSED), stored(RIG_DAY - 2, 1, 3, 0),
                                   stored(RIG_DAY - 1, 2, 4, CS_DAY_TWO_KEYS) };
    struct day_key *key;
    struct cs_error err;
    bool is_new;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        visit_store_add_day(&days[i]);
    key = day_key_open(rig.runtime, true, RIG_DAY - 1, &is_new, &err);
    assert_non_null(key);
    day_key_put_away(key);
    assert_int_equal(access(visits_rig_key(&rig, RIG_DAY - 1), F_OK), 0);
    start();
    assert_int_not_equal(access(visits_rig_key(&rig, RIG_DAY - 1), F_OK), 0);
    visits_rig_pass(&rig, 1000);
    assert_string_equal(visit_store_lines("close "), "close day=20777 k=10\nclose day=20776 k=10");
    assert_int_equal(visit_store_count("day day=20776 keys=1 received=3 flags=0 destroyed=1"), 1);
    assert_null(rig.visits->days->next);
}

static void behind_a_closed_day_the_next_one_begins(void **state)
{
    const struct cs_day closed = stored(RIG_DAY + 2, 1, 3, CS_DAY_CLOSED);

    (void)state;
    visit_store_add_day(&closed);
    start();
    assert_int_equal(rig.visits->days->day, RIG_DAY + 3);
    assert_int_equal(flags(), CS_DAY_CLOCK);
}

static void what_came_before_a_crash_was_counted(void **state)
{
    const struct cs_day today = stored(RIG_DAY, 1, 2, 0);
    struct visit_counter *counter = visit_counter_open(rig.runtime);

    (void)state;
    visit_counter_put(counter, RIG_DAY, 9); /* seven that never reached the store */
    visit_counter_close(counter);
    visit_store_add_day(&today);
    start();
    visits_rig_pass(&rig, 1000);
    assert_non_null(strstr(visit_store_lines("day day=20778"), "received=9"));
}

static void days_that_cannot_be_read_stop_the_start(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    visit_store_fail("day_list", 1, CS_EBUSY);
    assert_null(visits_open(&rig.with, &err));
    assert_string_equal(err.text, "day_list fails");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_visit_belongs_to_the_day_it_came_in),
        TEST(at_the_end_of_the_grace_open_visits_are_unfinished_and_the_day_is_closed),
        TEST(after_the_grace_nothing_of_the_key_is_left),
        TEST(a_file_that_cannot_be_removed_is_not_noted_as_gone),
        TEST(a_store_that_is_down_keeps_no_key_alive),
        TEST(a_day_is_closed_behind_its_last_visit),
        TEST(the_day_never_goes_back),
        TEST(a_day_that_lasts_gets_a_new_key_all_the_same),
        TEST(a_clock_that_is_set_forward_by_days_ends_the_day_at_once),
        TEST(a_restart_goes_on_with_the_day_and_makes_a_second_key),
        TEST(a_key_that_no_visit_had_is_not_counted),
        TEST(a_key_that_cannot_be_made_flags_the_day_with_its_first_visit),
        TEST(a_key_that_was_kept_is_the_same_after_the_restart),
        TEST(a_stop_destroys_the_key_where_nobody_else_decides),
        TEST(days_that_were_left_open_are_closed_at_the_start),
        TEST(behind_a_closed_day_the_next_one_begins),
        TEST(what_came_before_a_crash_was_counted),
        TEST(days_that_cannot_be_read_stop_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
