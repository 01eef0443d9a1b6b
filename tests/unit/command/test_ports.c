/* core/command/ports.c: who has the ports that the server wants? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "command/ports.h"

static struct ports ports;

static int forget(void **state)
{
    (void)state;
    ports_free(&ports);
    return 0;
}

/* A socket of ours at a free port of an address. */
static int bound(int family, const char *address, int type, uint16_t *port, bool only)
{
    const int fd = socket(family, type, 0), on = only;
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    struct sockaddr_in four = { .sin_family = AF_INET };
    const bool is_six = family == AF_INET6;
    socklen_t len = is_six ? sizeof six : sizeof four;
    struct sockaddr *at = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;

    assert_true(fd >= 0);
    assert_int_equal(inet_pton(family, address, is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr), 1);
    if (is_six)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    assert_int_equal(bind(fd, at, len), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, at, &len);
    *port = ntohs(is_six ? six.sin6_port : four.sin_port);
    return fd;
}

static const struct port *look(const char *address, uint16_t port, const char *holder)
{
    struct listen_settings listen = { .address = address, .port = port };
    const struct settings settings = { .listen = &listen, .n_listen = 1 };

    ports_free(&ports);
    assert_int_equal(ports_look(&ports, &settings, holder), 0);
    assert_int_equal(ports.n, 1);
    return &ports.v[0];
}

static void a_line_of_the_kernel_is_read(void **state)
{
    struct port_line line;
    char text[INET6_ADDRSTRLEN];

    (void)state;
    assert_true(port_line_read(&line, "   3: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998     "
                                      "   0 123456 1 0000000000000000 100 0 0 10 0\n", AF_INET));
    assert_string_equal(inet_ntop(AF_INET, &((struct sockaddr_in *)&line.at)->sin_addr, text, sizeof text), "127.0.0.1");
    assert_int_equal(ntohs(((struct sockaddr_in *)&line.at)->sin_port), 9090);
    assert_int_equal(line.state, 0x0a);
    assert_int_equal(line.uid, 998);
    assert_int_equal(line.inode, 123456);
    assert_true(port_line_read(&line, "   0: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 "
                                      "00000000:00000000 00:00000000 00000000     0        0 77 2 0 0\n", AF_INET6));
    assert_string_equal(inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&line.at)->sin6_addr, text, sizeof text), "2001:db8::1");
    assert_false(port_line_read(&line, "  sl  local_address rem_address   st tx_queue rx_queue tr\n", AF_INET));
    assert_false(port_line_read(&line, "", AF_INET6));
}

static void a_port_that_nobody_has_is_free(void **state)
{
    uint16_t port;
    const int fd = bound(AF_INET, "127.0.0.1", SOCK_STREAM, &port, false);

    (void)state;
    assert_int_equal(look("127.0.0.2", port, "")->state, PORT_FREE); /* another address */
    close(fd);
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_FREE);
    assert_string_equal(ports.v[0].saw, "free");
}

static void somebody_elses_port_is_named_with_the_process(void **state)
{
    uint16_t port;
    const int fd = bound(AF_INET, "127.0.0.1", SOCK_STREAM, &port, false);
    char process[64];

    (void)state;
    snprintf(process, sizeof process, "process %d (", (int)getpid());
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_TAKEN);
    assert_non_null(strstr(ports.v[0].saw, process));
    assert_non_null(strstr(ports.v[0].todo, "stop that one, or give `listen` another"));
    assert_int_equal(look("0.0.0.0", port, "")->state, PORT_TAKEN);
    close(fd);
}

static void the_running_server_may_have_its_ports(void **state)
{
    uint16_t port;
    const int fd = bound(AF_INET, "0.0.0.0", SOCK_STREAM, &port, false);
    char holder[32];

    (void)state;
    snprintf(holder, sizeof holder, "%d", (int)getpid());
    assert_int_equal(look("0.0.0.0", port, holder)->state, PORT_OURS);
    assert_non_null(strstr(ports.v[0].saw, "our running server has it"));
    close(fd);
}

static void another_address_of_its_port_takes_a_restart(void **state)
{
    uint16_t port;
    const int fd = bound(AF_INET, "0.0.0.0", SOCK_STREAM, &port, false);
    char holder[32], saw[100];

    (void)state;
    snprintf(holder, sizeof holder, "%d", (int)getpid());
    snprintf(saw, sizeof saw, "our running server has TCP 0.0.0.0:%d (process %s)", port, holder);
    assert_int_equal(look("127.0.0.1", port, holder)->state, PORT_OTHERWISE);
    assert_string_equal(ports.v[0].saw, saw);
    assert_string_equal(ports.v[0].todo, "restart it: a reload cannot change that, and would be refused");
    close(fd);
}

