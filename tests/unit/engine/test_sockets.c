/* engine/sockets.c: listening sockets, made or inherited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/sockets.h"

static int listen_on(const char *text, int type, struct cs_error *err)
{
    struct sockaddr_storage address;
    socklen_t len = 0;

    assert_int_equal(address_parse(text, 53, &address, &len, err), 0);
    return socket_listen((const struct sockaddr *)&address, len, type, err);
}

static void text_of_fd(char out[128], int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    address_text(out, (const struct sockaddr *)&bound, len);
}

static int connect_to(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    int fd;

    assert_int_equal(address_parse(text, 0, &address, &len, NULL), 0);
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int option_is_on(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value != 0;
}

static void a_tcp_socket_takes_connections(void **state)
{
    int fd = listen_on("127.0.0.1:0", SOCK_STREAM, NULL), client, served;
    char text[128];

    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    text_of_fd(text, fd);
    client = connect_to(text);
    assert_true(client >= 0);
    served = accept(fd, NULL, NULL);
    assert_true(served >= 0);
    assert_true(option_is_on(served, IPPROTO_TCP, TCP_NODELAY));
    close(served);
    close(client);
    close(fd);
}

static void an_ipv6_socket_leaves_ipv4_alone(void **state)
{
    int fd = listen_on("[::]:0", SOCK_STREAM, NULL);

    (void)state;
    if (fd < 0)
        skip(); /* a kernel without IPv6 */
    assert_true(option_is_on(fd, IPPROTO_IPV6, IPV6_V6ONLY));
    close(fd);
}

static void a_udp_socket_tells_the_address_that_was_asked(void **state)
{
    int fd = listen_on("0.0.0.0:0", SOCK_DGRAM, NULL);

    (void)state;
    assert_true(fd >= 0);
    assert_true(option_is_on(fd, IPPROTO_IP, IP_PKTINFO));
    close(fd);
    fd = listen_on("[::]:0", SOCK_DGRAM, NULL);
    if (fd < 0)
        skip();
    assert_true(option_is_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO));
    close(fd);
}

static void a_port_in_use_is_told(void **state)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = listen_on("127.0.0.1:0", types[i], NULL);
        struct cs_error err = { 0 };
        char text[128], wanted[256];

        text_of_fd(text, fd);
        assert_int_equal(listen_on(text, types[i], &err), -1);
        assert_int_equal(err.code, CS_ECONFIG);
        snprintf(wanted, sizeof wanted, "%s %s is in use: stop the other server or change `listen`", i ? "UDP" : "TCP", text);
        assert_string_equal(err.text, wanted);
        close(fd);
    }
}

static void an_address_of_another_machine_is_told(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(listen_on("192.0.2.1:5353", SOCK_STREAM, &err), -1);
    assert_string_equal(err.text, "TCP 192.0.2.1:5353 is not an address of this machine: change `listen`");
}

