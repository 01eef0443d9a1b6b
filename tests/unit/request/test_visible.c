/* request/visible.c: waits until every server of a zone has the value, and says what it saw when they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

/* Found servers are at port 53, where a test cannot listen: so this test makes the name_servers of a `visible` itself. */
#include "../../../core/request/visible.c"
#include "../../fakes/dns_server.h"
#include "engine/clock.h"

#define OWNER "_acme-challenge.www.go.example."
#define VALUE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
enum { T_A = 1, T_NS = 2, T_CNAME = 5, T_TXT = 16, F_AA = 0x0400, F_RD = 0x0100 };

/* A server of the zone: from which question on it has the value, and what it says before. */
struct zone_server {
    struct fake_server fake;
    unsigned has_from; /* 0: never */
    enum { SAYS_NOTHING, SAYS_NXDOMAIN, SAYS_OTHERS, SAYS_ALIAS, SAYS_REFERRAL, SAYS_SERVFAIL, SAYS_NODATA } before;
    bool alias, split;
    unsigned asked;
};

struct seen {
    int calls;
    bool failed;
    struct cs_error err;
};

static struct loop *loop;
static struct visible *visible;
static struct zone_server one, other;
static struct seen seen;

static void say_before(const struct zone_server *s, const struct fake_question *q, struct message *reply)
{
    switch (s->before) {
    case SAYS_NOTHING:
        break;
    case SAYS_NXDOMAIN:
        fake_reply(reply, q, F_AA | 3, 0, 0);
        break;
    case SAYS_OTHERS:
        fake_reply(reply, q, F_AA, 3, 0);
        fake_txt(reply, q->name, "other");
        fake_txt(reply, q->name, VALUE "x");
        fake_txt(reply, "elsewhere.", VALUE);
        break;
    case SAYS_ALIAS:
        fake_reply(reply, q, F_AA, 1, 0);
        fake_name(reply, q->name, T_CNAME, "elsewhere.example.");
        break;
    case SAYS_REFERRAL:
        fake_reply(reply, q, 0, 0, 1);
        fake_name(reply, "www.go.example.", T_NS, "ns.below.");
        break;
    case SAYS_SERVFAIL:
        fake_reply(reply, q, 2, 0, 0);
        break;
    case SAYS_NODATA:
        fake_reply(reply, q, F_AA, 0, 0);
        break;
    }
}

static void say(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    struct zone_server *s = arg;

    (void)from;
    s->asked++;
    if (q->type != T_TXT || q->flags & F_RD || strcmp(q->name, OWNER) != 0)
        abort();
    if (s->has_from == 0 || s->asked < s->has_from) {
        say_before(s, q, reply);
        return;
    }
    fake_reply(reply, q, F_AA, s->alias ? 3 : 2, 0);
    if (s->alias)
        fake_name(reply, q->name, T_CNAME, "x.example.");
    fake_txt(reply, s->alias ? "X.example." : q->name, "other");
    if (s->split)
        put_record(reply, q->name, T_TXT, 1, 5, "\5LoqXc\46YV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", 45);
    else
        fake_txt(reply, s->alias ? "x.example." : q->name, VALUE);
}

static void on_done(void *arg, const struct cs_error *err)
{
    struct seen *s = arg;

    s->calls++;
    s->failed = err != NULL;
    if (err)
        s->err = *err;
}

static struct visible_wait *start(const char *servers, int64_t within_ms)
{
    const struct visible_want want = { .owner = OWNER, .zone = "go.example.", .value = VALUE, .servers = servers,
                                       .deadline_ms = cs_now_ms() + within_ms };

    seen = (struct seen){ 0 };
    one.asked = other.asked = 0;
    return visible_wait(visible, &want, on_done, &seen);
}

static const char *both(void)
{
    static char text[160];

    return snprintf(text, sizeof text, "%s %s", one.fake.address, other.fake.address) > 0 ? text : NULL;
}

static void turn(int times)
{
    for (int i = 0; i < times; i++)
        loop_run_once(loop, 2);
}

