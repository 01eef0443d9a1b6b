/* request/name_servers.c: who serves a zone, asked of resolvers that lie, fail, or know nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../fakes/dns_server.h"
#include "engine/clock.h"
#include "engine/sockets.h"
#include "request/name_servers.h"

#define ADVICE "delegate the zone, or name them in `servers` of its row"

enum { A = 1, NS = 2, CNAME = 5, AAAA = 28, RD = 0x0100, RA = 0x0080 };

/* What the resolvers know: NS records of example.org., addresses of its servers. */
struct script {
    unsigned asked;   /* questions in all */
    unsigned refused; /* by the first resolver */
    bool first_refuses, no_addresses, silent;
};

struct seen {
    int calls;
    bool failed;
    struct cs_error err;
    char zone[1024];
    char servers[512]; /* sorted as they came: "A, B" */
};

static struct loop *loop;
static struct fake_server first, second;
static struct script script;
static struct seen seen;
static struct name_servers *all;

static void put_address(struct message *reply, const char *owner, const char *text)
{
    uint8_t address[16];

    if (inet_pton(AF_INET, text, address) == 1)
        put_record(reply, owner, A, 1, 60, address, 4);
    else if (inet_pton(AF_INET6, text, address) == 1)
        put_record(reply, owner, AAAA, 1, 60, address, 16);
}

static void answer_ns(const struct fake_question *q, struct message *reply)
{
    if (strcmp(q->name, "example.org.") == 0) {
        fake_reply(reply, q, RD | RA, 3, 0);
        fake_name(reply, "EXAMPLE.org.", NS, "ns1.example.net.");
        fake_name(reply, "example.org.", NS, "ns2.example.net.");
        fake_name(reply, "elsewhere.org.", NS, "ns3.example.net."); /* not what was asked for */
    } else {
        fake_reply(reply, q, RD | RA | (strcmp(q->name, "nowhere.net.") == 0 ? 3 : 0), 0, 0);
    }
}

static void answer_address(const struct script *s, const struct fake_question *q, struct message *reply)
{
    if (strcmp(q->name, "ns1.example.net.") == 0 && q->type == A && !s->no_addresses) {
        fake_reply(reply, q, RD | RA, 2, 0);
        put_address(reply, q->name, "192.0.2.1");
        put_address(reply, q->name, "192.0.2.1");
    } else if (strcmp(q->name, "ns2.example.net.") == 0 && q->type == AAAA && !s->no_addresses) {
        fake_reply(reply, q, RD | RA, 2, 0);
        fake_name(reply, q->name, CNAME, "real.example.net.");
        put_address(reply, "real.example.net.", "2001:db8::2");
    } else {
        fake_reply(reply, q, RD | RA, 0, 0);
    }
}

static void say(void *arg, struct fake_server *from, const struct fake_question *q, struct message *reply)
{
    struct script *s = arg;

    s->asked++;
    if (!(q->flags & RD))
        abort(); /* resolvers are asked to recurse */
    if (s->silent)
        return;
    if (from == &first && s->first_refuses) {
        s->refused++;
        fake_reply(reply, q, RD | 5, 0, 0);
    } else if (q->type == NS) {
        answer_ns(q, reply);
    } else {
        answer_address(s, q, reply);
    }
}

static void on_found(void *arg, const struct server_list *list, const struct cs_error *err)
{
    struct seen *s = arg;
    size_t len = 0;

    s->calls++;
    s->failed = err != NULL;
    if (err) {
        s->err = *err;
        return;
    }
    snprintf(s->zone, sizeof s->zone, "%s", list->zone);
    for (size_t i = 0; i < list->n; i++) {
        char text[128];

        address_text(text, (const struct sockaddr *)&list->servers[i].at, list->servers[i].len);
        len += (size_t)snprintf(s->servers + len, sizeof s->servers - len, "%s%s", i ? ", " : "", text);
    }
}

