/* http/listener.c: address families, a full service, a process without file descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct echo echo;

static int begin(void **state)
{
    (void)state;
    echo_begin_bare(&echo);
    return 0;
}

static int end(void **state)
{
    (void)state;
    echo_end(&echo);
    return 0;
}

static void listen_on(int family, const char *path)
{
    struct cs_error err;

    echo.listener = listener_new(&echo.service, rig_listen(family, path, &echo.port), NULL, &err);
    assert_non_null(echo.listener);
}

static void check_works(int family, const char *path)
{
    struct client c = client_connect_to(&echo.rig, family, path, echo.port);

    client_send(&c, GET("/x"));
    assert_true(client_sees(&c, "1 /x []"));
    client_send(&c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    client_half_close(&c);
    rig_run(&echo.rig, 5);
    echo_answer(&echo);
    assert_true(client_sees(&c, "waited"));
    assert_true(client_sees_end(&c));
    client_close(&c);
}

static void ipv4_is_served(void **state)
{
    (void)state;
    listen_on(AF_INET, NULL);
    check_works(AF_INET, NULL);
}

static void ipv6_is_served(void **state)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    if (fd < 0)
        skip();
    close(fd);
    listen_on(AF_INET6, NULL);
    check_works(AF_INET6, NULL);
}

static void a_unix_socket_is_served(void **state)
{
    char path[200];
    struct client c;

    (void)state;
    snprintf(path, sizeof path, "%s", rig_path(&echo.rig, "http.sock"));
    listen_on(AF_UNIX, path);
    check_works(AF_UNIX, path);
    /* A client that closes is noticed without any byte sent to it. */
    c = client_connect_to(&echo.rig, AF_UNIX, path, 0);
    client_send(&c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    client_close(&c);
    rig_run(&echo.rig, 5);
    clock_move(echo.rig.loop, 600);
    rig_until(&echo.rig, echo.n_gone == 1);
}

static void a_full_service_closes_idle_connections_first(void **state)
{
    struct client c[4];

    (void)state;
    echo.service.max_connections = 3;
    listen_on(AF_INET, NULL);
    for (size_t i = 0; i < 3; i++) {
        c[i] = client_connect(&echo.rig, echo.port);
        client_send(&c[i], GET("/x"));
        assert_true(client_sees(&c[i], "/x []"));
    }
    c[3] = client_connect(&echo.rig, echo.port);
    client_send(&c[3], GET("/x"));
    assert_true(client_sees(&c[3], "/x []"));
    assert_true(client_sees_end(&c[0]));
    assert_false(c[1].closed || c[2].closed);
    assert_int_equal(echo.service.n_connections, 3);
    for (size_t i = 0; i < 4; i++)
        client_close(&c[i]);
}

static void of_idle_connections_the_longest_idle_is_closed(void **state)
{
    struct client c[5];

    (void)state;
    echo.service.max_connections = 3;
    listen_on(AF_INET, NULL);
    for (size_t i = 0; i < 5; i++) {
        c[i] = client_connect(&echo.rig, echo.port);
        client_send(&c[i], GET("/x"));
        assert_true(client_sees(&c[i], "/x []"));
        if (i < 2)
            continue;
        client_forget(&c[0]); /* it is connected longest, and used again and again */
        client_send(&c[0], GET("/y"));
        assert_true(client_sees(&c[0], "/y []"));
    }
    assert_true(client_sees_end(&c[1]) && client_sees_end(&c[2]));
    assert_false(c[0].closed || c[3].closed || c[4].closed);
    for (size_t i = 0; i < 5; i++)
        client_close(&c[i]);
}

static void a_full_service_without_idle_connections_lets_clients_wait(void **state)
{
    struct client c[5];

    (void)state;
    echo.service.max_connections = 3;
    listen_on(AF_INET, NULL);
    for (size_t i = 0; i < 5; i++) {
        c[i] = client_connect(&echo.rig, echo.port);
        client_send(&c[i], i < 4 ? GET("/wait") : GET("/x"));
        rig_until(&echo.rig, echo.n_handled == (i < 4 ? i + 1 : 4));
    }
    assert_int_equal(echo.service.n_connections, 4); /* the one that filled it up, too */
    assert_int_equal(echo.n_handled, 4);
    assert_true(client_sees_nothing(&c[4], 20));
    echo_answer(&echo);
    assert_true(client_sees(&c[3], "waited"));
    client_close(&c[3]);
    rig_run(&echo.rig, 10);
    assert_int_equal(echo.n_handled, 4);
    clock_move(echo.rig.loop, 300000);
    for (size_t i = 0; i < 3; i++)
        assert_true(client_sees(&c[i], " 504 "));
    for (size_t i = 0; i < 3; i++)
        client_close(&c[i]);
    assert_true(client_sees(&c[4], "/x []"));
    client_close(&c[4]);
}

static long failed_accepts(void)
{
    const char *line = "countersign_http_connection_events_total{listener=\"test\",event=\"accept-failed\"} ";
    struct text text = TEXT_MAX(100000);
    const char *at;
    long n = 0;

    metrics_write(echo.rig.metrics, &text);
    at = strstr(text_of(&text), line);
    if (at)
        n = strtol(at + strlen(line), (char **)&at, 10);
    text_free(&text);
    return n;
}

static void without_file_descriptors_the_listener_rests(void **state)
{
    struct rlimit old, low;
    struct client c;
    int64_t began_ms;
    int fds[64];
    size_t n = 0;

    (void)state;
    listen_on(AF_INET, NULL);
    c = client_connect(&echo.rig, echo.port);
    client_send(&c, GET("/x"));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ .rlim_cur = 64, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < 64 && (fds[n] = fcntl(c.fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    began_ms = rig_real_ms();
    rig_until(&echo.rig, failed_accepts() > 0);
    for (int i = 0; i < 50; i++) /* a listener that spins would try in each turn */
        loop_run_once(echo.rig.loop, 0);
    assert_true(failed_accepts() <= 1 + (rig_real_ms() - began_ms) / 100);
    for (int i = 0; i < 3; i++) {
        const long before = failed_accepts();

        clock_move(echo.rig.loop, 110);
        rig_until(&echo.rig, failed_accepts() > before);
    }
    assert_true(failed_accepts() <= 4 + (rig_real_ms() - began_ms) / 100);
    while (n)
        close(fds[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(echo.service.n_connections, 0);
    clock_move(echo.rig.loop, 110);
    assert_true(client_sees(&c, "/x []"));
    client_close(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ipv4_is_served),
        TEST(ipv6_is_served),
        TEST(a_unix_socket_is_served),
        TEST(a_full_service_closes_idle_connections_first),
        TEST(of_idle_connections_the_longest_idle_is_closed),
        TEST(a_full_service_without_idle_connections_lets_clients_wait),
        TEST(without_file_descriptors_the_listener_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
