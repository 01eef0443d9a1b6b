/* dns-rfc2136 as a whole: packets that get lost, slow servers, TCP, and the end of a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../fakes/updating.h"
#include "engine/clock.h"
#include "engine/op.h"

enum { TC = 0x02 };

static struct updating u;
static struct updating_op op;

static const struct updating_request *last(size_t server)
{
    return updating_last(&u.servers[server]);
}

static void say_nothing(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)s, (void)question;
    reply->len = 0;
}

/* ---- UDP ----------------------------------------------------------------------------------------------------------- */

static void answer_the_third(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    if (s->updates < 3)
        reply->len = 0;
    else
        updating_sign(s, reply);
}

static void what_is_lost_is_sent_again_as_the_same_bytes(void **state)
{
    const struct updating_request *seen = u.servers[0].seen;

    (void)state;
    updating_open(&u);
    u.servers[0].answer = answer_the_third;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_pass(&u, 1999);
    assert_int_equal(u.servers[0].updates, 1);
    updating_pass(&u, 1);
    updating_until(&u, &u.servers[0].updates, 2);
    updating_pass(&u, 2000);
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 3);
    for (size_t i = 2; i < 4; i++) {
        assert_int_equal(seen[i].port, seen[1].port);
        assert_int_equal(seen[i].len, seen[1].len);
        assert_memory_equal(seen[i].at, seen[1].at, seen[1].len);
    }
}

static struct message held;
static uint16_t held_port;

static void hold(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    updating_sign(s, reply);
    held = *reply;
    held_port = question->port;
    reply->len = 0;
}

static void a_slow_answer_is_waited_for(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = hold;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_pass(&u, 1200);
    assert_false(op.over);
    updating_send(&u.servers[0], held_port, &held);
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 1);
}

static void a_short_timeout_is_still_patient(void **state)
{
    (void)state;
    updating_set_ms(&u, "timeout", 2000);
    updating_open(&u);
    u.servers[0].answer = hold;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_pass(&u, 1199);
    assert_int_equal(u.servers[0].updates, 1);
    updating_pass(&u, 1);
    updating_until(&u, &u.servers[0].updates, 2);
    updating_pass(&u, 800);
    updating_finish(&u, &op);
    updating_expect(&op, CS_ETIMEDOUT, "no answer within 2 s");
}

static void silence_by_udp_leads_to_tcp(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = say_nothing;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_pass(&u, 2000);
    updating_until(&u, &u.servers[0].updates, 2);
    updating_pass(&u, 2000);
    updating_until(&u, &u.servers[0].updates, 3);
    u.servers[0].answer = NULL;
    updating_pass(&u, 2000);
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 4);
    assert_true(last(0)->tcp);
}

static void every_message_has_its_own_port_and_id(void **state)
{
    const struct updating_request *seen = u.servers[0].seen;
    size_t same_id = 0, same_port = 0;

    (void)state;
    updating_open(&u);
    for (int i = 0; i < 20; i++)
        updating_do(&u, &op);
    assert_int_equal(u.servers[0].n, 21);
    for (size_t i = 1; i < 21; i++) {
        same_id += seen[i].id == seen[i - 1].id;
        same_port += seen[i].port == seen[i - 1].port;
    }
    assert_true(same_id < 3 && same_port < 3);
}

/* ---- TCP ----------------------------------------------------------------------------------------------------------- */

static void truncate_udp(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    if (!question->tcp)
        reply->at[2] |= TC;
    if (question->tcp || u.n == 1)
        updating_sign(s, reply);
}

static void a_truncated_answer_leads_to_tcp(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = truncate_udp;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 2);
    assert_true(last(0)->tcp);
    assert_int_not_equal(last(0)->id, u.servers[0].seen[1].id);
}

static void truncate_always(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    reply->at[2] |= TC;
    if (s->updates % 2 == 0)
        updating_sign(s, reply);
}

static void a_truncated_answer_by_tcp_is_none(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = truncate_always;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "TCP: a truncated answer");
    assert_int_equal(u.servers[0].updates, 2);
}

static void large_messages_go_by_tcp_at_once(void **state)
{
    static char values[60][60];

    (void)state;
    updating_open(&u);
    updating_do(&u, &op);
    assert_false(last(0)->tcp);
    for (size_t n = 1; n <= 60; n += 59) {
        memset(&op, 0, sizeof op);
        for (size_t i = 0; i < n; i++) {
            snprintf(values[i], sizeof values[i], "%043zu", i);
            op.want[i] = values[i];
        }
        op.change = (struct cs_txt_change){
            .size = sizeof op.change, .zone = "lab.example.", .owner = UPDATING_OWNER, .want = op.want, .n_want = n, .ttl = 10
        };
        updating_call(&u, &op);
        updating_finish(&u, &op);
        assert_int_equal(op.err.code, CS_OK);
        assert_int_equal(last(0)->tcp, n == 60);
        assert_true(last(0)->tcp || last(0)->len <= 512);
    }
    assert_int_equal(u.servers[0].updates, 3);
}