/* In a child, because rights that are gone do not come back. */
static void a_privileged_port_says_what_it_needs(void **state)
{
    pid_t child;
    int status;

    (void)state;
    child = fork();
    if (child == 0) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct cs_error err = { 0 };

        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        if (socket_listen((const struct sockaddr *)&address, sizeof address, SOCK_STREAM, &err) >= 0)
            _exit(3); /* net.ipv4.ip_unprivileged_port_start */
        _exit(strstr(err.text, "TCP 127.0.0.1:1 needs root or CAP_NET_BIND_SERVICE") ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static char folder[64], unix_text[100];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/countersign-sockets-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(unix_text, sizeof unix_text, "unix:%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(unix_text + 5);
    return rmdir(folder);
}

static void a_unix_socket_is_for_its_user_and_group(void **state)
{
    mode_t before = umask(077);
    int fd = listen_on(unix_text, SOCK_STREAM, NULL), client;
    struct stat st;

    (void)state;
    umask(before);
    assert_true(fd >= 0);
    assert_int_equal(stat(unix_text + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    client = connect_to(unix_text);
    assert_true(client >= 0);
    close(client);
    close(fd);
}

static void the_group_of_a_unix_socket_is_chosen(void **state)
{
    const gid_t group = geteuid() == 0 ? 54321 : getegid();
    struct cs_error err = { 0 };
    struct sockaddr_storage address;
    socklen_t len = 0;
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(address_parse(unix_text, 0, &address, &len, NULL), 0);
    fd = socket_listen_for((const struct sockaddr *)&address, len, SOCK_STREAM, group, NULL);
    assert_true(fd >= 0);
    assert_int_equal(stat(unix_text + 5, &st), 0);
    assert_int_equal(st.st_gid, group);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(fd);
    if (geteuid() != 0) {
        assert_int_equal(socket_listen_for((const struct sockaddr *)&address, len, SOCK_STREAM, 0, &err), -1);
        assert_non_null(strstr(err.text, "cannot be given to its `group`: only root can, or a member of it"));
    }
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    int fd = listen_on(unix_text, SOCK_STREAM, NULL);

    (void)state;
    close(fd); /* the file stays */
    fd = listen_on(unix_text, SOCK_STREAM, NULL);
    assert_true(fd >= 0);
    close(fd);
}

static void a_unix_socket_that_answers_is_not_replaced(void **state)
{
    int fd = listen_on(unix_text, SOCK_STREAM, NULL), client;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(listen_on(unix_text, SOCK_STREAM, &err), -1);
    assert_true(strstr(err.text, "is in use: stop the other server") != NULL);
    client = connect_to(unix_text);
    assert_true(client >= 0);
    close(client);
    close(fd);
}

static void a_file_in_its_place_is_not_removed(void **state)
{
    int fd = open(unix_text + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    struct cs_error err = { 0 };

    (void)state;
    close(fd);
    assert_int_equal(listen_on(unix_text, SOCK_STREAM, &err), -1);
    assert_true(strstr(err.text, "is there already and is not a socket") != NULL);
    assert_int_equal(access(unix_text + 5, F_OK), 0);
}

static void a_private_socket_is_its_owners_whatever_the_umask(void **state)
{
    mode_t before = umask(0);
    int fd = socket_listen_private(unix_text + 5, NULL), client;
    struct stat st;

    (void)state;
    umask(before);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(stat(unix_text + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    client = connect_to(unix_text);
    assert_true(client >= 0);
    close(client);
    close(fd);
}

static void a_private_socket_takes_the_place_of_a_dead_servers_only(void **state)
{
    int fd = socket_listen_private(unix_text + 5, NULL);
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(socket_listen_private(unix_text + 5, &err), -1);
    assert_non_null(strstr(err.text, "is in use: stop the other server or change `runtime`"));
    close(fd); /* the file stays */
    fd = socket_listen_private(unix_text + 5, &err);
    assert_true(fd >= 0);
    close(fd);
}

static void a_private_socket_that_cannot_be_says_why(void **state)
{
    char path[200];
    struct cs_error err = { 0 };

    (void)state;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[108] = '\0';
    assert_int_equal(socket_listen_private(path, &err), -1);
    assert_non_null(strstr(err.text, "is too long for a socket's path, 107 bytes are possible: give `runtime` a shorter one"));
    assert_int_equal(socket_listen_private("/nowhere/at/all/control.sock", &err), -1);
    assert_non_null(strstr(err.text, "cannot listen on /nowhere/at/all/control.sock: No such file or directory"));
}

/* The number of the inherited socket that an address gets, in a child whose fd 3 and 4 are set up; 100 + the code otherwise. */
static int inherited_in_child(int three, int four, const char *pid, const char *want, int type)
{
    char number[32];
    pid_t child = fork();
    int status;

    if (child == 0) {
        int saved_three = fcntl(three, F_DUPFD, 10), saved_four = fcntl(four, F_DUPFD, 10), fd;
        struct sockaddr_storage address;
        socklen_t len = 0;
        struct cs_error err = { 0 };

        dup2(saved_three, 3);
        dup2(saved_four, 4);
        snprintf(number, sizeof number, "%d", (int)getpid());
        setenv("LISTEN_PID", pid ? pid : number, 1);
        setenv("LISTEN_FDS", "2", 1);
        address_parse(want, 0, &address, &len, &err);
        fd = socket_listen((const struct sockaddr *)&address, len, type, &err);
        if (fd >= 0 && socket_listen((const struct sockaddr *)&address, len, type, &err) == fd)
            _exit(99); /* handed out twice */
        _exit(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK ? fd : 100 + (int)err.code);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_inherited_socket_is_matched_by_type_and_address(void **state)
{
    struct listens *listens = listens_new();
    int other = listen_on("127.0.0.1:0", SOCK_STREAM, NULL), udp, tcp;
    char text[128], other_text[128];

    (void)state;
    assert_int_equal(listens_add(listens, "127.0.0.1:0", 0, true, true, NULL), 0);
    udp = listens_fd(listens, 0, SOCK_DGRAM);
    tcp = listens_fd(listens, 0, SOCK_STREAM);
    text_of_fd(text, tcp);
    text_of_fd(other_text, other);
    assert_int_equal(inherited_in_child(tcp, udp, NULL, text, SOCK_STREAM), 3);
    assert_int_equal(inherited_in_child(tcp, udp, NULL, text, SOCK_DGRAM), 4);
    assert_int_equal(inherited_in_child(other, tcp, NULL, text, SOCK_STREAM), 4);
    assert_int_equal(inherited_in_child(other, udp, NULL, text, SOCK_STREAM), 100 + CS_ECONFIG);
    assert_int_equal(inherited_in_child(tcp, udp, "1", text, SOCK_STREAM), 100 + CS_ECONFIG);
    listens_free(listens);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_socket_takes_connections),
        cmocka_unit_test(an_ipv6_socket_leaves_ipv4_alone),
        cmocka_unit_test(a_udp_socket_tells_the_address_that_was_asked),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(an_address_of_another_machine_is_told),
        cmocka_unit_test(a_privileged_port_says_what_it_needs),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_for_its_user_and_group, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_group_of_a_unix_socket_is_chosen, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_stale_unix_socket_is_replaced, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_unix_socket_that_answers_is_not_replaced, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_in_its_place_is_not_removed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_private_socket_is_its_owners_whatever_the_umask, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_private_socket_takes_the_place_of_a_dead_servers_only, make_folder, remove_folder),
        cmocka_unit_test(a_private_socket_that_cannot_be_says_why),
        cmocka_unit_test(an_inherited_socket_is_matched_by_type_and_address),
    };

    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
