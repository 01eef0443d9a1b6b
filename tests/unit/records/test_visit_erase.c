/* records/visit_erase.c: who asks to be forgotten is, wherever he stands. */
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
static struct visits_erased erased;
static struct cs_error failure;
static int answers;

static int set_up(void **state)
{
    (void)state;
    answers = 0;
    failure = (struct cs_error){ 0 };
    visits_rig_open(&rig);
    visits_rig_start(&rig);
    visits_rig_turn(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    visits_rig_close(&rig);
    return 0;
}

static void on_erased(void *arg, const struct visits_erased *result, const struct cs_error *err)
{
    (void)arg;
    erased = *result;
    failure = err ? *err : (struct cs_error){ 0 };
    answers++;
}

static void erase(const struct visits_what *what)
{
    visits_erase(rig.visits, what, on_erased, NULL);
    visits_rig_turn(&rig);
    assert_int_equal(answers, 1);
    answers = 0;
}

static struct visits_what source_ending(uint8_t last)
{
    return (struct visits_what){ .has_source = true, .source = { SOURCE_IPV4, { 192, 0, 2, last } } };
}

static void a_source_is_erased_under_way_in_the_queue_and_in_the_store(void **state)
{
    const struct visits_what what = source_ending(1);
    struct visit *without_zone, *with_zone, *other;
    char want[200];

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_whole(&rig, 2, "a.example");
    visits_rig_pass(&rig, 1000);
    visits_rig_whole(&rig, 1, "a.example"); /* stays in the queue */
    visits_rig_whole(&rig, 2, "a.example");
    without_zone = visits_rig_begin(&rig, 1);
    with_zone = visits_rig_begin(&rig, 1);
    visit_zone(with_zone, "a.example");
    other = visits_rig_begin(&rig, 2);
    erase(&what);
    assert_int_equal(failure.code, CS_OK);
    assert_int_equal(erased.requests, 4);
    assert_int_equal(erased.n_days, 1);
    assert_int_equal(erased.days[0], RIG_DAY);
    assert_true(erased.scrubbed && erased.published);
    snprintf(want, sizeof want, "erase day=20778 zone=a.example src=%s label=*=* before=0",
             visits_rig_src(&rig, RIG_DAY, 1, "a.example"));
    assert_string_equal(visit_store_lines("erase "), want);
    visit_end(without_zone, VISIT_ISSUED, "");
    visit_end(with_zone, VISIT_ISSUED, "");
    visit_end(other, VISIT_ISSUED, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 4); /* one of the erased one: it was in the store before */
    assert_int_equal(rig.visits->days->received, 4);  /* it never came, so that it is not lost either */
    assert_true(rig.visits->days->flags & CS_DAY_ERASED);
}

static void a_batch_that_is_on_its_way_is_waited_for(void **state)
{
    const struct visits_what what = source_ending(1);

    (void)state;
    visit_store_hold(true);
    visits_rig_whole(&rig, 1, "a.example");
    clock_move(rig.with.loop, 1000);
    loop_run_once(rig.with.loop, 10);
    assert_non_null(rig.visits->out);
    visits_erase(rig.visits, &what, on_erased, NULL);
    loop_run_once(rig.with.loop, 50);
    assert_int_equal(answers, 0);
    assert_int_equal(visit_store_count("erase "), 0);
    visit_store_hold(false);
    visits_rig_turn(&rig);
    assert_int_equal(answers, 1);
    assert_int_equal(erased.requests, 1);
    assert_int_equal(visit_store_count("erase day=20778 zone=a.example"), 1);
}

static void one_that_could_not_be_written_yet_is_erased_and_not_written_again(void **state)
{
    const struct visits_what what = source_ending(1);

    (void)state;
    visit_store_fail("visit_add", 2, CS_EBUSY);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(rig.visits->n_queued, 1);
    erase(&what);
    assert_int_equal(erased.requests, 1);
    visits_rig_pass(&rig, 60000);
    assert_int_equal(visit_store_count("visit "), 0);
}

static void within_the_grace_yesterday_is_looked_through_too(void **state)
{
    const struct visits_what what = source_ending(1);

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 12 * 3600 * 1000);
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    erase(&what);
    assert_int_equal(erased.n_days, 2);
    assert_int_equal(erased.days[0], RIG_DAY + 1);
    assert_int_equal(erased.days[1], RIG_DAY);
    assert_int_equal(visit_store_count("erase day=20778 "), 1);
    assert_int_equal(visit_store_count("erase day=20779 "), 1);
    visits_rig_pass(&rig, 5 * 60 * 1000);
    visit_store_forget();
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 1000);
    erase(&what);
    assert_int_equal(erased.n_days, 1);
    assert_int_equal(visit_store_count("erase "), 1);
}