static void everything_goes_by_tcp_when_that_is_set(void **state)
{
    (void)state;
    updating_set(&u, "tcp", "always");
    updating_open(&u);
    u.servers[0].fake.tcp_piece = 1;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].n, 2);
    assert_true(u.servers[0].seen[0].tcp && u.servers[0].seen[1].tcp);
}

static void a_connection_that_ends_is_a_failure(void **state)
{
    (void)state;
    updating_set(&u, "tcp", "always");
    updating_open(&u);
    u.servers[0].fake.tcp_closes = true;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "TCP: closed without an answer");
}

static void forge(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)s, (void)question, (void)reply; /* all went well, but nobody signed that */
}

static void a_forged_answer_by_tcp_is_a_failure(void **state)
{
    (void)state;
    updating_set(&u, "tcp", "always");
    updating_open(&u);
    u.servers[0].answer = forge;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "it says that all went well, but is not signed");
}

static void a_flood_of_forged_answers_ends(struct updating_server *s, const struct fake_question *question,
                                           struct message *reply)
{
    (void)s;
    for (int i = 0; i < 200 && !question->tcp; i++)
        updating_send(s, question->port, reply);
}

static void a_flood_of_forged_answers_leads_to_tcp(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = a_flood_of_forged_answers_ends;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "an answer that cannot be believed");
    assert_int_equal(u.servers[0].updates, 2);
    assert_true(last(0)->tcp);
}

/* ---- The end of a call --------------------------------------------------------------------------------------------- */

static void a_call_ends_at_its_deadline(void **state)
{
    (void)state;
    updating_set_ms(&u, "timeout", 60000);
    updating_open(&u);
    u.servers[0].answer = say_nothing;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].updates, 1);
    updating_pass(&u, 30000);
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_ETIMEDOUT);
    updating_expect_late(&op, CS_ETIMEDOUT, "no time left: no answer from 127.0.0.1:");
}

static void a_call_ends_when_the_server_stops(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = say_nothing;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_until(&u, &u.servers[0].questions, 1);
    op_cancel(op.op, CS_SHUTDOWN);
    updating_finish(&u, &op);
    updating_expect_late(&op, CS_ESHUTDOWN, "the server is stopping: no answer from 127.0.0.1:");
}

static struct updating_op many[100];

static void a_hundred_changes_at_once_are_made_in_turn(void **state)
{
    static char owners[100][64];

    (void)state;
    updating_set(&u, "zone", "lab.example");
    updating_open(&u);
    u.servers[0].answer = say_nothing;
    for (size_t i = 0; i < 100; i++) {
        snprintf(owners[i], sizeof owners[i], "_acme-challenge.h%zu.lab.example.", i);
        updating_begin(&u, &many[i], owners[i], "value", NULL);
    }
    updating_until(&u, &u.servers[0].updates, 32);
    updating_settle(&u);
    assert_int_equal(u.servers[0].updates, 32);
    op_cancel(many[99].op, CS_DEADLINE);
    updating_finish(&u, &many[99]);
    updating_expect_late(&many[99], CS_ETIMEDOUT, "it still waited for its turn, behind 32 others");
    u.servers[0].answer = NULL;
    for (size_t i = 0; i < 99; i++) {
        updating_hurry(&u, &many[i]);
        assert_int_equal(many[i].err.code, CS_OK);
    }
    assert_int_equal(u.servers[0].updates, 32 + 99);
}

static int set_up_one(void **state)
{
    (void)state;
    updating_up(&u, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    updating_down(&u);
    return 0;
}

#define ONE(name)   cmocka_unit_test_setup_teardown(name, set_up_one, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(what_is_lost_is_sent_again_as_the_same_bytes),
        ONE(a_slow_answer_is_waited_for),
        ONE(a_short_timeout_is_still_patient),
        ONE(silence_by_udp_leads_to_tcp),
        ONE(every_message_has_its_own_port_and_id),
        ONE(a_truncated_answer_leads_to_tcp),
        ONE(a_truncated_answer_by_tcp_is_none),
        ONE(large_messages_go_by_tcp_at_once),
        ONE(everything_goes_by_tcp_when_that_is_set),
        ONE(a_connection_that_ends_is_a_failure),
        ONE(a_forged_answer_by_tcp_is_a_failure),
        ONE(a_flood_of_forged_answers_leads_to_tcp),
        ONE(a_call_ends_at_its_deadline),
        ONE(a_call_ends_when_the_server_stops),
        ONE(a_hundred_changes_at_once_are_made_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
