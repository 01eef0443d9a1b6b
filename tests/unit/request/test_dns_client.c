/* request/dns_client.c: one question to one DNS server that is slow, wrong, gone, or somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <unistd.h>

#include "../../fakes/dns_server.h"
#include "engine/clock.h"
#include "request/dns_client.h"

enum { TXT = 16, AA = 0x0400, TC = 0x0200, RD = 0x0100 };

struct seen {
    int calls;
    unsigned rcode, answers;
    bool failed, bare;
    struct cs_error err;
};

struct script {
    unsigned questions[2]; /* by UDP, by TCP */
    uint16_t ids[8], ports[8];
    unsigned flags, behind; /* of the last question; behind: bytes behind the question itself */
    int mode;
};

enum { NORMAL, SILENT, TRUNCATES, OTHER_ID, OTHER_NAME, BARE_FORMERR, TCP_ONLY, HUGE_REPLY, GARBAGE };

static struct loop *loop;
static struct fake_server server;
static struct script script;
static struct seen seen;

static void say(void *arg, struct fake_server *from, const struct fake_question *question, struct message *reply)
{
    struct script *s = arg;
    unsigned nth = ++s->questions[question->tcp];

    (void)from;
    s->flags = question->flags;
    s->behind = (unsigned)(question->len - question->end);
    if (question->nth <= 8) {
        s->ids[question->nth - 1] = (uint16_t)question->id;
        s->ports[question->nth - 1] = question->port;
    }
    if (s->mode == SILENT || (s->mode == TCP_ONLY && !question->tcp))
        return;
    fake_reply(reply, question, s->mode == TRUNCATES && !question->tcp ? AA | TC : AA, 1, 0);
    if (s->mode == TRUNCATES && !question->tcp)
        change16(reply, 6, 0);
    else
        fake_txt(reply, question->name, "value");
    if (s->mode == OTHER_ID && nth == 1)
        change16(reply, 0, question->id + 1);
    if (s->mode == OTHER_NAME && nth == 1)
        reply->at[13] = 'x';
    if (s->mode == BARE_FORMERR)
        put_header(reply, question->id, 0x8001, 0, 0, 0, 0);
    if (s->mode == GARBAGE)
        reply->len = 20;
    for (int i = 0; s->mode == HUGE_REPLY && i < 400; i++)
        fake_txt(reply, question->name, "0123456789012345678901234567890123456789");
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct seen *s = arg;

    s->calls++;
    s->failed = answer->err != NULL;
    if (answer->err)
        s->err = *answer->err;
    s->rcode = answer->rcode;
    s->bare = !answer->pkt;
    if (answer->pkt)
        s->answers = (unsigned)ldns_rr_list_rr_count(ldns_pkt_answer(answer->pkt));
}

static struct dns_query *start_as(struct dns_ask ask, int mode, int64_t within_ms)
{
    ask.server = server.at;
    ask.server_len = server.at_len;
    ask.name = "_acme-challenge.example.";
    ask.type = TXT;
    ask.deadline_ms = cs_now_ms() + within_ms;
    script = (struct script){ .mode = mode };
    seen = (struct seen){ 0 };
    server.questions = 0;
    return dns_client_ask(loop, &ask, on_answer, &seen, &seen.err);
}

static struct dns_query *start(int mode, int64_t within_ms)
{
    return start_as((struct dns_ask){ 0 }, mode, within_ms);
}

static void run(void)
{
    for (int i = 0; i < 500 && seen.calls == 0; i++)
        loop_run_once(loop, 20);
}

/* Let time pass in which nobody answers. */
static void pass(int64_t ms)
{
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 1);
    clock_move(loop, ms);
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 1);
}

static void an_answer_is_read(void **state)
{
    (void)state;
    assert_non_null(start(NORMAL, 10000));
    assert_int_equal(seen.calls, 0);
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
    assert_int_equal(seen.rcode, 0);
    assert_int_equal(seen.answers, 1);
    assert_int_equal(script.questions[0], 1);
    assert_int_equal(script.questions[1], 0);
}