static void no_key_is_made_and_no_zone_for_it(void **state)
{
    const struct visits_what what = source_ending(77);

    (void)state;
    visit_store_forget();
    erase(&what);
    assert_int_equal(erased.requests, 0);
    assert_int_equal(erased.n_days, 1);
    assert_int_equal(visit_store_count("erase "), 0);
    assert_int_equal(visit_store_count("zone "), 0);
}

static void a_zone_gets_another_id_once_its_visits_are_erased(void **state)
{
    const struct visits_what what = { .zone = "a.example" };
    char before[32];
    struct visit *open;

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_whole(&rig, 1, "b.example");
    snprintf(before, sizeof before, "%s", visits_rig_src(&rig, RIG_DAY, 1, "a.example"));
    open = visits_rig_begin(&rig, 3);
    visit_zone(open, "a.example");
    erase(&what);
    assert_int_equal(erased.requests, 3); /* queued, open, and what the fake store says */
    assert_string_equal(visit_store_lines("erase "), "erase day=-1 zone=a.example src=0000000000000000 label=*=* before=0");
    visit_end(open, VISIT_ISSUED, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
    visits_rig_whole(&rig, 1, "a.example");
    assert_string_not_equal(visits_rig_src(&rig, RIG_DAY, 1, "a.example"), before);
}

static void what_comes_in_meanwhile_goes_with_its_zone(void **state)
{
    const struct visits_what what = { .zone = "a.example" };
    struct visit *open;

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_erase(rig.visits, &what, on_erased, NULL);
    open = visits_rig_begin(&rig, 3);
    visit_zone(open, "a.example");
    visits_rig_whole(&rig, 4, "a.example");
    visits_rig_whole(&rig, 4, "b.example");
    visits_rig_turn(&rig);
    assert_int_equal(answers, 1);
    answers = 0;
    assert_int_equal(erased.requests, 4); /* with what the fake store says */
    visit_end(open, VISIT_ISSUED, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void days_before_one_are_erased(void **state)
{
    const struct visits_what what = { .before_day = RIG_DAY };

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    erase(&what);
    assert_int_equal(erased.requests, 1); /* what the fake store says: today's stay */
    assert_string_equal(visit_store_lines("erase "), "erase day=-1 zone=* src=0000000000000000 label=*=* before=20778");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void a_label_goes_and_its_visit_stays(void **state)
{
    const struct visits_what what = { .label_name = "campaign", .label_value = "spring" };
    const struct visit_label given[] = { { "campaign", "spring" }, { "channel", "mail" } };
    struct visit *visit = visits_rig_begin(&rig, 1);

    (void)state;
    visit_labels(visit, given, 2);
    erase(&what);
    assert_int_equal(erased.requests, 2);
    assert_string_equal(visit_store_lines("erase "), "erase day=-1 zone=* src=0000000000000000 label=campaign=spring before=0");
    assert_int_equal(visit->n_given, 1);
    assert_string_equal(visit->given[0].name, "channel");
    visit_end(visit, VISIT_ISSUED, "");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void a_store_that_cannot_erase_says_why(void **state)
{
    const struct visits_what what = { .zone = "a.example" };

    (void)state;
    visit_store_fail("visits_erase", 2, CS_EBUSY);
    erase(&what);
    assert_int_equal(failure.code, CS_EBUSY);
    assert_string_equal(failure.text, "visits_erase fails");
}

static void a_reader_that_holds_the_old_bytes_is_told_of(void **state)
{
    const struct visits_what what = { .zone = "a.example" };

    (void)state;
    visit_store_scrub_slowly(1);
    erase(&what);
    assert_false(erased.scrubbed);
    visits_rig_pass(&rig, 1000);
    assert_true(rig.visits->scrubbed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_is_erased_under_way_in_the_queue_and_in_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_that_is_on_its_way_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_could_not_be_written_yet_is_erased_and_not_written_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(within_the_grace_yesterday_is_looked_through_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_key_is_made_and_no_zone_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_zone_gets_another_id_once_its_visits_are_erased, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_in_meanwhile_goes_with_its_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(days_before_one_are_erased, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_label_goes_and_its_visit_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_that_cannot_erase_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_holds_the_old_bytes_is_told_of, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
