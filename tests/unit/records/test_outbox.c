/* records/outbox.c and sink.c over a real store: every event reaches every sink, in order, whatever the sinks do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../fakes/store_core.h"
#include "engine/clock.h"
#include "outbox_rig.h"
#include "records/outbox.h"

static void every_sink_gets_every_event_in_order(void **state)
{
    (void)state;
    open_outbox(2, 1000);
    add(3);
    await_text(&sinks[0], "1 2 3|");
    await_text(&sinks[1], "1 2 3|");
    add(1);
    await_text(&sinks[0], "1 2 3|4|");
    await_text(&sinks[1], "1 2 3|4|");
    assert_int_equal(outbox_lost(outbox), 0);
}

static void an_event_of_an_undone_write_never_was(void **state)
{
    struct answers a = { 0 };
    int one = 1;

    (void)state;
    open_outbox(1, 1000);
    store_write(s.store, add_and_fail, &one, on_answer, &a);
    await_answers(&s, &a, 1);
    outbox_wake(outbox);
    add(1);
    await_text(&sinks[0], "1|");
}

static void events_one_after_another_go_together(void **state)
{
    (void)state;
    open_outbox(1, 1000);
    add(1);
    await_text(&sinks[0], "1|");
    clock_freeze(true);
    add(1);
    add(2);
    for (int i = 0; i < 10; i++)
        loop_run_once(s.loop, 5);
    assert_int_equal(calls_of(&sinks[0]), 1);
    clock_freeze(false);
    await_text(&sinks[0], "1|2 3 4|");
}

static void events_that_come_while_the_sink_writes_are_not_forgotten(void **state)
{
    (void)state;
    open_outbox(1, 1000);
    sinks[0].held = true;
    add(1);
    await_calls(&sinks[0], 1);
    add(1);
    sinks[0].held = false;
    sem_post(&sinks[0].gate);
    await_text(&sinks[0], "1|2|");
}

static void many_events_go_in_batches(void **state)
{
    (void)state;
    open_outbox(1, 10000);
    add(1200);
    await_calls(&sinks[0], 3);
    await_number("SELECT max(number) FROM cursor WHERE sink = 'siem'", 1200);
}

static void what_all_sinks_have_is_forgotten(void **state)
{
    (void)state;
    set_fail(&sinks[1], -1);
    open_outbox(2, 1000);
    add(3);
    await_text(&sinks[0], "1 2 3|");
    await_number("SELECT max(number) FROM cursor WHERE sink = 'siem'", 3);
    assert_int_equal(count("SELECT count(*) FROM outbox"), 3);
    assert_int_equal(count("SELECT count(*) FROM cursor WHERE sink = 'file'"), 0);
    set_fail(&sinks[1], 0);
    pass_time_until_text(&sinks[1], "1 2 3|");
    await_number("SELECT count(*) FROM outbox", 0);
    assert_int_equal(count("SELECT max(number) FROM cursor WHERE sink = 'file'"), 3);
    assert_int_equal(outbox_lost(outbox), 0);
}

static void a_sink_that_is_down_delays_nobody_and_is_tried_again_with_growing_pauses(void **state)
{
    static const int pauses_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
    enum { PAUSES = sizeof pauses_s / sizeof *pauses_s };

    (void)state;
    set_fail(&sinks[0], -1);
    open_outbox(2, 1000);
    add(1);
    await_text(&sinks[1], "1|");
    pass_time_until(&sinks[0], PAUSES + 1);
    for (int i = 0; i < PAUSES; i++) {
        int64_t pause_ms = sinks[0].called_ms[i + 1] - sinks[0].called_ms[i];

        assert_true(pause_ms >= pauses_s[i] * 1000);
        assert_true(pause_ms < pauses_s[i] * 1000 + 50000);
    }
    add(1);
    await_text(&sinks[1], "1|2|");
    set_fail(&sinks[0], 0);
    pass_time_until(&sinks[0], PAUSES + 2);
    await_text(&sinks[0], "1 2|");
    set_fail(&sinks[0], 1);
    add(1);
    await_calls(&sinks[0], PAUSES + 3);
    pass_time_until(&sinks[0], PAUSES + 4);
    await_text(&sinks[0], "1 2|3|");
    assert_true(sinks[0].called_ms[PAUSES + 3] - sinks[0].called_ms[PAUSES + 2] < 50000);
}

static void one_line_tells_of_a_failure_and_one_of_its_end(void **state)
{
    char line[2000] = { 0 };
    int pipes[2], before;

    (void)state;
    set_fail(&sinks[0], 4);
    open_outbox(1, 1000);
    assert_int_equal(pipe(pipes), 0);
    before = dup(2);
    dup2(pipes[1], 2);
    add(2);
    pass_time_until(&sinks[0], 5);
    await_text(&sinks[0], "1 2|");
    await_line(pipes[0], line, sizeof line, "up_to=2\n");
    dup2(before, 2);
    close(before);
    close(pipes[1]);
    close(pipes[0]);
    assert_non_null(strstr(line, "audit.siem: audit events cannot be delivered and are kept: the sink is down\n"));
    assert_non_null(strstr(line, "audit.siem: audit events are delivered again up_to=2\n"));
    assert_null(strstr(strstr(line, "cannot be delivered") + 1, "cannot be delivered"));
}

static void after_a_restart_delivery_goes_on_behind_the_cursor(void **state)
{
    (void)state;
    open_outbox(1, 1000);
    add(2);
    await_text(&sinks[0], "1 2|");
    outbox_close(outbox);
    assert_int_equal(count("SELECT max(number) FROM cursor WHERE sink = 'siem'"), 2);
    assert_int_equal(count("SELECT count(*) FROM outbox"), 0);
    open_outbox(1, 1000);
    add(1);
    await_text(&sinks[0], "1 2|3|");
}

static void what_a_crash_left_undelivered_comes_at_the_start(void **state)
{
    (void)state;
    set_fail(&sinks[0], -1);
    open_outbox(1, 1000);
    add(2);
    await_calls(&sinks[0], 1);
    outbox_close(outbox);
    set_fail(&sinks[0], 0);
    open_outbox(1, 1000);
    await_text(&sinks[0], "1 2|");
}

static void beyond_the_bound_the_oldest_go(void **state)
{
    (void)state;
    set_fail(&sinks[0], -1);
    open_outbox(1, 10);
    add(25);
    await_calls(&sinks[0], 1);
    await_number("SELECT count(*) FROM outbox", 10);
    assert_int_equal(count("SELECT min(number) FROM outbox"), 16);
    for (int i = 0; i < 2000 && outbox_lost(outbox) < 15; i++)
        loop_run_once(s.loop, 10);
    assert_int_equal(outbox_lost(outbox), 15);
    pass_time_until(&sinks[0], calls_of(&sinks[0]) + 2); /* what was read before the oldest went has failed */
    set_fail(&sinks[0], 0);
    pass_time_until_text(&sinks[0], "16 17 18 19 20 21 22 23 24 25|");
}