static void silence_is_asked_again_then_by_tcp(void **state)
{
    (void)state;
    assert_non_null(start(SILENT, 10000));
    pass(900);
    assert_int_equal(script.questions[0], 1);
    pass(200);
    assert_int_equal(script.questions[0], 2);
    pass(1900);
    assert_int_equal(script.questions[1], 0);
    pass(200);
    assert_int_equal(script.questions[1], 1);
    pass(2800);
    assert_int_equal(seen.calls, 0);
    pass(300);
    run();
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.err.code, CS_ETIMEDOUT);
    assert_string_equal(seen.err.text, "no answer");
}

static void every_attempt_has_its_own_id_and_port(void **state)
{
    (void)state;
    assert_non_null(start(SILENT, 10000));
    pass(1100);
    pass(2100);
    assert_int_equal(server.questions, 3);
    assert_true(script.ids[0] != script.ids[1] || script.ids[1] != script.ids[2]);
    assert_true(script.ports[0] != script.ports[1]);
    pass(3100);
    run();
}

static void the_deadline_ends_it_early(void **state)
{
    (void)state;
    assert_non_null(start(SILENT, 500));
    pass(600);
    run();
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.err.code, CS_ETIMEDOUT);
    assert_int_equal(server.questions, 1);
}

static void a_server_that_answers_by_tcp_alone_is_heard(void **state)
{
    (void)state;
    assert_non_null(start(TCP_ONLY, 10000));
    pass(1100);
    pass(2100);
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
    assert_int_equal(seen.answers, 1);
}

static void a_truncated_answer_is_fetched_by_tcp_at_once(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 40; piece += 13) {
        server.tcp_piece = piece;
        assert_non_null(start(TRUNCATES, 10000));
        run();
        assert_int_equal(seen.calls, 1);
        assert_false(seen.failed);
        assert_int_equal(seen.answers, 1);
        assert_int_equal(script.questions[0], 1);
        assert_int_equal(script.questions[1], 1);
    }
    server.tcp_piece = 0;
}

static void by_udp_only_a_truncated_answer_is_one_and_silence_ends_it(void **state)
{
    (void)state;
    assert_non_null(start_as((struct dns_ask){ .udp = true }, TRUNCATES, 10000));
    run();
    assert_false(seen.failed);
    assert_int_equal(seen.answers, 0);
    assert_int_equal(script.questions[1], 0);
    assert_non_null(start_as((struct dns_ask){ .udp = true }, SILENT, 10000));
    pass(1100);
    pass(2100);
    run();
    assert_int_equal(seen.err.code, CS_ETIMEDOUT);
    assert_int_equal(script.questions[0], 2);
    assert_int_equal(script.questions[1], 0);
}

static void flags_and_edns_are_sent_as_asked(void **state)
{
    (void)state;
    assert_non_null(start(NORMAL, 10000));
    run();
    assert_int_equal(script.flags, 0);
    assert_int_equal(script.behind, 0);
    assert_non_null(start_as((struct dns_ask){ .recurse = true, .authentic = true, .unchecked = true, .edns_size = 1232 },
                             NORMAL, 10000));
    run();
    assert_false(seen.failed);
    assert_int_equal(script.flags, 0x0130);
    assert_int_equal(script.behind, 11);
}

static void an_answer_to_something_else_is_not_taken(void **state)
{
    (void)state;
    for (int mode = OTHER_ID; mode <= OTHER_NAME; mode++) {
        assert_non_null(start(mode, 10000));
        for (int i = 0; i < 10; i++)
            loop_run_once(loop, 5);
        assert_int_equal(seen.calls, 0);
        pass(1100);
        run();
        assert_int_equal(seen.calls, 1);
        assert_false(seen.failed);
        assert_int_equal(script.questions[0], 2);
    }
}

static void another_address_is_not_heard(void **state)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct message forged;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    (void)state;
    assert_non_null(start(SILENT, 10000));
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 5);
    put_header(&forged, script.ids[0], 0x8400, 1, 1, 0, 0); /* it even knows id and port */
    put_question(&forged, "_acme-challenge.example.", TXT, 1);
    fake_txt(&forged, "_acme-challenge.example.", "value");
    to.sin_port = htons(script.ports[0]);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sendto(fd, forged.at, forged.len, 0, (struct sockaddr *)&to, sizeof to);
    for (int i = 0; i < 10; i++)
        loop_run_once(loop, 5);
    assert_int_equal(seen.calls, 0);
    close(fd);
    pass(1100);
    pass(2100);
    pass(3100);
    run();
    assert_true(seen.failed);
}

