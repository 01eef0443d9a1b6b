/* audit-syslog as a whole, towards sockets of the test: frames, servers that are away, come back, hang, or hang up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <countersign/audit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern const struct cs_plugin cs_plugin;

static struct {
    const char *server, *facility, *app_name, *hostname;
    int64_t timeout, max_size, enterprise;
    const char *ca_file, *certificate, *key, *server_name;
} conf;
static char folder[64], where[160], path[128], got[1 << 20];
static void *sink;
static struct cs_error err;

/* The only service of the core that is used. */
int64_t cs_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(sizeof conf, cs_plugin.settings_size);
    snprintf(folder, sizeof folder, "/tmp/countersign-syslog-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    memset(&conf, 0, sizeof conf);
    conf.server = where;
    conf.facility = "local0";
    conf.app_name = "countersign";
    conf.hostname = "ns1";
    conf.timeout = 2000;
    conf.max_size = 8192;
    conf.enterprise = 32473;
    conf.ca_file = conf.certificate = conf.key = conf.server_name = "";
    err = (struct cs_error){ 0 };
    sink = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (sink)
        cs_plugin.close(sink);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void open_sink(const char *format, int port)
{
    if (port)
        snprintf(where, sizeof where, "%s:127.0.0.1:%d", format, port);
    else
        snprintf(where, sizeof where, "unix:%s", path);
    assert_int_equal(cs_plugin.open(NULL, &conf, &sink, &err), 0);
}

static int append(int64_t first, size_t n)
{
    struct cs_event *events = calloc(n, sizeof *events);
    int rc;

    assert_non_null(events);
    for (size_t i = 0; i < n; i++)
        events[i] = (struct cs_event){ .size = sizeof *events, .number = first + (int64_t)i, .time_ms = 1700000000000,
                                       .kind = "issued", .json = "{}", .json_len = 2 };
    rc = cs_plugin.audit->append(sink, events, n, &err);
    free(events);
    return rc;
}

static const char *message(int number)
{
    static char text[512];

    snprintf(text, sizeof text,
             "<134>1 2023-11-14T22:13:20.000Z ns1 countersign %ld issued [meta sequenceId=\"%d\"]"
             "[countersign@32473 number=\"%d\"] {\"number\":%d,\"time\":\"2023-11-14T22:13:20.000Z\",\"kind\":\"issued\"}",
             (long)getpid(), number, number, number);
    return text;
}

/* A socket at `path`, or bound to 127.0.0.1. */
static int listen_at(int family, int type, int *port)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)(port ? *port : 0)) };
    const int on = 1;
    socklen_t len = sizeof at;
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(local.sun_path, sizeof local.sun_path, "%.100s", path);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(family == AF_UNIX ? bind(fd, (struct sockaddr *)&local, sizeof local)
                                       : bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 8), 0);
    if (port) {
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
        *port = ntohs(at.sin_port);
    }
    return fd;
}

static bool is_readable(int fd, int ms)
{
    struct pollfd ask = { .fd = fd, .events = POLLIN };

    return poll(&ask, 1, ms) == 1;
}

static void expect_datagram(int fd, int number)
{
    ssize_t n;

    assert_true(is_readable(fd, 5000));
    n = recv(fd, got, sizeof got - 1, 0);
    assert_true(n > 0);
    got[n] = '\0';
    assert_string_equal(got, message(number));
}