/* ---- Unix sockets ---- */

static char socket_text[] = "unix:/tmp/countersign-ports-XXXXXX";

/* One that listens at a path of its own. */
static int bound_unix(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char *path = socket_text + 5;

    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    close(mkstemp(path));
    unlink(path);
    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_unix_socket_is_looked_at_without_a_connection(void **state)
{
    const int fd = bound_unix();
    char process[64], holder[32];

    (void)state;
    snprintf(holder, sizeof holder, "%d", (int)getpid());
    snprintf(process, sizeof process, "process %s (", holder);
    assert_int_equal(look(socket_text, 0, "")->state, PORT_TAKEN);
    assert_non_null(strstr(ports.v[0].saw, process));
    assert_int_equal(look(socket_text, 0, holder)->state, PORT_OURS);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    close(fd);
    assert_int_equal(look(socket_text, 0, "")->state, PORT_FREE);
    unlink(socket_text + 5);
    assert_int_equal(look(socket_text, 0, "")->state, PORT_FREE);
}

/* ---- Socket units ---- */

static void what_systemd_has_is_nobody_elses(void **state)
{
    uint16_t port;
    const int fd = bound(AF_INET, "127.0.0.1", SOCK_STREAM, &port, false), at_path = bound_unix();
    char name[16];

    (void)state;
    prctl(PR_GET_NAME, name);
    prctl(PR_SET_NAME, "systemd");
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_UNIT);
    assert_string_equal(ports.v[0].saw, "systemd holds it, for a socket unit");
    assert_int_equal(look(socket_text, 0, "")->state, PORT_UNIT);
    prctl(PR_SET_NAME, name);
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_TAKEN);
    close(fd);
    close(at_path);
    unlink(socket_text + 5);
}

static void a_socket_for_both_families_takes_a_port_of_one(void **state)
{
    uint16_t port;
    int fd = bound(AF_INET6, "::", SOCK_STREAM, &port, false);

    (void)state;
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_TAKEN);
    assert_int_equal(look("[::1]", port, "")->state, PORT_TAKEN);
    close(fd);
    fd = bound(AF_INET6, "::", SOCK_STREAM, &port, true);
    assert_int_equal(look("127.0.0.1", port, "")->state, PORT_FREE);
    close(fd);
}

static void dns_wants_both_protocols(void **state)
{
    const char *address = NULL;
    struct block_settings block = { .role = ROLE_DNS, .name = "b", .listen = &address, .n_listen = 1 };
    const struct settings settings = { .blocks = &block, .n_blocks = 1 };
    char text[64];
    uint16_t port;
    const int fd = bound(AF_INET, "127.0.0.1", SOCK_DGRAM, &port, false);

    (void)state;
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    address = text;
    assert_int_equal(ports_look(&ports, &settings, ""), 0);
    assert_int_equal(ports.n, 2);
    assert_int_equal(ports.v[0].state, PORT_FREE);
    assert_int_equal(ports.v[1].state, PORT_TAKEN);
    assert_non_null(strstr(ports.v[1].name, "UDP 127.0.0.1:"));
    assert_string_equal(ports.v[1].what, "dns.b");
    close(fd);
}

static void an_address_of_another_machine_is_impossible(void **state)
{
    (void)state;
    assert_int_equal(look("192.0.2.77", 8443, "")->state, PORT_IMPOSSIBLE);
    assert_non_null(strstr(ports.v[0].todo, "change `listen`"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_the_kernel_is_read),
        cmocka_unit_test_teardown(a_port_that_nobody_has_is_free, forget),
        cmocka_unit_test_teardown(somebody_elses_port_is_named_with_the_process, forget),
        cmocka_unit_test_teardown(the_running_server_may_have_its_ports, forget),
        cmocka_unit_test_teardown(another_address_of_its_port_takes_a_restart, forget),
        cmocka_unit_test_teardown(a_unix_socket_is_looked_at_without_a_connection, forget),
        cmocka_unit_test_teardown(what_systemd_has_is_nobody_elses, forget),
        cmocka_unit_test_teardown(a_socket_for_both_families_takes_a_port_of_one, forget),
        cmocka_unit_test_teardown(dns_wants_both_protocols, forget),
        cmocka_unit_test_teardown(an_address_of_another_machine_is_impossible, forget),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
