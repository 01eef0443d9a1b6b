/* engine/notify.c: what the service manager hears, and when the watchdog falls silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/clock.h"
#include "engine/notify.h"

struct manager {
    int fd;
    char folder[64], path[128], heard[2048];
};

static int bind_to(struct manager *m, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const size_t len = strlen(name);

    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return bind(m->fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/')));
}

static int begin(void **state)
{
    struct manager *m = calloc(1, sizeof *m);

    *state = m;
    snprintf(m->folder, sizeof m->folder, "/tmp/countersign-notify-XXXXXX");
    if (!mkdtemp(m->folder))
        return -1;
    snprintf(m->path, sizeof m->path, "%s/notify", m->folder);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    setenv("NOTIFY_SOCKET", m->path, 1);
    return bind_to(m, m->path);
}

static int end(void **state)
{
    struct manager *m = *state;

    close(m->fd);
    unlink(m->path);
    rmdir(m->folder);
    free(m);
    return 0;
}

/* The next message, "" when there is none. */
static const char *hear(struct manager *m)
{
    ssize_t n = recv(m->fd, m->heard, sizeof m->heard - 1, 0);

    m->heard[n > 0 ? n : 0] = '\0';
    return m->heard;
}

static void the_manager_hears_of_each_change_in_order(void **state)
{
    struct manager *m = *state;
    struct loop *loop = loop_new(NULL);
    struct notify notify;
    char *end_of_number;

    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    notify_status(&notify, "one\nREADY=1");
    notify_ready(&notify, loop, "serving");
    notify_reloading(&notify, "reloading");
    notify_ready(&notify, loop, "serving");
    notify_stopping(&notify, loop, 1000, "stopping");
    assert_string_equal(hear(m), "STATUS=one\n");
    assert_string_equal(hear(m), "READY=1\nSTATUS=serving\n");
    assert_memory_equal(hear(m), "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(strtoll(m->heard + 27, &end_of_number, 10) > 0);
    assert_string_equal(end_of_number, "\nSTATUS=reloading\n");
    assert_string_equal(hear(m), "READY=1\nSTATUS=serving\n");
    assert_string_equal(hear(m), "STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000\nSTATUS=stopping\n");
    assert_string_equal(hear(m), "");
    notify_close(&notify);
    loop_free(loop);
}

static void an_abstract_name_is_heard_too(void **state)
{
    struct manager *m = *state, other = { .fd = -1 };
    struct notify notify;
    char name[100];

    snprintf(name, sizeof name, "@%s", m->folder);
    assert_int_equal(bind_to(&other, name), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_open(&notify, NULL), 0);
    notify_status(&notify, "here");
    assert_string_equal(hear(&other), "STATUS=here\n");
    notify_close(&notify);
    close(other.fd);
}

static void the_watchdog_is_fed_twice_in_its_period_and_by_the_loop_only(void **state)
{
    struct manager *m = *state;
    struct loop *loop = loop_new(NULL);
    struct notify notify;

    clock_freeze(true);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_null(getenv("WATCHDOG_USEC"));
    notify_ready(&notify, loop, "serving");
    hear(m);
    assert_string_equal(hear(m), "WATCHDOG=1\n");
    notify_ready(&notify, loop, "after a reload");
    hear(m);
    assert_string_equal(hear(m), "");
    for (int i = 0; i < 3; i++) {
        clock_move(loop, 14999);
        loop_run_once(loop, 0);
        assert_string_equal(hear(m), "");
        clock_move(loop, 1);
        assert_string_equal(hear(m), ""); /* time alone feeds nobody */
        loop_run_once(loop, 0);
        assert_string_equal(hear(m), "WATCHDOG=1\n");
    }
    notify_close(&notify);
    clock_move(loop, 60000);
    loop_run_once(loop, 0);
    assert_string_equal(hear(m), "");
    clock_freeze(false);
    loop_free(loop);
}

/* The manager gives a message 60 s, and the stop its TimeoutStopSec, which is less than this one takes. */
static void a_long_stop_is_not_cut_off_as_long_as_the_loop_turns(void **state)
{
    struct manager *m = *state;
    struct loop *loop = loop_new(NULL);
    struct notify notify;

    assert_int_equal(notify_open(&notify, NULL), 0);
    notify_stopping(&notify, loop, 600 * 1000, "stopping");
    assert_non_null(strstr(hear(m), "EXTEND_TIMEOUT_USEC=60000000\n"));
    for (int i = 1; i < 30; i++) {
        clock_move(loop, 20 * 1000);
        assert_string_equal(hear(m), ""); /* a loop that hangs asks for nothing */
        loop_run_once(loop, 0);
        assert_string_equal(hear(m), "EXTEND_TIMEOUT_USEC=60000000\n");
    }
    clock_move(loop, 20 * 1000);
    loop_run_once(loop, 0);
    assert_string_equal(hear(m), ""); /* it should be over by now: the manager's own time counts */
    notify_stopping(&notify, loop, 10 * 1000, "stopping");
    hear(m);
    clock_move(loop, 20 * 1000);
    loop_run_once(loop, 0);
    assert_string_equal(hear(m), "");
    notify_close(&notify);
    loop_free(loop);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    struct manager *m = *state;
    struct loop *loop = loop_new(NULL);
    struct notify notify;

    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_open(&notify, NULL), 0);
    notify_ready(&notify, loop, "serving");
    hear(m);
    assert_string_equal(hear(m), "");
    notify_close(&notify);
    loop_free(loop);
}

static void where_nobody_listens_nothing_is_sent(void **state)
{
    struct loop *loop = loop_new(NULL);
    struct notify notify;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_int_equal(notify.fd, -1);
    notify_ready(&notify, loop, "serving");
    assert_false(timer_is_set(&notify.ping));
    notify_stopping(&notify, loop, 1000, "stopping");
    assert_false(timer_is_set(&notify.extend));
    notify_close(&notify);
    loop_free(loop);
}

static void an_address_that_is_none_stops_the_start(void **state)
{
    struct notify notify;
    struct cs_error err = { 0 };

    (void)state;
    setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
    assert_int_equal(notify_open(&notify, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "NOTIFY_SOCKET is \"vsock:2:1234\", but only a unix socket can be told"));
    notify_close(&notify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_manager_hears_of_each_change_in_order, begin, end),
        cmocka_unit_test_setup_teardown(an_abstract_name_is_heard_too, begin, end),
        cmocka_unit_test_setup_teardown(the_watchdog_is_fed_twice_in_its_period_and_by_the_loop_only, begin, end),
        cmocka_unit_test_setup_teardown(a_long_stop_is_not_cut_off_as_long_as_the_loop_turns, begin, end),
        cmocka_unit_test_setup_teardown(the_watchdog_of_another_process_is_not_ours, begin, end),
        cmocka_unit_test_setup_teardown(where_nobody_listens_nothing_is_sent, begin, end),
        cmocka_unit_test_setup_teardown(an_address_that_is_none_stops_the_start, begin, end),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