/* Exactly `text`, and nothing behind it yet. */
static void expect_bytes(int fd, const char *text)
{
    size_t len = 0;

    while (len < strlen(text)) {
        ssize_t n;

        assert_true(is_readable(fd, 5000));
        n = recv(fd, got + len, sizeof got - 1 - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    got[len] = '\0';
    assert_string_equal(got, text);
}

static const char *counted(int number)
{
    static char text[600];

    snprintf(text, sizeof text, "%zu %s", strlen(message(number)), message(number));
    return text;
}

static void the_local_daemon_gets_datagrams(void **state)
{
    int fd = listen_at(AF_UNIX, SOCK_DGRAM, NULL);

    (void)state;
    open_sink("", 0);
    assert_int_equal(append(1, 2), 0);
    expect_datagram(fd, 1);
    expect_datagram(fd, 2);
    close(fd);
}

static void a_daemon_that_was_restarted_loses_nothing(void **state)
{
    int fd = listen_at(AF_UNIX, SOCK_DGRAM, NULL);

    (void)state;
    open_sink("", 0);
    assert_int_equal(append(1, 1), 0);
    expect_datagram(fd, 1);
    close(fd);
    assert_int_equal(append(2, 1), -1);
    assert_int_equal(err.code, CS_EUPSTREAM);
    assert_non_null(strstr(err.text, "Connection refused"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(append(2, 1), -1);
    assert_non_null(strstr(err.text, "No such file"));
    fd = listen_at(AF_UNIX, SOCK_DGRAM, NULL);
    assert_int_equal(append(2, 1), 0);
    expect_datagram(fd, 2);
    close(fd);
}

static void a_daemon_that_reads_nothing_holds_up_until_the_deadline(void **state)
{
    int fd = listen_at(AF_UNIX, SOCK_DGRAM, NULL);
    int64_t began_ms;

    (void)state;
    conf.timeout = 300;
    open_sink("", 0);
    began_ms = cs_now_ms();
    assert_int_equal(append(1, 5000), -1);
    assert_true(cs_now_ms() - began_ms >= 280 && cs_now_ms() - began_ms < 2000);
    assert_non_null(strstr(err.text, "timed out"));
    close(fd);
}

static void a_local_stream_gets_lines(void **state)
{
    int fd = listen_at(AF_UNIX, SOCK_STREAM, NULL), peer;
    char line[600];

    (void)state;
    open_sink("", 0);
    assert_int_equal(append(7, 1), 0);
    peer = accept(fd, NULL, NULL);
    snprintf(line, sizeof line, "%s\n", message(7));
    expect_bytes(peer, line);
    close(peer);
    close(fd);
}

static void udp_carries_one_message_in_each_datagram(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_DGRAM, &port);

    (void)state;
    open_sink("udp", port);
    assert_int_equal(append(1, 120), 0);
    for (int i = 1; i <= 120; i++)
        expect_datagram(fd, i);
    close(fd);
}

static void a_host_without_a_udp_server_is_noticed(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_DGRAM, &port);

    (void)state;
    open_sink("udp", port);
    close(fd);
    assert_int_equal(append(1, 1), -1);
    assert_non_null(strstr(err.text, "Connection refused"));
    fd = listen_at(AF_INET, SOCK_DGRAM, &port);
    assert_int_equal(append(1, 1), 0);
    expect_datagram(fd, 1);
    close(fd);
}

static void tcp_counts_octets_and_keeps_its_connection(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_STREAM, &port), peer;

    (void)state;
    open_sink("tcp", port);
    assert_int_equal(append(1, 1), 0);
    peer = accept(fd, NULL, NULL);
    expect_bytes(peer, counted(1));
    assert_int_equal(append(2, 1), 0);
    expect_bytes(peer, counted(2));
    assert_false(is_readable(fd, 0));
    close(peer);
    close(fd);
}

/* The first write to a connection that the other side has closed succeeds: that must not count as delivered. */
static void a_server_that_hung_up_gets_everything_on_a_new_connection(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_STREAM, &port), peer;

    (void)state;
    open_sink("tcp", port);
    assert_int_equal(append(1, 1), 0);
    peer = accept(fd, NULL, NULL);
    expect_bytes(peer, counted(1));
    close(peer);
    assert_int_equal(append(2, 1), 0);
    peer = accept(fd, NULL, NULL);
    expect_bytes(peer, counted(2));
    close(peer);
    close(fd);
}

static void a_hangup_of_the_operator_makes_a_new_connection(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_STREAM, &port), peer;

    (void)state;
    open_sink("tcp", port);
    assert_int_equal(append(1, 1), 0);
    peer = accept(fd, NULL, NULL);
    expect_bytes(peer, counted(1));
    assert_int_equal(cs_plugin.audit->reopen(sink, &err), 0);
    assert_true(is_readable(peer, 5000));
    assert_int_equal(recv(peer, got, 1, 0), 0);
    close(peer);
    assert_int_equal(append(2, 1), 0);
    peer = accept(fd, NULL, NULL);
    expect_bytes(peer, counted(2));
    close(peer);
    close(fd);
}

/* More than both kernels buffer: some of it is never acknowledged. */
static void a_server_that_takes_nothing_has_got_nothing(void **state)
{
    int port = 0, fd = listen_at(AF_INET, SOCK_STREAM, &port);
    int64_t began_ms;

    (void)state;
    conf.timeout = 300;
    open_sink("tcp", port);
    began_ms = cs_now_ms();
    assert_int_equal(append(1, 60000), -1);
    assert_int_equal(err.code, CS_EUPSTREAM);
    assert_true(cs_now_ms() - began_ms < 3000);
    close(fd);
    assert_int_equal(append(1, 1), -1);
    assert_non_null(strstr(err.text, "cannot reach the syslog server 127.0.0.1 port"));
}

static void expect_refusal(const char *words)
{
    void *self = NULL;

    assert_int_equal(cs_plugin.open(NULL, &conf, &self, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(cs_plugin.check(&conf, NULL, &err), -1);
}

static void settings_that_cannot_work_are_told_at_the_start(void **state)
{
    (void)state;
    conf.server = "nowhere";
    expect_refusal("has no known way");
    conf.server = "unix:/dev/log";
    conf.facility = "local9";
    expect_refusal("is none of RFC 5424's");
    conf.facility = "user";
    conf.app_name = "two words";
    expect_refusal("app_name must be");
    conf.app_name = "one";
    conf.hostname = "a b";
    expect_refusal("hostname must be");
    conf.hostname = "";
    conf.ca_file = "/x.pem";
    expect_refusal("for server = \"tls:HOST:PORT\" only");
    conf.server = "tls:logs.example.com";
    expect_refusal("cannot read the CA certificates of /x.pem");
    conf.ca_file = "";
    conf.certificate = "/x.pem";
    expect_refusal("a certificate needs its key");
    conf.key = "/y.pem";
    expect_refusal("cannot read the certificate /x.pem");
    conf.certificate = conf.key = "";
    assert_int_equal(cs_plugin.check(&conf, NULL, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_local_daemon_gets_datagrams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_that_was_restarted_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_that_reads_nothing_holds_up_until_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_local_stream_gets_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(udp_carries_one_message_in_each_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_without_a_udp_server_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tcp_counts_octets_and_keeps_its_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_hung_up_gets_everything_on_a_new_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hangup_of_the_operator_makes_a_new_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_takes_nothing_has_got_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_that_cannot_work_are_told_at_the_start, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
