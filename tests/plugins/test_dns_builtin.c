/* plugins/dns-builtin as a whole: its thread on real sockets, asked while set_txt changes what it serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../fakes/dns_running.h"
#include "base/text.h"

static struct reply reply;

static void a_value_is_served_when_set_txt_returns(void **state)
{
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_DGRAM);
    ask_udp(fd, "_acme-challenge.x.go.example.", &reply);
    assert_int_equal(rcode(&reply), NXDOMAIN);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(set_txt(&r, "_acme-challenge.x.go.example.", "value", NULL, 0, NULL), 0);
        ask_udp(fd, "_acme-challenge.x.go.example.", &reply);
        assert_int_equal(rcode(&reply), NOERROR);
        assert_int_equal(answers(&reply), 1);
        assert_memory_equal(reply.at + reply.len - 6, "\5value", 6);
        assert_memory_equal(reply.at + reply.len - 12, "\0\0\0\5", 4); /* challenge_ttl bounds the TTL */
        assert_int_equal(set_txt(&r, "_acme-challenge.x.go.example.", NULL, "value", 0, NULL), 0);
        ask_udp(fd, "_acme-challenge.x.go.example.", &reply);
        assert_int_equal(rcode(&reply), NXDOMAIN);
    }
    close(fd);
    stop(&r);
}

