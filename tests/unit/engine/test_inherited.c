/* engine/inherited.c: sockets of the service manager that fit nothing, each with what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.h"
#include "engine/inherited.h"
#include "engine/sockets.h"

static int listen_on(const char *text, int type)
{
    struct sockaddr_storage address;
    socklen_t len = 0;

    assert_int_equal(address_parse(text, 53, &address, &len, NULL), 0);
    return socket_listen((const struct sockaddr *)&address, len, type, NULL);
}

static void address_of(char out[128], int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    address_text(out, (const struct sockaddr *)&bound, len);
}

/* What is said in a child that gets `fd` as its third descriptor, takes `want` (NULL: nothing), and looks what is left. */
static void said_in_child(char out[600], int fd, const char *names, const char *want)
{
    struct cs_error err = { 0 };
    int pipe_fd[2], taken;
    ssize_t n;

    assert_int_equal(pipe(pipe_fd), 0);
    if (fork() == 0) {
        const int writer = dup(pipe_fd[1]);
        char pid[32];

        dup2(fd, 3);
        fcntl(3, F_SETFD, 0); /* it may have been 3 before */
        snprintf(pid, sizeof pid, "%ld", (long)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_FDNAMES", names, 1);
        if (want) {
            struct sockaddr_storage address;
            socklen_t len = 0;

            address_parse(want, 0, &address, &len, NULL);
            if (inherited_take((const struct sockaddr *)&address, len, SOCK_STREAM, &taken, &err) == 0)
                inherited_check_none_left(&err);
        } else {
            inherited_check_none_left(&err);
        }
        _exit(write(writer, err.text, strlen(err.text)) < 0);
    }
    close(pipe_fd[1]);
    n = read(pipe_fd[0], out, 599);
    out[n > 0 ? n : 0] = '\0';
    close(pipe_fd[0]);
    wait(NULL);
}

static void one_that_was_taken_is_not_left(void **state)
{
    int fd = listen_on("127.0.0.1:0", SOCK_STREAM);
    char text[128], said[600];

    (void)state;
    address_of(text, fd);
    said_in_child(said, fd, "countersign.socket", text);
    assert_string_equal(said, "");
    close(fd);
}

static void one_that_fits_no_listen_is_named_with_what_to_do(void **state)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = listen_on("127.0.0.1:0", types[i]);
        char text[128], said[600], wanted[600];

        address_of(text, fd);
        said_in_child(said, fd, "dns.socket:other", "127.0.0.1:9");
        snprintf(wanted, sizeof wanted,
                 "dns.socket hands over %s %s, which is no `listen` of the configuration: whoever connects there would wait "
                 "for ever; add a `listen` with just that address, or take the line out of the socket unit",
                 i ? "UDP" : "TCP", text);
        assert_string_equal(said, wanted);
        said_in_child(said, fd, "", NULL);
        assert_memory_equal(said, "the socket unit hands over ", 27);
        close(fd);
    }
}

static void one_of_both_protocols_is_refused_though_its_address_fits(void **state)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    char text[128], said[600];

    (void)state;
    assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    address_of(text, fd);
    said_in_child(said, fd, "countersign.socket", text);
    assert_non_null(strstr(said, "for IPv4 and IPv6 at once: write BindIPv6Only=ipv6-only there"));
    close(fd);
}

static void a_connection_is_refused(void **state)
{
    int pair[2];
    char said[600];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    said_in_child(said, pair[0], "countersign.socket", NULL);
    assert_string_equal(said, "countersign.socket hands over a connection, not a listening socket: write Accept=no there");
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_was_taken_is_not_left),
        cmocka_unit_test(one_that_fits_no_listen_is_named_with_what_to_do),
        cmocka_unit_test(one_of_both_protocols_is_refused_though_its_address_fits),
        cmocka_unit_test(a_connection_is_refused),
    };

    return cmocka_run_group_tests_name("inherited", tests, NULL, NULL);
}