static void numbers_that_a_restore_left_out_push_no_event_over_the_bound(void **state)
{
    (void)state;
    set_fail(&sinks[0], -1);
    open_outbox(1, 10);
    add(6);
    await_calls(&sinks[0], 1);
    count("UPDATE sqlite_sequence SET seq = 50000 WHERE name = 'outbox' RETURNING seq");
    add(6);
    await_number("SELECT count(*) FROM outbox", 10);
    assert_int_equal(count("SELECT min(number) FROM outbox"), 3);
    assert_int_equal(count("SELECT max(number) FROM outbox"), 50006);
}

static void what_is_told_is_delivered_and_bounded(void **state)
{
    struct plug plug;

    (void)state;
    open_outbox(1, 10000);
    outbox_tell(outbox, "refused", "{\"n\":1}", 7);
    await_text(&sinks[0], "1refused{\"n\":1}|");
    plug_writer(&s, &plug);
    for (int i = 0; i < 1003; i++)
        outbox_tell(outbox, "refused", "{}", 2);
    assert_int_equal(outbox_lost(outbox), 3);
    unplug_writer(&plug);
    await_number("SELECT max(number) FROM cursor", 1001);
    assert_int_equal(outbox_lost(outbox), 3);
}

static void without_a_sink_nothing_is_written(void **state)
{
    (void)state;
    store_file_sql(&s.f, "INSERT INTO outbox (time_ms, kind, json) VALUES (1, 'issued', '{}'), (2, 'issued', '{}')");
    open_outbox(0, 1000);
    await_number("SELECT count(*) FROM outbox", 0);
    add(5);
    outbox_tell(outbox, "refused", "{}", 2);
    add(1); /* the writer has dealt with what came before */
    turn(50);
    assert_int_equal(count("SELECT count(*) FROM outbox"), 0);
    assert_int_equal(count("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"), 2);
    assert_int_equal(outbox_lost(outbox), 0);
}

static void closing_gives_a_last_chance(void **state)
{
    int64_t began_ms;

    (void)state;
    set_fail(&sinks[0], 1);
    set_fail(&sinks[1], -1);
    open_outbox(2, 1000);
    add(1);
    await_calls(&sinks[0], 1);
    await_calls(&sinks[1], 1);
    turn(20);
    outbox_tell(outbox, "stopped", "{}", 2);
    began_ms = cs_now_ms();
    outbox_close(outbox);
    outbox = NULL;
    assert_true(got(&sinks[0], "1 2stopped|") || got(&sinks[0], "1|2stopped|"));
    assert_string_equal(sinks[1].got, "");
    assert_true(cs_now_ms() - began_ms < 1900);
    assert_int_equal(count("SELECT count(*) FROM outbox"), 2);
    assert_int_equal(count("SELECT max(number) FROM cursor WHERE sink = 'siem'"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_sink_gets_every_event_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_of_an_undone_write_never_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_one_after_another_go_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_that_come_while_the_sink_writes_are_not_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_events_go_in_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_all_sinks_have_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sink_that_is_down_delays_nobody_and_is_tried_again_with_growing_pauses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_line_tells_of_a_failure_and_one_of_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_restart_delivery_goes_on_behind_the_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_crash_left_undelivered_comes_at_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_the_bound_the_oldest_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_a_restore_left_out_push_no_event_over_the_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_told_is_delivered_and_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_sink_nothing_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_gives_a_last_chance, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