static void run(void)
{
    for (int i = 0; i < 500 && seen.calls == 0; i++)
        loop_run_once(loop, 20);
}

static void run_fast(int64_t step_ms)
{
    for (int i = 0; i < 2000 && seen.calls == 0; i++) {
        turn(2);
        clock_move(loop, step_ms);
    }
}

static void reset(void)
{
    clock_freeze(false);
    one.has_from = other.has_from = 1;
    one.before = other.before = SAYS_NOTHING;
    one.alias = one.split = false;
}

static void a_value_that_is_there_is_seen_at_once(void **state)
{
    int64_t best_us = INT64_MAX;

    (void)state;
    reset();
    for (int i = 0; i < 20; i++) {
        struct timespec before, after;
        int64_t took_us;

        clock_gettime(CLOCK_MONOTONIC, &before);
        assert_non_null(start(one.fake.address, 10000));
        assert_int_equal(seen.calls, 0);
        run();
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_int_equal(seen.calls, 1);
        assert_false(seen.failed);
        assert_int_equal(one.asked, 1);
        took_us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
        best_us = took_us < best_us ? took_us : best_us;
    }
    print_message("# seen after %lld us\n", (long long)best_us);
    assert_true(best_us < 20000);
}

static void it_is_asked_for_again_until_it_is_there(void **state)
{
    static const int64_t pauses[] = { 50, 100, 200, 400, 800, 1600, 2000, 2000 };

    (void)state;
    reset();
    one.has_from = 9;
    one.before = SAYS_NXDOMAIN;
    clock_freeze(true);
    assert_non_null(start(one.fake.address, 60000));
    for (size_t i = 0; i < 8; i++) {
        turn(4);
        assert_int_equal(one.asked, i + 1);
        clock_move(loop, pauses[i] - 1);
        turn(4);
        assert_int_equal(one.asked, i + 1);
        clock_move(loop, 1);
    }
    run();
    assert_false(seen.failed);
    assert_int_equal(one.asked, 9);
}

static void every_server_must_have_it(void **state)
{
    (void)state;
    reset();
    other.has_from = 3;
    other.before = SAYS_NODATA;
    assert_non_null(start(both(), 60000));
    turn(5);
    assert_int_equal(seen.calls, 0);
    run_fast(25);
    assert_false(seen.failed);
    assert_int_equal(other.asked, 3);
    assert_int_equal(one.asked, 1); /* it had it */
}

static void strings_are_joined_and_aliases_followed(void **state)
{
    (void)state;
    reset();
    one.split = true;
    assert_non_null(start(one.fake.address, 10000));
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
    one.split = false;
    one.alias = true;
    assert_non_null(start(one.fake.address, 10000));
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
}

static void a_server_that_cannot_be_reached_is_passed_over(void **state)
{
    struct fake_server gone;
    char servers[160];

    (void)state;
    reset();
    fake_server_start(&gone, loop, "127.0.0.1", 0, say, &one);
    fake_server_stop(&gone);
    snprintf(servers, sizeof servers, "%s %s", one.fake.address, gone.address);
    assert_non_null(start(servers, 10000));
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
}

static void a_silent_server_is_left_alone_for_a_minute(void **state)
{
    (void)state;
    reset();
    other.has_from = 0;
    other.before = SAYS_NOTHING;
    assert_non_null(start(both(), 60000));
    run_fast(100);
    assert_false(seen.failed);
    assert_int_equal(other.asked, 3);
    assert_non_null(start(both(), 60000));
    run();
    assert_false(seen.failed);
    assert_int_equal(other.asked, 0);
    clock_move(loop, 61000);
    other.has_from = 1;
    assert_non_null(start(both(), 60000));
    run();
    assert_false(seen.failed);
    assert_int_equal(other.asked, 1);
}

