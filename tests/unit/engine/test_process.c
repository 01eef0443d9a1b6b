/* engine/process.c: what the kernel says of us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/process.h"

static void figures_are_those_of_this_process(void **state)
{
    struct process_figures p;
    struct rlimit fds;

    (void)state;
    process_look(&p);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &fds), 0);
    assert_true(p.cpu_us > 0 && p.cpu_us < INT64_C(3600) * 1000000);
    assert_true(p.resident_bytes > 100 << 10);
    assert_true(p.virtual_bytes > p.resident_bytes);
    assert_true(p.threads >= 1);
    assert_int_equal(p.max_fds, fds.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)fds.rlim_cur);
}

static void an_open_file_counts(void **state)
{
    struct process_figures before, after;
    int fd;

    (void)state;
    process_look(&before);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    process_look(&after);
    close(fd);
    assert_int_equal(after.open_fds, before.open_fds + 1);
}

static void it_began_a_moment_ago(void **state)
{
    const int64_t now_us = (int64_t)time(NULL) * 1000000;
    struct process_figures p;

    (void)state;
    process_look(&p);
    assert_true(p.started_us > now_us - INT64_C(600) * 1000000);
    assert_true(p.started_us <= now_us + 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_this_process),
        cmocka_unit_test(an_open_file_counts),
        cmocka_unit_test(it_began_a_moment_ago),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