static struct name_search *start(const char *zone, int64_t within_ms)
{
    seen = (struct seen){ 0 };
    script.asked = script.refused = 0;
    return name_servers_find(all, zone, cs_now_ms() + within_ms, on_found, &seen, &seen.err);
}

static void run(void)
{
    for (int i = 0; i < 500 && seen.calls == 0; i++)
        loop_run_once(loop, 20);
}

static void the_servers_of_a_zone_are_found(void **state)
{
    (void)state;
    assert_non_null(start("example.org.", 10000));
    assert_int_equal(seen.calls, 0);
    run();
    assert_int_equal(seen.calls, 1);
    assert_false(seen.failed);
    assert_string_equal(seen.zone, "example.org.");
    assert_true(strcmp(seen.servers, "192.0.2.1:5300, [2001:db8::2]:5300") == 0 ||
                strcmp(seen.servers, "[2001:db8::2]:5300, 192.0.2.1:5300") == 0);
    assert_int_equal(script.asked, 5);
}

static void the_zone_above_is_found(void **state)
{
    (void)state;
    assert_non_null(start("dept.lab.example.org.", 10000));
    run();
    assert_false(seen.failed);
    assert_string_equal(seen.zone, "example.org.");
    assert_int_equal(script.asked, 3 + 4);
}

static void they_are_remembered_for_a_minute(void **state)
{
    (void)state;
    assert_null(name_servers_known(all, "other.example.org."));
    assert_non_null(start("other.example.org.", 10000));
    run();
    assert_non_null(name_servers_known(all, "other.example.org."));
    assert_int_equal(name_servers_known(all, "other.example.org.")->n, 2);
    clock_move(loop, 59000);
    assert_non_null(name_servers_known(all, "other.example.org."));
    clock_move(loop, 1001);
    assert_null(name_servers_known(all, "other.example.org."));
}

static void a_resolver_that_refuses_is_passed_over(void **state)
{
    (void)state;
    script.first_refuses = true;
    assert_non_null(start("example.org.", 10000));
    run();
    script.first_refuses = false;
    assert_false(seen.failed);
    assert_string_equal(seen.zone, "example.org.");
    assert_int_equal(script.refused, 5);
}

static void nothing_found_says_where_it_looked(void **state)
{
    (void)state;
    assert_non_null(start("a.nowhere.net.", 10000));
    run();
    assert_true(seen.failed);
    assert_int_equal(seen.err.code, CS_EUPSTREAM);
    assert_string_equal(seen.err.text, "name servers of nowhere.net.: there are none: " ADVICE);
    assert_int_equal(script.asked, 2); /* nobody is asked about "net." */
}

static void servers_without_addresses_are_a_failure(void **state)
{
    (void)state;
    script.no_addresses = true;
    assert_non_null(start("example.org.", 10000));
    run();
    script.no_addresses = false;
    assert_true(seen.failed);
    assert_string_equal(seen.err.text, "addresses of the name servers of example.org.: there are none: " ADVICE);
}

static void silent_resolvers_end_at_the_deadline(void **state)
{
    (void)state;
    script.silent = true;
    assert_non_null(start("example.org.", 4000));
    for (int i = 0; i < 50 && seen.calls == 0; i++) {
        loop_run_once(loop, 1);
        clock_move(loop, 200);
    }
    run();
    script.silent = false;
    assert_true(seen.failed);
    assert_int_equal(seen.err.code, CS_ETIMEDOUT);
    assert_null(start("example.org.", -1));
    assert_int_equal(seen.err.code, CS_ETIMEDOUT);
}

static void a_cancelled_search_is_forgotten(void **state)
{
    (void)state;
    name_servers_cancel(start("example.org.", 10000));
    for (int i = 0; i < 10; i++)
        loop_run_once(loop, 5);
    assert_int_equal(seen.calls, 0);
    name_servers_cancel(start("example.org.", 10000));
    name_servers_cancel(NULL);
}

