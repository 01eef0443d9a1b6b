/* engine/listens.c: the sockets of one block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "engine/host.h"
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

static void one_string_means_udp_and_tcp_on_one_port(void **state)
{
    struct listens *listens = listens_new();
    struct cs_instance in = { .listens = listens }, bare = { 0 };
    char udp[128], tcp[128];

    (void)state;
    assert_int_equal(listens_add(listens, "127.0.0.1:0", 0, true, true, NULL), 0);
    assert_int_equal(listens_add(listens, "127.0.0.1:0", 0, false, true, NULL), 0);
    assert_int_equal(listens_add(listens, "127.0.0.1:0", 0, true, false, NULL), 0);
    text_of_fd(udp, cs_listen(&in, 0, SOCK_DGRAM));
    text_of_fd(tcp, cs_listen(&in, 0, SOCK_STREAM));
    assert_string_equal(udp, tcp);
    assert_int_equal(cs_listen(&in, 1, SOCK_DGRAM), -1);
    assert_true(cs_listen(&in, 1, SOCK_STREAM) >= 0);
    assert_true(cs_listen(&in, 2, SOCK_DGRAM) >= 0);
    assert_int_equal(cs_listen(&in, 2, SOCK_STREAM), -1);
    assert_int_equal(cs_listen(&in, 3, SOCK_STREAM), -1);
    assert_int_equal(cs_listen(&in, 0, SOCK_RAW), -1);
    assert_int_equal(cs_listen(&bare, 0, SOCK_STREAM), -1);
    listens_free(listens);
    listens_free(NULL);
}

static void a_block_with_a_fault_adds_nothing(void **state)
{
    struct listens *listens = listens_new();
    struct cs_error err = { 0 };
    char text[128];
    int taken = listen_on("127.0.0.1:0", SOCK_DGRAM, NULL);

    (void)state;
    text_of_fd(text, taken);
    assert_int_equal(listens_add(listens, text, 0, true, true, &err), -1);
    assert_true(strstr(err.text, "is in use") != NULL);
    assert_int_equal(listens_add(listens, "unix:/run/x", 0, true, false, &err), -1);
    assert_true(strstr(err.text, "only IP addresses") != NULL);
    assert_int_equal(listens_add(listens, "nowhere", 53, true, false, &err), -1);
    assert_int_equal(listens_fd(listens, 0, SOCK_STREAM), -1);
    listens_free(listens);
    close(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_string_means_udp_and_tcp_on_one_port),
        cmocka_unit_test(a_block_with_a_fault_adds_nothing),
    };

    return cmocka_run_group_tests_name("listens", tests, NULL, NULL);
}
