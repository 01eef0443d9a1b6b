/* records/visit_export.c: what is held about a source, wherever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../fakes/visits_rig.h"
#include "records/visit_parts.h"

static struct visits_rig rig;
static char rows[500];
static size_t n_days;
static struct cs_error failure;
static int answers;

static int set_up(void **state)
{
    (void)state;
    answers = 0;
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

static void on_counted(void *arg, const struct visits_count *counts, size_t n, const int64_t *days, size_t days_n,
                       const struct cs_error *err)
{
    size_t len = 0;

    (void)arg;
    rows[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(rows + len, sizeof rows - len, "%" PRId64 " %s %s %" PRId64 ";", counts[i].day,
                                *counts[i].zone ? counts[i].zone : "-", *counts[i].outcome ? counts[i].outcome : "-",
                                counts[i].requests);
    n_days = days_n;
    if (n_days)
        assert_true(days[0] >= RIG_DAY);
    failure = err ? *err : (struct cs_error){ 0 };
    answers++;
}

static void export(uint8_t last)
{
    const struct source source = { SOURCE_IPV4, { 192, 0, 2, last } };

    visits_export(rig.visits, &source, on_counted, NULL);
    visits_rig_turn(&rig);
    assert_int_equal(answers, 1);
    answers = 0;
}

static void visits_in_the_store_in_the_queue_and_under_way_are_counted(void **state)
{
    struct visit *open, *with_zone;

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_whole(&rig, 2, "a.example");
    visits_rig_pass(&rig, 1000);
    visits_rig_whole(&rig, 1, "a.example");
    open = visits_rig_begin(&rig, 1);
    with_zone = visits_rig_begin(&rig, 1);
    visit_zone(with_zone, "b.example");
    visit_end(visits_rig_begin(&rig, 2), VISIT_REFUSED, "unknown-subject");
    export(1);
    assert_non_null(strstr(rows, "20778 a.example issued 3;"));
    assert_non_null(strstr(rows, "20778 - - 1;"));
    assert_non_null(strstr(rows, "20778 b.example - 1;"));
    assert_int_equal(strlen(rows), strlen("20778 a.example issued 3;20778 - - 1;20778 b.example - 1;"));
    assert_int_equal(n_days, 1);
    export(2);
    assert_non_null(strstr(rows, "20778 - refused 1;"));
    assert_non_null(strstr(rows, "20778 a.example issued 1;"));
    export(3);
    assert_string_equal(rows, "");
    visit_end(open, VISIT_LEFT, "");
    visit_end(with_zone, VISIT_LEFT, "");
}

static void a_day_whose_key_is_gone_cannot_be_asked(void **state)
{
    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_rig_pass(&rig, 12 * 3600 * 1000 + 5 * 60 * 1000);
    export(1);
    assert_string_equal(rows, "");
    assert_int_equal(n_days, 1);
}

static void a_store_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visit_store_fail("visits_of", 1, CS_EBUSY);
    export(1);
    assert_string_equal(failure.text, "visits_of fails");
    assert_string_equal(rows, "");
}

static void what_waits_to_be_written_is_not_counted_twice(void **state)
{
    const struct source source = { SOURCE_IPV4, { 192, 0, 2, 1 } };

    (void)state;
    visits_rig_whole(&rig, 1, "a.example");
    visits_export(rig.visits, &source, on_counted, NULL);
    visit_batch_now(rig.visits);
    assert_null(rig.visits->out); /* it is in the queue until the answer is there */
    visits_rig_turn(&rig);
    assert_int_equal(answers, 1);
    assert_string_equal(rows, "20778 a.example issued 1;");
    visits_rig_pass(&rig, 1000);
    assert_int_equal(visit_store_count("visit "), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(visits_in_the_store_in_the_queue_and_under_way_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_to_be_written_is_not_counted_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_day_whose_key_is_gone_cannot_be_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_that_cannot_be_read_says_why, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
