/* dns-rfc2136 as a whole: one server after the other. */
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

#include "../fakes/updating.h"
#include "engine/clock.h"

enum { SERVFAIL = 2, NOTIMP = 4, REFUSED = 5, YXRRSET = 7, NOTAUTH = 9, BADKEY = 17 };

static struct updating u;
static struct updating_op op;

static void say_nothing(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)s, (void)question;
    reply->len = 0;
}

/* ---- Several servers ----------------------------------------------------------------------------------------------- */

static struct {
    unsigned rcode, tsig_error;
    bool is_signed;
} refusal;

static void refuse(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    updating_set_rcode(reply, refusal.rcode);
    maker.error = refusal.tsig_error;
    maker.no_mac = refusal.tsig_error != 0;
    if (refusal.is_signed || refusal.tsig_error)
        updating_sign_as(reply, &maker);
}

static void the_first_server_is_asked_as_long_as_it_works(void **state)
{
    (void)state;
    updating_open(&u);
    for (int i = 0; i < 5; i++)
        updating_do(&u, &op);
    assert_int_equal(u.servers[0].updates, 5);
    assert_int_equal(u.servers[1].n + u.servers[2].n, 0);
}

static void some_refusals_lead_to_the_next_server_and_some_do_not(void **state)
{
    static const struct {
        unsigned rcode, tsig_error;
        bool is_signed, next;
    } cases[] = { { SERVFAIL, 0, true, true }, { SERVFAIL, 0, false, true }, { NOTIMP, 0, false, true },
                  { NOTAUTH, 0, true, true },  { NOTAUTH, 0, false, true },  { NOTAUTH, BADKEY, false, false },
                  { REFUSED, 0, true, false }, { REFUSED, 0, false, false }, { YXRRSET, 0, true, false } };

    (void)state;
    updating_open(&u);
    u.servers[0].answer = refuse;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        u.servers[0].updates = u.servers[1].updates = 0;
        refusal.rcode = cases[i].rcode;
        refusal.tsig_error = cases[i].tsig_error;
        refusal.is_signed = cases[i].is_signed;
        updating_do(&u, &op);
        assert_int_equal(op.err.code, cases[i].next ? CS_OK : cases[i].tsig_error ? CS_ECONFIG : CS_EREFUSED);
        assert_int_equal(u.servers[0].updates, 1);
        assert_int_equal(u.servers[1].updates, cases[i].next);
        updating_pass(&u, 60001);
    }
    assert_int_equal(u.servers[2].n, 0);
}

static void a_server_that_failed_comes_last_for_a_minute(void **state)
{
    (void)state;
    updating_set(&u, "zone", "lab.example.");
    updating_open(&u);
    u.servers[0].answer = say_nothing;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_hurry(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 4);
    assert_int_equal(u.servers[1].updates, 1);
    updating_pass(&u, 50000);
    updating_do(&u, &op);
    assert_int_equal(u.servers[0].updates, 4);
    assert_int_equal(u.servers[1].updates, 2);
    u.servers[0].answer = NULL;
    updating_pass(&u, 11000);
    updating_do(&u, &op);
    assert_int_equal(u.servers[0].updates, 5);
    assert_int_equal(u.servers[1].updates, 2);
    assert_int_equal(u.servers[2].updates, 0);
}

static void a_server_that_failed_is_asked_when_no_other_works(void **state)
{
    (void)state;
    updating_set(&u, "zone", "lab.example.");
    updating_open(&u);
    refusal.rcode = SERVFAIL;
    refusal.tsig_error = 0;
    refusal.is_signed = true;
    for (size_t i = 0; i < 3; i++)
        u.servers[i].answer = refuse;
    updating_do(&u, &op);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(u.servers[i].updates, 1);
        updating_expect(&op, CS_EUPSTREAM, u.servers[i].fake.address);
    }
    u.servers[0].answer = NULL;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 2);
}

static void as_long_as_one_server_may_come_back_it_may_work_later(void **state)
{
    (void)state;
    updating_set(&u, "zone", "lab.example.");
    updating_open(&u);
    refusal.rcode = NOTAUTH;
    refusal.tsig_error = 0;
    u.servers[0].answer = u.servers[1].answer = refuse;
    u.servers[2].answer = say_nothing;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_hurry(&u, &op);
    updating_expect(&op, CS_ETIMEDOUT, "it is not the primary of that zone");
    u.servers[2].answer = refuse;
    updating_do(&u, &op);
    updating_expect(&op, CS_EREFUSED, "it is not the primary of that zone");
}

/* A port that nobody listens on, but that nobody else gets either. */
static int closed_port(char address[32])
{
    struct sockaddr_in own = { .sin_family = AF_INET };
    socklen_t len = sizeof own;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    getsockname(fd, (struct sockaddr *)&own, &len);
    snprintf(address, 32, "127.0.0.1:%u", (unsigned)ntohs(own.sin_port));
    return fd;
}

static void a_closed_port_leads_to_the_next_server_at_once(void **state)
{
    char address[32];
    const char *servers[] = { address, u.servers[0].fake.address };
    int fd = closed_port(address);

    (void)state;
    updating_set_servers(&u, servers, 2);
    updating_open(&u);
    updating_do(&u, &op); /* the clock stands still */
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].updates, 1);
    close(fd);
}

static void closed_ports_alone_are_a_failure_at_once(void **state)
{
    char address[32];
    const char *servers[] = { address };
    int fd = closed_port(address);

    (void)state;
    updating_set_servers(&u, servers, 1);
    updating_open(&u);
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "TCP: Connection refused");
    updating_expect(&op, CS_EUPSTREAM, address);
    close(fd);
}

static struct updating_op many[100];

static void a_hundred_changes_that_fail_at_once_all_end(void **state)
{
    char address[32];
    const char *servers[] = { address };
    int fd = closed_port(address);

    (void)state;
    updating_set_servers(&u, servers, 1);
    updating_open(&u);
    for (size_t i = 0; i < 100; i++)
        updating_begin(&u, &many[i], UPDATING_OWNER, "value", NULL);
    for (size_t i = 0; i < 100; i++) {
        updating_finish(&u, &many[i]);
        updating_expect(&many[i], CS_EUPSTREAM, "Connection refused");
    }
    close(fd);
}

static int set_up_one(void **state)
{
    (void)state;
    updating_up(&u, 1);
    return 0;
}

static int set_up_three(void **state)
{
    (void)state;
    updating_up(&u, 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    updating_down(&u);
    return 0;
}

#define ONE(name)   cmocka_unit_test_setup_teardown(name, set_up_one, tear_down)
#define THREE(name) cmocka_unit_test_setup_teardown(name, set_up_three, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREE(the_first_server_is_asked_as_long_as_it_works),
        THREE(some_refusals_lead_to_the_next_server_and_some_do_not),
        THREE(a_server_that_failed_comes_last_for_a_minute),
        THREE(a_server_that_failed_is_asked_when_no_other_works),
        THREE(as_long_as_one_server_may_come_back_it_may_work_later),
        ONE(a_closed_port_leads_to_the_next_server_at_once),
        ONE(closed_ports_alone_are_a_failure_at_once),
        ONE(a_hundred_changes_that_fail_at_once_all_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
