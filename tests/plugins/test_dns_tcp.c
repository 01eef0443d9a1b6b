/* plugins/dns-builtin/tcp.c: DNS over TCP, its limits and its deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fakes/dns_running.h"

static struct reply reply;

static void tcp_answers_in_order_however_the_bytes_come(void **state)
{
    static struct message m;
    static uint8_t bytes[20 * 64];
    struct running r;
    size_t n = 0;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    for (unsigned i = 0; i < 20; i++) {
        question(&m, "go.example.", i);
        bytes[n++] = 0;
        bytes[n++] = (uint8_t)m.len;
        memcpy(bytes + n, m.at, m.len);
        n += m.len;
    }
    for (size_t piece = 1; piece <= n; piece = piece * 3 + 1) {
        fd = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
        for (size_t at = 0; at < n; at += piece)
            assert_true(send(fd, bytes + at, n - at < piece ? n - at : piece, MSG_NOSIGNAL) > 0);
        for (unsigned i = 0; i < 20; i++) {
            assert_true(receive_tcp(fd, &reply));
            assert_int_equal(read16(reply.at), i);
            assert_int_equal(rcode(&reply), NOERROR);
        }
        close(fd);
    }
    stop(&r);
}

/* The client does not read while it asks for a megabyte: the server must wait for it without losing a byte. */
static void tcp_waits_for_a_slow_reader(void **state)
{
    static struct message m;
    static char value[2001];
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    for (int i = 0; i < 20; i++) {
        memset(value, 'a' + i, 2000);
        assert_int_equal(set_txt(&r, "big.go.example.", value, NULL, 0, NULL), 0);
    }
    fd = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    for (unsigned i = 0; i < 200; i++) {
        question(&m, "big.go.example.", i);
        send_tcp(fd, &m);
    }
    usleep(200000);
    for (unsigned i = 0; i < 200; i++) {
        assert_true(receive_tcp(fd, &reply));
        assert_int_equal(read16(reply.at), i);
        assert_int_equal(answers(&reply), 20);
        assert_true(reply.len > 40000);
    }
    close(fd);
    stop(&r);
}

static bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void tcp_connections_end_at_their_deadline(void **state)
{
    static struct message m;
    struct running r;
    int idle, dripping, busy;

    (void)state;
    start_on(&r, "127.0.0.1");
    idle = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    dripping = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    busy = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    question(&m, "go.example.", 1);
    for (int second = 0; second < 9; second++) {
        assert_int_equal(send(dripping, "\1", 1, MSG_NOSIGNAL), 1);
        send_tcp(busy, &m);
        assert_true(receive_tcp(busy, &reply));
        host_move_clock(1000);
    }
    host_move_clock(1500);
    assert_true(is_closed(idle));
    assert_true(is_closed(dripping));
    send_tcp(busy, &m);
    assert_true(receive_tcp(busy, &reply));
    close(idle);
    close(dripping);
    close(busy);
    stop(&r);
}

static void tcp_takes_so_many_connections_of_one_client(void **state)
{
    static struct message m;
    int fds[33];
    struct running r;

    (void)state;
    start_on(&r, "127.0.0.1");
    question(&m, "go.example.", 1);
    for (int i = 0; i < 33; i++) {
        fds[i] = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
        if (i < 32) {
            send_tcp(fds[i], &m);
            assert_true(receive_tcp(fds[i], &reply));
        }
    }
    assert_true(is_closed(fds[32]));
    send_tcp(fds[0], &m);
    assert_true(receive_tcp(fds[0], &reply));
    for (int i = 0; i < 33; i++)
        close(fds[i]);
    stop(&r);
}

/* The 257th connection takes the place of the one that asked longest ago. */
static void tcp_when_full_drops_the_longest_idle(void **state)
{
    static struct message m;
    static int fds[257];
    struct running r;

    (void)state;
    start_on(&r, "127.0.0.1");
    question(&m, "go.example.", 1);
    for (int i = 0; i < 257; i++) {
        struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(r.in.port[0]) };
        const struct timeval limit = { .tv_sec = 5 };

        from.sin_addr.s_addr = htonl(0x7f000002u + (unsigned)i / 32);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        assert_int_equal(bind(fds[i], (struct sockaddr *)&from, sizeof from), 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
        send_tcp(fds[i], &m);
        assert_true(receive_tcp(fds[i], &reply));
        if (i == 255) { /* so that the second is the one that asked longest ago */
            send_tcp(fds[0], &m);
            assert_true(receive_tcp(fds[0], &reply));
        }
    }
    assert_true(is_closed(fds[1]));
    send_tcp(fds[0], &m);
    assert_true(receive_tcp(fds[0], &reply));
    for (int i = 0; i < 257; i++)
        close(fds[i]);
    stop(&r);
}

static void tcp_ends_what_is_no_dns(void **state)
{
    static struct message m;
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    assert_int_equal(send(fd, "\20\1", 2, MSG_NOSIGNAL), 2); /* 4097 bytes are announced */
    assert_true(is_closed(fd));
    close(fd);
    fd = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    question(&m, "go.example.", 1);
    send_tcp(fd, &m);
    m.at[2] |= 0x80; /* an answer */
    send_tcp(fd, &m);
    assert_true(receive_tcp(fd, &reply));
    assert_true(is_closed(fd));
    close(fd);
    stop(&r);
}

static void tcp_ends_after_a_thousand_questions(void **state)
{
    static struct message m;
    struct running r;
    int fd;

    (void)state;
    start_on(&r, "127.0.0.1");
    fd = connected("127.0.0.1", r.in.port[0], SOCK_STREAM);
    question(&m, "go.example.", 1);
    for (int i = 0; i < 1000; i++) {
        send_tcp(fd, &m);
        assert_true(receive_tcp(fd, &reply));
    }
    assert_true(is_closed(fd));
    close(fd);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_answers_in_order_however_the_bytes_come),
        cmocka_unit_test(tcp_waits_for_a_slow_reader),
        cmocka_unit_test(tcp_connections_end_at_their_deadline),
        cmocka_unit_test(tcp_takes_so_many_connections_of_one_client),
        cmocka_unit_test(tcp_when_full_drops_the_longest_idle),
        cmocka_unit_test(tcp_ends_what_is_no_dns),
        cmocka_unit_test(tcp_ends_after_a_thousand_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