static void a_dead_server_does_not_slow_the_asking_of_others(void **state)
{
    (void)state;
    reset();
    clock_move(loop, 61000);
    one.has_from = 5;
    one.before = SAYS_NXDOMAIN;
    other.has_from = 0;
    other.before = SAYS_NOTHING;
    clock_freeze(true);
    assert_non_null(start(both(), 60000));
    for (int i = 0; i < 80; i++) { /* 800 ms: asked at 0, 50, 150, 350, 750 */
        turn(4);
        clock_move(loop, 10);
    }
    turn(4);
    assert_int_equal(one.asked, 5);
    assert_int_equal(other.asked, 1);
    assert_int_equal(seen.calls, 0);
    run_fast(100);
    assert_false(seen.failed);
    assert_int_equal(other.asked, 3);
}

static void the_error_says_what_each_server_said(void **state)
{
    static const struct {
        int before;
        const char *says;
    } cases[] = { { SAYS_NXDOMAIN, "NXDOMAIN" }, { SAYS_OTHERS, "2 other values" }, { SAYS_SERVFAIL, "SERVFAIL" },
                  { SAYS_NODATA, "no TXT record" }, { SAYS_ALIAS, "an alias to elsewhere.example." },
                  { SAYS_REFERRAL, "no TXT record" } };

    (void)state;
    reset();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];

        one.has_from = 0;
        one.before = (unsigned)cases[i].before;
        assert_non_null(start(one.fake.address, 3000));
        run_fast(100);
        assert_true(seen.failed);
        assert_int_equal(seen.err.code, CS_EUPSTREAM);
        assert_string_equal(seen.err.reason, "not-visible");
        snprintf(expected, sizeof expected, "the TXT value at " OWNER " cannot be seen: %s %s", one.fake.address,
                 cases[i].says);
        assert_string_equal(seen.err.text, expected);
    }
    one.before = SAYS_NOTHING;
    assert_non_null(start(one.fake.address, 8000));
    run_fast(100);
    assert_true(seen.failed);
    assert_true(strstr(seen.err.text, " no answer") != NULL);
}

static void servers_that_are_no_addresses_are_the_operators_fault(void **state)
{
    (void)state;
    assert_non_null(start("ns1.example", 10000));
    assert_int_equal(seen.calls, 0);
    run();
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.err.code, CS_ECONFIG);
    assert_int_equal(strncmp(seen.err.text, "the `servers` of zone go.example.: ", 35), 0);
}

static void a_cancelled_wait_is_forgotten(void **state)
{
    (void)state;
    reset();
    visible_cancel(start(both(), 10000));
    turn(10);
    assert_int_equal(seen.calls, 0);
    visible_cancel(NULL);
}

static unsigned resolved;

/* go.example. is served by 127.0.0.1, www.go.example. by 127.0.0.2. */
static void resolve(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    const bool below = strcmp(q->name, "www.go.example.") == 0 || strcmp(q->name, "ns.below.") == 0;

    (void)arg, (void)from;
    resolved++;
    if (q->type == T_NS) {
        fake_reply(reply, q, F_RD, 1, 0);
        fake_name(reply, q->name, T_NS, below ? "ns.below." : "ns.above.");
    } else if (q->type == T_A) {
        fake_reply(reply, q, F_RD, 1, 0);
        put_record(reply, q->name, T_A, 1, 60, below ? "\177\0\0\2" : "\177\0\0\1", 4);
    } else {
        fake_reply(reply, q, F_RD, 0, 0);
    }
}

static struct visible *with_resolver(const struct fake_server *resolver)
{
    const char *const resolvers[] = { resolver->address };
    const struct name_servers_setup setup = { .resolvers = resolvers, .n_resolvers = 1,
                                              .port = fake_server_port(&one.fake) };
    struct visible *made = visible_new(loop, resolvers, 1, NULL);

    name_servers_free(made->name_servers);
    made->name_servers = name_servers_new(loop, &setup, NULL);
    return made;
}