static void a_change_that_cannot_be_served_is_refused(void **state)
{
    struct running r;
    struct cs_error err;

    (void)state;
    start_on(&r, "127.0.0.1");
    assert_int_equal(set_txt(&r, "x.example.", "value", NULL, 0, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_string_equal(err.text, "x.example. lies in none of the zones of dns.builtin: add its zone to `zones`");
    assert_int_equal(set_txt(&r, "x..go.example.", "value", NULL, 0, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    for (int i = 0; i < 21; i++) {
        char value[16];

        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(set_txt(&r, "x.go.example.", value, NULL, 0, &err), i < 20 ? 0 : -1);
    }
    assert_int_equal(err.code, CS_ELIMIT);
    stop(&r);
}

static void every_value_expires(void **state)
{
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_DGRAM);
    assert_int_equal(set_txt(&r, "default.go.example.", "v", NULL, 0, NULL), 0);
    assert_int_equal(set_txt(&r, "soon.go.example.", "v", NULL, cs_wall_ms() + 300000, NULL), 0);
    host_move_clock(299000);
    ask_udp(fd, "soon.go.example.", &reply);
    assert_int_equal(answers(&reply), 1);
    host_move_clock(2000);
    ask_udp(fd, "soon.go.example.", &reply);
    assert_int_equal(answers(&reply), 0);
    assert_int_equal(host_run_timers(&r.in), 1); /* and then it is forgotten */
    ask_udp(fd, "soon.go.example.", &reply);
    assert_int_equal(rcode(&reply), NXDOMAIN);
    ask_udp(fd, "default.go.example.", &reply);
    assert_int_equal(answers(&reply), 1);
    host_move_clock(3600000);
    host_run_timers(&r.in);
    ask_udp(fd, "default.go.example.", &reply);
    assert_int_equal(rcode(&reply), NXDOMAIN);
    assert_int_equal(host_run_timers(&r.in), 0);
    close(fd);
    stop(&r);
}

/* All of 127.0.0.0/8 is this host: a wrong source address would be seen by a connected socket as silence. */
static void the_answer_comes_from_the_address_that_was_asked(void **state)
{
    static const char *const addresses[] = { "127.0.0.1", "127.0.0.5", "127.9.9.9" };
    struct running r;

    (void)state;
    start_on(&r, "0.0.0.0");
    for (size_t i = 0; i < 3; i++) {
        int fd = connected(addresses[i], r.in.port[0], SOCK_DGRAM);

        ask_udp(fd, "go.example.", &reply);
        assert_int_equal(rcode(&reply), NOERROR);
        close(fd);
    }
    stop(&r);
}

static void ipv6_is_served(void **state)
{
    struct cs_instance probe = { 0 };
    struct running r;
    int fd;

    (void)state;
    if (host_listen(&probe, "::1", 0) < 0)
        skip(); /* a host without IPv6 */
    host_close(&probe);
    start_on(&r, "::1");
    fd = connected("::1", r.in.port[0], SOCK_DGRAM);
    ask_udp(fd, "go.example.", &reply);
    assert_int_equal(rcode(&reply), NOERROR);
    close(fd);
    stop(&r);
}

static void a_batch_of_datagrams_is_answered_one_by_one(void **state)
{
    static struct message m;
    bool seen[100] = { false };
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_DGRAM);
    for (unsigned i = 0; i < 100; i++) {
        question(&m, i % 2 ? "go.example." : "elsewhere.", i);
        assert_int_equal(send(fd, m.at, m.len, 0), (ssize_t)m.len);
        assert_int_equal(send(fd, "junk", 4, 0), 4); /* gets no answer */
    }
    for (int i = 0; i < 100; i++) {
        reply.len = recv(fd, reply.at, sizeof reply.at, 0);
        assert_true(reply.len >= 12 && read16(reply.at) < 100);
        assert_false(seen[read16(reply.at)]);
        seen[read16(reply.at)] = true;
        assert_int_equal(rcode(&reply), read16(reply.at) % 2 ? NOERROR : REFUSED);
    }
    close(fd);
    stop(&r);
}

static void two_instances_know_nothing_of_each_other(void **state)
{
    struct running one, other;
    int fd;

    (void)state;
    start_on(&one, "127.0.0.1");
    start_on(&other, "127.0.0.1");
    assert_int_equal(set_txt(&one, "x.go.example.", "v", NULL, 0, NULL), 0);
    fd = connected("127.0.0.1", other.in.port[0], SOCK_DGRAM);
    ask_udp(fd, "x.go.example.", &reply);
    assert_int_equal(rcode(&reply), NXDOMAIN);
    close(fd);
    stop(&one);
    stop(&other);
}

static void note_count(void *arg, const char *type, const char *rcode_, int64_t n)
{
    struct text *text = arg;

    text_addf(text, "%s %s %d\n", type, rcode_, (int)n);
}

static void queries_are_counted_by_type_and_response_code(void **state)
{
    struct text counts = TEXT_MAX(1000);
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    cs_plugin.dns->counts(r.self, note_count, &counts);
    assert_string_equal(text_of(&counts), "");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_DGRAM);
    assert_int_equal(set_txt(&r, "x.go.example.", "value", NULL, 0, NULL), 0);
    for (int i = 0; i < 3; i++)
        ask_udp(fd, "x.go.example.", &reply);
    ask_udp(fd, "nothing.go.example.", &reply);
    cs_plugin.dns->counts(r.self, note_count, &counts);
    assert_string_equal(text_of(&counts), "TXT NOERROR 3\nTXT NXDOMAIN 1\n");
    text_free(&counts);
    close(fd);
    stop(&r);
}

/* A CA that asked meanwhile would take "no such name" for an answer, and call the name invalid. */
static void a_question_waits_until_the_values_of_an_earlier_run_are_there(void **state)
{
    const char *owner = "_acme-challenge.a.go.example.";
    static struct message m;
    struct running r;
    int fd;

    (void)state;
    begin_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_DGRAM);
    question(&m, owner, 77);
    assert_int_equal(send(fd, m.at, m.len, 0), (ssize_t)m.len);
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 50), 0);
    assert_int_equal(set_txt(&r, owner, "of an earlier run", NULL, 0, NULL), 0);
    cs_plugin.dns->caught_up(r.self);
    reply.len = recv(fd, reply.at, sizeof reply.at, 0);
    assert_true(reply.len >= 12);
    assert_int_equal(rcode(&reply), NOERROR);
    assert_int_equal(answers(&reply), 1);
    close(fd);
    stop(&r);
}

static void one_that_never_caught_up_closes(void **state)
{
    struct running r;

    (void)state;
    begin_on(&r, "127.0.0.1");
    stop(&r);
}