static void lists_of_addresses_are_read(void **state)
{
    struct cs_error err;
    struct server_list *list = name_servers_parse(" 192.0.2.1  [::1]:5301\t192.0.2.1 2001:db8::1", &err);
    char text[128];

    (void)state;
    assert_non_null(list);
    assert_int_equal(list->n, 3);
    address_text(text, (const struct sockaddr *)&list->servers[2].at, list->servers[2].len);
    assert_string_equal(text, "[2001:db8::1]:53");
    address_text(text, (const struct sockaddr *)&list->servers[0].at, list->servers[0].len);
    assert_string_equal(text, "192.0.2.1:53");
    address_text(text, (const struct sockaddr *)&list->servers[1].at, list->servers[1].len);
    assert_string_equal(text, "[::1]:5301");
    free(list);
    assert_null(name_servers_parse("192.0.2.1 ns1.example.org", &err));
    assert_int_equal(err.code, CS_ECONFIG);
    assert_null(name_servers_parse("unix:/run/dns", &err));
    assert_int_equal(err.code, CS_ECONFIG);
}

/* The resolver of the file is at port 53, where nobody can listen here; so this only looks at who is asked. */
static void resolv_conf_is_read(void **state)
{
    char path[] = "/tmp/resolv.conf.XXXXXX";
    const struct name_servers_setup setup = { .resolv_conf = path, .port = 53 };
    const struct name_servers_setup none = { .resolv_conf = "/nonexistent/resolv.conf", .port = 53 };
    static const char text[] = "# comment\nsearch example.org\nnameserver 127.0.0.1\nnameserver\t::1 \n"
                               "nameserver bad\nnameservers 1.2.3.4\n";
    struct name_servers *made;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)(sizeof text - 1));
    close(fd);
    made = name_servers_new(loop, &setup, NULL);
    assert_non_null(made);
    assert_int_equal(name_servers_resolvers(made)->n, 2);
    name_servers_free(made);
    unlink(path);
    made = name_servers_new(loop, &none, NULL);
    assert_int_equal(name_servers_resolvers(made)->n, 1);
    name_servers_free(made);
}

static void resolvers_that_are_no_addresses_are_refused(void **state)
{
    const char *const bad[] = { "dns.example.org" };
    const struct name_servers_setup setup = { .resolvers = bad, .n_resolvers = 1, .port = 53 };
    struct cs_error err;

    (void)state;
    assert_null(name_servers_new(loop, &setup, &err));
    assert_int_equal(err.code, CS_ECONFIG);
    assert_int_equal(strncmp(err.text, "resolvers: ", 11), 0);
}

static int set_up(void **state)
{
    const char *resolvers[] = { first.address, second.address };
    const struct name_servers_setup setup = { .resolvers = resolvers, .n_resolvers = 2, .port = 5300 };

    (void)state;
    loop = loop_new(NULL);
    fake_server_start(&first, loop, "127.0.0.1", 0, say, &script);
    fake_server_start(&second, loop, "127.0.0.1", 0, say, &script);
    all = name_servers_new(loop, &setup, NULL);
    return all ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    name_servers_free(all);
    fake_server_stop(&first);
    fake_server_stop(&second);
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_of_a_zone_are_found),
        cmocka_unit_test(the_zone_above_is_found),
        cmocka_unit_test(they_are_remembered_for_a_minute),
        cmocka_unit_test(a_resolver_that_refuses_is_passed_over),
        cmocka_unit_test(nothing_found_says_where_it_looked),
        cmocka_unit_test(servers_without_addresses_are_a_failure),
        cmocka_unit_test(silent_resolvers_end_at_the_deadline),
        cmocka_unit_test(a_cancelled_search_is_forgotten),
        cmocka_unit_test(lists_of_addresses_are_read),
        cmocka_unit_test(resolv_conf_is_read),
        cmocka_unit_test(resolvers_that_are_no_addresses_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
