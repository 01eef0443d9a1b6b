/* engine/watch.c: a plugin's own sockets on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/host.h"
#include "engine/loop.h"

static struct cs_instance in = { .name = "main", .who = "dns.main" };
static int pair[2];

static int begin(void **state)
{
    in.loop = *state = loop_new(NULL);
    return in.loop && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0 ? 0 : -1;
}

static int end(void **state)
{
    close(pair[0]);
    close(pair[1]);
    loop_free(*state);
    return 0;
}

struct seen {
    int times, events, fd, end_after;
    char text[16];
    struct cs_watch *watch;
};

static void on_ready(void *arg, int fd, int events)
{
    struct seen *seen = arg;

    seen->times++;
    seen->events |= events;
    seen->fd = fd;
    if (events & CS_READ) {
        ssize_t n = read(fd, seen->text, sizeof seen->text - 1);

        seen->text[n > 0 ? n : 0] = '\0';
    }
    if (seen->end_after && seen->times == seen->end_after) {
        cs_watch_end(seen->watch);
        seen->watch = NULL;
    }
}

static void what_can_be_read_is_told_until_the_end_of_the_watch(void **state)
{
    struct seen seen = { 0 };

    seen.watch = cs_watch_fd(&in, pair[0], CS_READ, on_ready, &seen);
    assert_true(seen.watch != NULL);
    loop_run_once(*state, 0);
    assert_int_equal(seen.times, 0);
    assert_int_equal(write(pair[1], "one", 3), 3);
    loop_run_once(*state, 10000);
    assert_int_equal(seen.times, 1);
    assert_int_equal(seen.events, CS_READ);
    assert_int_equal(seen.fd, pair[0]);
    assert_string_equal(seen.text, "one");
    assert_int_equal(write(pair[1], "two", 3), 3);
    loop_run_once(*state, 10000);
    assert_string_equal(seen.text, "two");
    cs_watch_end(seen.watch);
    assert_int_equal(write(pair[1], "three", 5), 5);
    loop_run_once(*state, 10);
    assert_int_equal(seen.times, 2);
    assert_true(fcntl(pair[0], F_GETFD) >= 0);
}

static void room_to_write_is_told(void **state)
{
    struct seen seen = { .end_after = 3 };

    seen.watch = cs_watch_fd(&in, pair[0], CS_READ | CS_WRITE, on_ready, &seen);
    for (int i = 0; i < 5; i++)
        loop_run_once(*state, 10);
    assert_int_equal(seen.times, 3);
    assert_int_equal(seen.events, CS_WRITE);
}

static void a_callback_may_end_its_own_watch(void **state)
{
    struct seen seen = { .end_after = 1 };

    seen.watch = cs_watch_fd(&in, pair[0], CS_READ, on_ready, &seen);
    assert_int_equal(write(pair[1], "x", 1), 1);
    loop_run_once(*state, 10000);
    assert_int_equal(write(pair[1], "y", 1), 1);
    loop_run_once(*state, 10);
    assert_int_equal(seen.times, 1);
}

static void a_hang_up_can_be_read(void **state)
{
    struct seen seen = { .text = "not yet" };

    seen.watch = cs_watch_fd(&in, pair[0], CS_READ, on_ready, &seen);
    shutdown(pair[1], SHUT_RDWR);
    loop_run_once(*state, 10000);
    assert_true(seen.times >= 1);
    assert_string_equal(seen.text, "");
    cs_watch_end(seen.watch);
}

static void nonsense_is_refused(void **state)
{
    int regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(cs_watch_fd(&in, -1, CS_READ, on_ready, NULL) == NULL);
    assert_true(cs_watch_fd(&in, pair[0], 0, on_ready, NULL) == NULL);
    assert_true(cs_watch_fd(&in, regular, CS_READ, on_ready, NULL) == NULL);
    cs_watch_end(NULL);
    close(regular);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_can_be_read_is_told_until_the_end_of_the_watch, begin, end),
        cmocka_unit_test_setup_teardown(room_to_write_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_callback_may_end_its_own_watch, begin, end),
        cmocka_unit_test_setup_teardown(a_hang_up_can_be_read, begin, end),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, begin, end),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
