/* request/alias.c: the servers of a zone are found and asked whether a name is an alias; the first that knows is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../../fakes/dns_server.h"
#include "engine/clock.h"
#include "request/alias.h"

#define NAME "_acme-challenge.www.go.example."
enum { T_A = 1, T_NS = 2, T_CNAME = 5, F_AA = 0x0400, F_RD = 0x0100 };

enum mood { KNOWS, DENIES, SILENT, SERVFAIL, REFERS };

static struct loop *loop;
static struct name_servers *name_servers;
static struct fake_server resolver, one, other; /* one and other: the same port at two addresses */
static enum mood one_is, other_is;
static struct {
    int calls;
    struct alias_reply reply;
} seen;

static void say(enum mood mood, const struct fake_question *q, struct message *reply)
{
    if (q->type != T_CNAME || q->flags & F_RD || strcmp(q->name, NAME) != 0)
        abort();
    switch (mood) {
    case KNOWS:
        fake_reply(reply, q, F_AA, 1, 0);
        fake_name(reply, q->name, T_CNAME, "here.b.example.");
        break;
    case DENIES:
        fake_reply(reply, q, F_AA | 3, 0, 0);
        break;
    case SILENT:
        break;
    case SERVFAIL:
        fake_reply(reply, q, 2, 0, 0);
        break;
    case REFERS:
        fake_reply(reply, q, 0, 0, 1);
        fake_name(reply, "www.go.example.", T_NS, "ns.below.");
        break;
    }
}

static void answer(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    (void)from;
    say(*(const enum mood *)arg, q, reply);
}

/* go.example. is served at 127.0.0.1, www.go.example. at 127.0.0.2; nothing else is known. */
static void resolve(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    const bool upper = strcmp(q->name, "go.example.") == 0, lower = strcmp(q->name, "www.go.example.") == 0;
    const uint8_t address[4] = { 127, 0, 0, strcmp(q->name, "ns.below.") == 0 ? 2 : 1 };

    (void)arg, (void)from;
    if (q->type == T_NS && (upper || lower)) {
        fake_reply(reply, q, 0, 1, 0);
        fake_name(reply, q->name, T_NS, upper ? "ns.upper." : "ns.below.");
    } else if (q->type == T_A && strncmp(q->name, "ns.", 3) == 0) {
        fake_reply(reply, q, 0, 1, 0);
        put_record(reply, q->name, T_A, 1, 60, address, sizeof address);
    } else {
        fake_reply(reply, q, 3, 0, 0);
    }
}

static void on_reply(void *arg, const struct alias_reply *reply)
{
    (void)arg;
    seen.calls++;
    seen.reply = *reply;
}

static int set_up(void **state)
{
    struct cs_error err;
    const char *resolvers[] = { resolver.address };
    struct name_servers_setup setup = { .resolvers = resolvers, .n_resolvers = 1 };

    (void)state;
    seen.calls = 0;
    one_is = other_is = KNOWS;
    loop = loop_new(&err);
    fake_server_start(&resolver, loop, "127.0.0.1", 0, resolve, NULL);
    fake_server_start(&one, loop, "127.0.0.1", 0, answer, &one_is);
    fake_server_start(&other, loop, "127.0.0.2", fake_server_port(&one), answer, &other_is);
    setup.port = fake_server_port(&one);
    name_servers = name_servers_new(loop, &setup, &err);
    assert_non_null(name_servers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    name_servers_free(name_servers);
    fake_server_stop(&other);
    fake_server_stop(&one);
    fake_server_stop(&resolver);
    loop_free(loop);
    return 0;
}

static struct alias_search *start(const char *zone, const char *servers)
{
    const struct alias_want want = { .name = NAME, .zone = zone, .servers = servers, .deadline_ms = cs_now_ms() + 3000 };
    struct alias_search *search = alias_find(loop, name_servers, &want, on_reply, NULL);

    assert_non_null(search);
    assert_int_equal(seen.calls, 0); /* never inside the call */
    return search;
}

static void expect(enum alias_kind kind)
{
    for (int i = 0; i < 1000 && seen.calls == 0; i++) {
        loop_run_once(loop, 5);
        if (i > 20)
            clock_move(loop, 500);
    }
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.reply.kind, kind);
    if (kind == ALIAS_TO)
        assert_string_equal(seen.reply.target, "here.b.example.");
}