static void open_without_start_closes(void **state)
{
    static const char *const zones[] = { "go.example" }, *const ns[] = { "ns.example.net" };
    struct cs_instance in = { 0 };
    struct cs_error err;
    void *self, *settings = host_settings(&cs_plugin);

    (void)state;
    host_set_list(&cs_plugin, settings, "zones", (struct cs_strings){ zones, 1 });
    assert_int_equal(cs_plugin.open(&in, settings, &self, &err), -1); /* neither `listen` nor `ns` */
    assert_int_equal(err.code, CS_ECONFIG);
    host_set_list(&cs_plugin, settings, "ns", (struct cs_strings){ ns, 1 });
    assert_int_equal(cs_plugin.open(&in, settings, &self, &err), 0);
    assert_int_equal(cs_plugin.start(self, &err), -1);
    assert_true(strstr(err.text, "set listen = ") != NULL);
    cs_plugin.close(self);
    free(settings);
}

/* ---- Under load ------------------------------------------------------------------------------------------------------ */

struct flood {
    uint16_t port;
    atomic_bool stop;
    atomic_ullong answers, wrong;
};

static void *flood(void *arg)
{
    static _Thread_local struct message m;
    struct flood *f = arg;
    int fd = connected("127.0.0.1", f->port, SOCK_DGRAM);

    for (unsigned i = 0; !atomic_load(&f->stop); i++) {
        uint8_t at[1500];
        char name[64];

        snprintf(name, sizeof name, "_acme-challenge.h%u.go.example.", i % 1000);
        question(&m, name, i & 0xffff);
        if (send(fd, m.at, m.len, 0) < 0)
            continue;
        for (ssize_t n; (n = recv(fd, at, sizeof at, i % 64 ? MSG_DONTWAIT : 0)) > 0;) {
            atomic_fetch_add(&f->answers, 1);
            if (n < 12 || ((at[3] & 15) != NOERROR && (at[3] & 15) != NXDOMAIN))
                atomic_fetch_add(&f->wrong, 1);
            if (i % 64 == 0)
                break;
        }
    }
    close(fd);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The median of 5,000 changes, in nanoseconds. */
static int64_t change_time(struct running *r)
{
    static int64_t took[5000];

    for (int i = 0; i < 5000; i++) {
        char owner[64];
        int64_t start;

        snprintf(owner, sizeof owner, "_acme-challenge.h%d.go.example.", i % 1000);
        start = now_ns();
        assert_int_equal(set_txt(r, owner, i % 2000 < 1000 ? "value" : NULL, i % 2000 < 1000 ? NULL : "value", 0, NULL), 0);
        took[i] = now_ns() - start;
        if (i % 50 == 0)
            usleep(5000);
    }
    qsort(took, 5000, sizeof *took, by_size);
    return took[2500];
}

static void a_flood_of_questions_does_not_slow_changes(void **state)
{
    struct running r;
    struct flood f = { 0 };
    pthread_t thread;
    int64_t quiet_ns, flooded_ns;

    (void)state;
    start_on(&r, "127.0.0.1");
    quiet_ns = change_time(&r);
    f.port = r.in.port[0];
    assert_int_equal(pthread_create(&thread, NULL, flood, &f), 0);
    flooded_ns = change_time(&r);
    atomic_store(&f.stop, true);
    pthread_join(thread, NULL);
    print_message("# set_txt: median %.1f us, under a flood %.1f us; %llu answers meanwhile\n", (double)quiet_ns / 1000,
                  (double)flooded_ns / 1000, (unsigned long long)atomic_load(&f.answers));
    assert_true(atomic_load(&f.answers) > 1000);
    assert_int_equal(atomic_load(&f.wrong), 0);
    assert_true(flooded_ns < 1000000);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_served_when_set_txt_returns),
        cmocka_unit_test(a_change_that_cannot_be_served_is_refused),
        cmocka_unit_test(every_value_expires),
        cmocka_unit_test(the_answer_comes_from_the_address_that_was_asked),
        cmocka_unit_test(ipv6_is_served),
        cmocka_unit_test(a_batch_of_datagrams_is_answered_one_by_one),
        cmocka_unit_test(two_instances_know_nothing_of_each_other),
        cmocka_unit_test(queries_are_counted_by_type_and_response_code),
        cmocka_unit_test(a_question_waits_until_the_values_of_an_earlier_run_are_there),
        cmocka_unit_test(one_that_never_caught_up_closes),
        cmocka_unit_test(open_without_start_closes),
        cmocka_unit_test(a_flood_of_questions_does_not_slow_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