static void a_bare_error_is_an_answer(void **state)
{
    (void)state;
    assert_non_null(start(BARE_FORMERR, 10000));
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
    assert_true(seen.bare);
    assert_int_equal(seen.rcode, 1);
}

static void garbage_is_named(void **state)
{
    (void)state;
    assert_non_null(start(GARBAGE, 10000));
    pass(1100);
    pass(2100);
    run();
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.err.code, CS_EUPSTREAM);
    assert_string_equal(seen.err.text, "a DNS answer to another question");
}

static void a_reply_over_the_limit_is_refused(void **state)
{
    (void)state;
    server.tcp_piece = 0;
    assert_non_null(start(HUGE_REPLY, 10000));
    for (int i = 0; i < 4; i++)
        pass(1100);
    run();
    assert_int_equal(seen.calls, 1);
    assert_true(seen.failed);
}

static void a_closed_connection_is_a_failure(void **state)
{
    (void)state;
    server.tcp_closes = true;
    assert_non_null(start(TRUNCATES, 10000));
    run();
    server.tcp_closes = false;
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.err.text, "TCP: closed without an answer");
}

static void nobody_there_fails_at_once(void **state)
{
    struct dns_ask ask = { .name = "example.", .type = TXT, .deadline_ms = cs_now_ms() + 10000 };
    struct fake_server gone;

    (void)state;
    fake_server_start(&gone, loop, "127.0.0.1", 0, say, &script);
    fake_server_stop(&gone);
    ask.server = gone.at;
    ask.server_len = gone.at_len;
    seen = (struct seen){ 0 };
    assert_non_null(dns_client_ask(loop, &ask, on_answer, &seen, &seen.err));
    assert_int_equal(seen.calls, 0); /* never inside the call */
    run();
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.err.text, "TCP: Connection refused");
}

static void no_route_fails_at_once_but_later(void **state)
{
    struct dns_ask ask = { .name = "example.", .type = TXT, .deadline_ms = cs_now_ms() + 10000 };
    struct sockaddr_in *to = (struct sockaddr_in *)&ask.server;

    (void)state;
    *to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xffffffff) };
    ask.server_len = sizeof *to; /* broadcast: connect() fails right away */
    seen = (struct seen){ 0 };
    assert_non_null(dns_client_ask(loop, &ask, on_answer, &seen, &seen.err));
    assert_int_equal(seen.calls, 0);
    run();
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.err.code, CS_EUPSTREAM);
}

static void a_cancelled_question_is_forgotten(void **state)
{
    (void)state;
    dns_client_cancel(start(NORMAL, 10000));
    for (int i = 0; i < 10; i++)
        loop_run_once(loop, 5);
    assert_int_equal(seen.calls, 0);
    dns_client_cancel(NULL);
}

static void what_is_no_name_is_refused(void **state)
{
    const struct dns_ask ask = { .name = "a..b", .type = TXT };
    struct cs_error err;

    (void)state;
    assert_null(dns_client_ask(loop, &ask, on_answer, &seen, &err));
    assert_int_equal(err.code, CS_EINPUT);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    fake_server_start(&server, loop, "127.0.0.1", 0, say, &script);
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_server_stop(&server);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(silence_is_asked_again_then_by_tcp),
        cmocka_unit_test(every_attempt_has_its_own_id_and_port),
        cmocka_unit_test(the_deadline_ends_it_early),
        cmocka_unit_test(a_server_that_answers_by_tcp_alone_is_heard),
        cmocka_unit_test(a_truncated_answer_is_fetched_by_tcp_at_once),
        cmocka_unit_test(by_udp_only_a_truncated_answer_is_one_and_silence_ends_it),
        cmocka_unit_test(flags_and_edns_are_sent_as_asked),
        cmocka_unit_test(an_answer_to_something_else_is_not_taken),
        cmocka_unit_test(another_address_is_not_heard),
        cmocka_unit_test(a_bare_error_is_an_answer),
        cmocka_unit_test(garbage_is_named),
        cmocka_unit_test(a_reply_over_the_limit_is_refused),
        cmocka_unit_test(a_closed_connection_is_a_failure),
        cmocka_unit_test(nobody_there_fails_at_once),
        cmocka_unit_test(no_route_fails_at_once_but_later),
        cmocka_unit_test(a_cancelled_question_is_forgotten),
        cmocka_unit_test(what_is_no_name_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