static const char *both(void)
{
    static char text[160];

    return snprintf(text, sizeof text, "%s %s", one.address, other.address) > 0 ? text : NULL;
}

static void the_servers_of_the_row_are_asked(void **state)
{
    (void)state;
    start("go.example.", one.address);
    expect(ALIAS_TO);
    assert_int_equal(one.questions, 1);
    assert_int_equal(resolver.questions, 0);
}

static void one_server_that_knows_is_enough(void **state)
{
    (void)state;
    one_is = SILENT;
    start("go.example.", both());
    expect(ALIAS_TO);
}

static void an_error_waits_for_the_other_servers(void **state)
{
    (void)state;
    one_is = SERVFAIL;
    other_is = DENIES;
    start("go.example.", both());
    expect(ALIAS_NONE);
}

static void when_all_fail_nobody_knows(void **state)
{
    (void)state;
    one_is = other_is = SERVFAIL;
    start("go.example.", both());
    expect(ALIAS_UNKNOWN);
    assert_string_equal(seen.reply.said, "SERVFAIL");
}

static void silence_ends_with_the_deadline(void **state)
{
    const int64_t began_ms = cs_now_ms();

    (void)state;
    one_is = SILENT;
    start("go.example.", one.address);
    expect(ALIAS_UNKNOWN);
    assert_string_equal(seen.reply.said, "no answer");
    assert_in_range(cs_now_ms() - began_ms, 3000, 5000);
}

static void servers_are_found_by_their_ns_records(void **state)
{
    (void)state;
    other_is = SERVFAIL;
    start("go.example.", "");
    expect(ALIAS_TO);
    assert_int_equal(other.questions, 0);
}

static void a_name_without_a_zone_finds_the_servers_above_it(void **state)
{
    (void)state;
    start(NAME, " ");
    expect(ALIAS_TO);
    assert_int_equal(other.questions, 1); /* those of www.go.example. */
}

static void a_referral_is_followed_to_the_servers_of_the_zone_below(void **state)
{
    (void)state;
    one_is = REFERS;
    start("go.example.", "");
    expect(ALIAS_TO);
    assert_int_equal(one.questions, 1);
    assert_int_equal(other.questions, 1);
}

static void servers_that_refer_for_ever_are_left(void **state)
{
    (void)state;
    one_is = other_is = REFERS;
    start("go.example.", "");
    expect(ALIAS_UNKNOWN);
    assert_true(one.questions + other.questions < 10);
}

static void a_referral_of_the_rows_servers_is_no_answer(void **state)
{
    (void)state;
    one_is = REFERS;
    start("go.example.", one.address);
    expect(ALIAS_UNKNOWN);
    assert_string_equal(seen.reply.said, "a referral to www.go.example.");
}

static void a_zone_without_name_servers_is_unknown(void **state)
{
    (void)state;
    start("nowhere.example.", "");
    expect(ALIAS_UNKNOWN);
    assert_non_null(strstr(seen.reply.said, "name servers of"));
}

static void servers_that_are_no_addresses_are_unknown(void **state)
{
    (void)state;
    start("go.example.", "[1:2");
    expect(ALIAS_UNKNOWN);
}

static void a_search_can_be_cancelled_at_any_time(void **state)
{
    (void)state;
    alias_cancel(start("go.example.", both()));
    alias_cancel(start("go.example.", ""));
    alias_cancel(start("go.example.", "[1:2"));
    alias_cancel(NULL);
    for (int i = 0; i < 20; i++)
        loop_run_once(loop, 2);
    assert_int_equal(seen.calls, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_servers_of_the_row_are_asked),
        TEST(one_server_that_knows_is_enough),
        TEST(an_error_waits_for_the_other_servers),
        TEST(when_all_fail_nobody_knows),
        TEST(silence_ends_with_the_deadline),
        TEST(servers_are_found_by_their_ns_records),
        TEST(a_name_without_a_zone_finds_the_servers_above_it),
        TEST(a_referral_is_followed_to_the_servers_of_the_zone_below),
        TEST(servers_that_refer_for_ever_are_left),
        TEST(a_referral_of_the_rows_servers_is_no_answer),
        TEST(a_zone_without_name_servers_is_unknown),
        TEST(servers_that_are_no_addresses_are_unknown),
        TEST(a_search_can_be_cancelled_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
