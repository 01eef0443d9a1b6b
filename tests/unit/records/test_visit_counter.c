/* records/visit_counter.c: a count that outlives the process, however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
#include "records/visit_counter.h"

static char folder[64], path[96];

static int set_up(void **state)
{
    (void)state;
    log_setup(CS_LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/countersign-counter-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/visits.count", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void two_days_are_counted_and_a_third_takes_the_earliest_ones_place(void **state)
{
    struct visit_counter *counter = visit_counter_open(folder);

    (void)state;
    assert_int_equal(visit_counter_get(counter, 10), -1);
    visit_counter_put(counter, 10, 1);
    visit_counter_put(counter, 11, 5);
    visit_counter_put(counter, 10, 2);
    assert_int_equal(visit_counter_get(counter, 10), 2);
    assert_int_equal(visit_counter_get(counter, 11), 5);
    visit_counter_put(counter, 12, 0);
    assert_int_equal(visit_counter_get(counter, 10), -1);
    assert_int_equal(visit_counter_get(counter, 11), 5);
    assert_int_equal(visit_counter_get(counter, 12), 0);
    visit_counter_close(counter);
}

static void a_process_that_is_killed_has_counted_all_the_same(void **state)
{
    struct visit_counter *counter;
    struct stat st;
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        counter = visit_counter_open(folder);
        for (int64_t i = 1; i <= 1000; i++)
            visit_counter_put(counter, 10, i);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    counter = visit_counter_open(folder);
    assert_int_equal(visit_counter_get(counter, 10), 1000);
    visit_counter_close(counter);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void write_file(const char *bytes, size_t len, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void a_file_that_makes_no_sense_is_begun_anew(void **state)
{
    char bytes[64];

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len += 16) {
        struct visit_counter *counter;

        write_file(bytes, len, 0600);
        counter = visit_counter_open(folder);
        assert_int_equal(visit_counter_get(counter, -1), -1);
        visit_counter_put(counter, 10, 3);
        assert_int_equal(visit_counter_get(counter, 10), 3);
        visit_counter_close(counter);
    }
}

/* What others may write to, or a link, is not believed: then it counts in memory. */
static void somebody_elses_file_is_not_touched(void **state)
{
    struct visit_counter *counter;

    (void)state;
    write_file("theirs", 6, 0666);
    counter = visit_counter_open(folder);
    visit_counter_put(counter, 10, 3);
    assert_int_equal(visit_counter_get(counter, 10), 3);
    visit_counter_close(counter);
    counter = visit_counter_open(folder);
    assert_int_equal(visit_counter_get(counter, 10), -1);
    visit_counter_close(counter);
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    counter = visit_counter_open(folder);
    visit_counter_put(counter, 10, 3);
    assert_int_equal(visit_counter_get(counter, 10), 3);
    visit_counter_close(counter);
    visit_counter_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_days_are_counted_and_a_third_takes_the_earliest_ones_place),
        TEST(a_process_that_is_killed_has_counted_all_the_same),
        TEST(a_file_that_makes_no_sense_is_begun_anew),
        TEST(somebody_elses_file_is_not_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
