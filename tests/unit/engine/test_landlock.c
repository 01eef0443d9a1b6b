/* engine/landlock.c: in a child that entered a set, just what was allowed goes on. Where a kernel has none, it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/landlock.h"

static char folder[64];

static const char *in(const char *name)
{
    static char paths[4][128];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static void put(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/countersign-landlock-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    mkdir(in("read"), 0700);
    mkdir(in("write"), 0700);
    mkdir(in("closed"), 0700);
    put(in("read/a"));
    put(in("write/a"));
    put(in("closed/a"));
    put(in("one"));
    return 0;
}

static int end(void **state)
{
    static const char *const files[] = { "read/a", "write/a", "write/b", "closed/a", "one" };
    static const char *const folders[] = { "read", "write", "closed" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(in(files[i]));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        rmdir(in(folders[i]));
    return rmdir(folder);
}

static bool opens(const char *name, int flags)
{
    int fd = open(in(name), flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int try_reading(void)
{
    if (!opens("read/a", O_RDONLY) || !opens("one", O_RDONLY))
        return 1;
    if (opens("read/a", O_WRONLY) || opens("read/new", O_WRONLY | O_CREAT) || unlink(in("read/a")) == 0)
        return 2;
    return opens("closed/a", O_RDONLY) || opens("closed", O_RDONLY) ? 3 : 0;
}

static int try_writing(void)
{
    if (!opens("write/a", O_RDWR | O_TRUNC) || rename(in("write/a"), in("write/b")) < 0 || !opens("write/a", O_RDWR | O_CREAT))
        return 4;
    if (unlink(in("write/a")) < 0 || mkdir(in("write/c"), 0700) < 0 || rmdir(in("write/c")) < 0)
        return 5;
    if (symlink("/etc", in("write/link")) == 0 || mkfifo(in("write/fifo"), 0600) == 0)
        return 6;
    return rename(in("write/b"), in("closed/b")) == 0 ? 7 : 0;
}

static int live_in_it(int version)
{
    struct landlock *set = landlock_new(version, NULL);
    int rc;

    if (!set || !landlock_allow(set, in("read"), LANDLOCK_READ) || !landlock_allow(set, in("write"), LANDLOCK_WRITE) ||
        !landlock_allow(set, in("one"), LANDLOCK_READ))
        return 10;
    if (landlock_allow(set, in("gone"), LANDLOCK_READ))
        return 11;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enter(set, NULL) < 0)
        return 12;
    landlock_free(set);
    rc = try_reading();
    if (rc == 0)
        rc = try_writing();
    if (rc == 0 && (execl("/bin/true", "true", NULL), errno != EACCES))
        rc = 13;
    return rc;
}

static void just_what_was_allowed_goes_on(void **state)
{
    const int version = landlock_version();
    struct cs_error err = { 0 };
    int status;

    (void)state;
    if (!version) {
        assert_null(landlock_new(1, &err));
        assert_non_null(strstr(err.text, "this kernel makes no set of Landlock rules"));
        return;
    }
    for (int of = 1; of <= version; of++) { /* older kernels, too */
        pid_t child = fork();

        if (child == 0)
            _exit(live_in_it(of));
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        end(state);
        assert_int_equal(begin(state), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(just_what_was_allowed_goes_on, begin, end),
    };

    return cmocka_run_group_tests_name("landlock", tests, NULL, NULL);
}