static void servers_are_found_and_remembered(void **state)
{
    struct fake_server resolver;
    struct visible *usual = visible;

    (void)state;
    reset();
    fake_server_start(&resolver, loop, "127.0.0.1", 0, resolve, NULL);
    visible = with_resolver(&resolver);
    resolved = 0;
    assert_non_null(start("", 10000));
    run();
    assert_false(seen.failed);
    assert_int_equal(one.asked, 1);
    assert_int_equal(resolved, 3);
    assert_non_null(start("", 10000));
    run();
    assert_false(seen.failed);
    assert_int_equal(resolved, 3);
    visible_free(visible);
    visible = usual;
    fake_server_stop(&resolver);
}

static void a_referral_leads_to_the_zone_below(void **state)
{
    struct fake_server resolver;
    struct zone_server below = { .has_from = 2, .before = SAYS_NXDOMAIN };
    struct visible *usual = visible;

    (void)state;
    reset();
    one.has_from = 0;
    one.before = SAYS_REFERRAL;
    fake_server_start(&resolver, loop, "127.0.0.1", 0, resolve, NULL);
    fake_server_start(&below.fake, loop, "127.0.0.2", fake_server_port(&one.fake), say, &below);
    visible = with_resolver(&resolver);
    assert_non_null(start("", 10000));
    run_fast(10);
    assert_false(seen.failed);
    assert_int_equal(one.asked, 1);
    assert_int_equal(below.asked, 2);
    visible_free(visible);
    visible = usual;
    fake_server_stop(&resolver);
    fake_server_stop(&below.fake);
}

static void no_servers_found_is_said(void **state)
{
    struct fake_server resolver;
    struct visible *usual = visible;

    (void)state;
    fake_server_start(&resolver, loop, "127.0.0.1", 0, resolve, NULL);
    fake_server_stop(&resolver);
    visible = with_resolver(&resolver);
    assert_non_null(start("", 3000));
    run_fast(100);
    assert_true(seen.failed);
    assert_string_equal(seen.err.text, "the TXT value at " OWNER
                        " cannot be seen: name servers of go.example.: TCP: Connection refused");
    visible_free(visible);
    visible = usual;
}

static void a_shutdown_ends_all_waits(void **state)
{
    const char *const resolvers[] = { "127.0.0.1:1" };
    struct visible *usual = visible;

    (void)state;
    one.has_from = 0;
    visible = visible_new(loop, resolvers, 1, NULL);
    assert_non_null(start(one.fake.address, 10000));
    assert_non_null(start("", 10000));
    turn(3);
    visible_free(visible);
    assert_int_equal(seen.calls, 2);
    assert_int_equal(seen.err.code, CS_ESHUTDOWN);
    visible = usual;
    visible_free(NULL);
}

static int set_up(void **state)
{
    const char *const resolvers[] = { "127.0.0.1:1" };

    (void)state;
    loop = loop_new(NULL);
    fake_server_start(&one.fake, loop, "127.0.0.1", 0, say, &one);
    fake_server_start(&other.fake, loop, "127.0.0.1", 0, say, &other);
    visible = visible_new(loop, resolvers, 1, NULL);
    return visible ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    visible_free(visible);
    fake_server_stop(&one.fake);
    fake_server_stop(&other.fake);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_there_is_seen_at_once),
        cmocka_unit_test(it_is_asked_for_again_until_it_is_there),
        cmocka_unit_test(every_server_must_have_it),
        cmocka_unit_test(strings_are_joined_and_aliases_followed),
        cmocka_unit_test(a_server_that_cannot_be_reached_is_passed_over),
        cmocka_unit_test(a_silent_server_is_left_alone_for_a_minute),
        cmocka_unit_test(a_dead_server_does_not_slow_the_asking_of_others),
        cmocka_unit_test(the_error_says_what_each_server_said),
        cmocka_unit_test(servers_that_are_no_addresses_are_the_operators_fault),
        cmocka_unit_test(a_cancelled_wait_is_forgotten),
        cmocka_unit_test(servers_are_found_and_remembered),
        cmocka_unit_test(a_referral_leads_to_the_zone_below),
        cmocka_unit_test(no_servers_found_is_said),
        cmocka_unit_test(a_shutdown_ends_all_waits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
