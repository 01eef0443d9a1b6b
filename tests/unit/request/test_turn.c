/* request/turn.c: one order at a time in a zone, zones independent, the line keeps its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "request/turn.h"

static struct {
    struct loop *loop;
    struct turns *queues;
    struct turn_place places[8];
    char turns[64];
} rig;

static void turn(void *arg)
{
    const size_t n = strlen(rig.turns);

    rig.turns[n] = *(const char *)arg;
    rig.turns[n + 1] = '\0';
}

static const char one[] = "one", other[] = "other", third[] = "third"; /* sources */

static void join_as(const void *source, size_t n, const char *zone, int64_t parallel)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    struct cs_error err;

    rig.places[n].turn = turn;
    rig.places[n].arg = (void *)names[n];
    rig.places[n].source = source;
    assert_int_equal(turn_join(rig.queues, zone, parallel, &rig.places[n], &err), 0);
}

static void join(size_t n, const char *zone, int64_t parallel)
{
    join_as(NULL, n, zone, parallel);
}

static void run(void)
{
    for (int i = 0; i < 3; i++)
        loop_run_once(rig.loop, 0);
}

static int set_up(void **state)
{
    struct cs_error err;

    (void)state;
    memset(&rig, 0, sizeof rig);
    rig.loop = loop_new(&err);
    rig.queues = turns_new(rig.loop);
    return rig.loop && rig.queues ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++)
        turn_leave(&rig.places[i]);
    run();
    turns_free(rig.queues);
    loop_free(rig.loop);
    return 0;
}

static void one_at_a_time_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        join(i, "x.example", 1);
    assert_string_equal(rig.turns, "");
    run();
    assert_string_equal(rig.turns, "a");
    assert_int_equal(turn_ahead(&rig.places[1]), 1);
    assert_int_equal(turn_ahead(&rig.places[2]), 2);
    turn_leave(&rig.places[0]);
    run();
    assert_string_equal(rig.turns, "ab");
    turn_leave(&rig.places[1]);
    run();
    assert_string_equal(rig.turns, "abc");
}

static void zones_do_not_wait_for_each_other(void **state)
{
    (void)state;
    join(0, "x.example", 1);
    join(1, "x.example", 1);
    join(2, "y.example", 1);
    run();
    assert_string_equal(rig.turns, "ac");
}

static void as_many_as_the_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
        join(i, "x.example", 3);
    run();
    assert_string_equal(rig.turns, "abc");
    turn_leave(&rig.places[1]);
    run();
    assert_string_equal(rig.turns, "abcd");
}

static void who_leaves_the_line_is_passed_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        join(i, "x.example", 1);
    run();
    turn_leave(&rig.places[1]);
    turn_leave(&rig.places[1]);
    turn_leave(&rig.places[0]);
    turn_leave(&rig.places[2]);
    run();
    assert_string_equal(rig.turns, "ad");
}

static void a_row_that_now_allows_more_counts_at_once(void **state)
{
    (void)state;
    join(0, "x.example", 1);
    join(1, "x.example", 1);
    run();
    join(2, "x.example", 3);
    run();
    assert_string_equal(rig.turns, "abc");
}

/* Everybody leaves when his turn has come. */
static void run_out(const char *wanted)
{
    for (size_t i = 0; i < strlen(wanted); i++) {
        run();
        assert_int_equal(strlen(rig.turns), i + 1);
        turn_leave(&rig.places[rig.turns[i] - 'a']);
    }
    assert_string_equal(rig.turns, wanted);
}

static void sources_take_turns(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        join_as(one, i, "x.example", 1);
    join_as(other, 4, "x.example", 1);
    join_as(other, 5, "x.example", 1);
    join(6, "x.example", 1); /* nobody's: as of a source of its own */
    join(7, "x.example", 1);
    run_out("aeghbfcd");
}

/* With one order at work and one that waits, again and again, it must not keep all others out. */
static void who_comes_again_and_again_waits_like_the_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        join_as(one, i, "x.example", 1);
    run();
    join_as(other, 3, "x.example", 1);
    turn_leave(&rig.places[0]);
    run();
    join_as(other, 4, "x.example", 1); /* while its first is at work: behind the two that were there before */
    turn_leave(&rig.places[3]);
    run();
    join_as(other, 5, "x.example", 1);
    turn_leave(&rig.places[1]);
    run();
    assert_string_equal(rig.turns, "adbc");
    turn_leave(&rig.places[2]);
    run();
    turn_leave(&rig.places[4]);
    run();
    assert_string_equal(rig.turns, "adbcef");
}

/* Whoever has his turn leaves, and all that are named come again if they are in no line. */
static void leave_and_come_again(const char *who)
{
    const char now = rig.turns[strlen(rig.turns) - 1];

    turn_leave(&rig.places[now - 'a']);
    run();
    if (strchr(who, now))
        join_as(now == 'c' ? other : third, (size_t)(now - 'a'), "x.example", 1);
    run();
}

/* Each of the two has one order in the line at a time: while the other's is at work, the first comes again. */
static void two_that_come_again_and_again_do_not_keep_a_second_order_out(void **state)
{
    (void)state;
    join_as(other, 2, "x.example", 1);
    run();
    join_as(third, 3, "x.example", 1);
    join_as(one, 0, "x.example", 1);
    join_as(one, 1, "x.example", 1);
    for (int i = 0; i < 6; i++)
        leave_and_come_again("cd");
    assert_string_equal(rig.turns, "cdacdbc"); /* in rounds: c, da, cdb, c */
}

/* Nor do ever new ones: the round that is running has an end. */
static void newcomers_without_end_do_not_keep_a_second_order_out(void **state)
{
    static const char sources[4];

    (void)state;
    join_as(one, 0, "x.example", 1);
    join_as(one, 1, "x.example", 1);
    run();
    for (size_t i = 0; i < 4; i++) {
        join_as(&sources[i], 2 + i, "x.example", 1); /* one waits, and before its turn is over the next has come */
        leave_and_come_again("");
    }
    assert_string_equal(rig.turns, "acbde");
}

static void a_line_has_room_for_so_many(void **state)
{
    (void)state;
    join(0, "x.example", 1);
    assert_true(turn_reserve(rig.queues, "x.example", 2, &rig.places[1]));
    assert_false(turn_reserve(rig.queues, "x.example", 2, &rig.places[2]));
    assert_true(turn_reserve(rig.queues, "y.example", 2, &rig.places[3]));
    run(); /* the first does not wait any more */
    assert_true(turn_reserve(rig.queues, "x.example", 2, &rig.places[2]));
    join(1, "x.example", 1);
    assert_false(turn_reserve(rig.queues, "x.example", 2, &rig.places[4]));
    turn_leave(&rig.places[2]); /* it never joined */
    assert_true(turn_reserve(rig.queues, "x.example", 2, &rig.places[4]));
    turn_leave(&rig.places[0]);
    run();
    assert_string_equal(rig.turns, "ab");
    join(5, "x.example", 1); /* without asking for room: it was there before */
    join(6, "x.example", 1);
    assert_false(turn_reserve(rig.queues, "x.example", 2, &rig.places[7]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zones_do_not_wait_for_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_as_the_row_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_the_line_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_now_allows_more_counts_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sources_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_comes_again_and_again_waits_like_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_that_come_again_and_again_do_not_keep_a_second_order_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newcomers_without_end_do_not_keep_a_second_order_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_has_room_for_so_many, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
