/* engine/syscalls.c: what goes on in a child that is held to the list, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/syscalls.h"

/* What a function ends with in a child that is limited; its own number, or 128 and a signal's. */
static int limited(enum syscalls_mode mode, int (*fn)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscalls_limit(mode, NULL) < 0)
            _exit(99);
        _exit(fn());
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define FAILS_WITH(number, call) (errno = 0, (call) == -1 && errno == (number))

static int try_what_intruders_do(void)
{
    char *const nothing[] = { NULL };

    if (!FAILS_WITH(EPERM, execve("/bin/true", nothing, nothing)) || !FAILS_WITH(EPERM, fork()) || !FAILS_WITH(EPERM, vfork()))
        return 1;
    if (!FAILS_WITH(EPERM, ptrace(PTRACE_ATTACH, getppid(), 0, 0)) || !FAILS_WITH(EPERM, kill(getppid(), 0)) ||
        !FAILS_WITH(EPERM, syscall(SYS_tgkill, getppid(), getppid(), 0)))
        return 2;
    if (!FAILS_WITH(EPERM, mount("none", "/", NULL, MS_REMOUNT, NULL)) || !FAILS_WITH(EPERM, setuid(0)) ||
        !FAILS_WITH(EPERM, chroot("/")) || !FAILS_WITH(EPERM, syscall(SYS_unshare, 0)))
        return 3;
    if (!FAILS_WITH(ENOSYS, socket(AF_PACKET, SOCK_RAW, 0)) || !FAILS_WITH(ENOSYS, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
        return 4;
    return FAILS_WITH(ENOSYS, syscall(SYS_io_uring_setup, 1, NULL)) && FAILS_WITH(ENOSYS, syscall(9999)) ? 0 : 5;
}

static int try_making_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || !FAILS_WITH(EPERM, mprotect(page, 4096, PROT_READ | PROT_EXEC)))
        return 1;
    errno = 0;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED || errno != EPERM)
        return 2;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 3 : 0;
}

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static int try_what_servers_do(void)
{
    struct addrinfo *found = NULL;
    int n = 0, pair[2];
    pthread_t thread;

    if (pthread_create(&thread, NULL, add_one, &n) != 0 || pthread_join(thread, NULL) != 0 || n != 1)
        return 1;
    if (getaddrinfo("localhost", "443", NULL, &found) != 0)
        return 2;
    freeaddrinfo(found);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || write(pair[0], "x", 1) != 1 || close(pair[0]) < 0)
        return 3;
    return kill(getpid(), 0) < 0 || raise(0) != 0 ? 4 : 0;
}

static int end_by_abort(void)
{
    abort();
}

static sem_t go;

static void *wait_and_fork(void *arg)
{
    sem_wait(&go);
    *(bool *)arg = FAILS_WITH(EPERM, fork());
    return NULL;
}

static int hold_a_thread_that_was_there(void)
{
    bool held = false;
    pthread_t thread;

    sem_init(&go, 0, 0);
    pthread_create(&thread, NULL, wait_and_fork, &held);
    if (syscalls_limit(SYSCALLS_REFUSE, NULL) < 0)
        return 1;
    sem_post(&go);
    pthread_join(thread, NULL);
    return held ? 0 : 2;
}

static int run_a_program(void)
{
    execl("/bin/true", "true", NULL);
    return 1;
}

static void intruders_get_nowhere(void **state)
{
    (void)state;
    assert_int_equal(limited(SYSCALLS_REFUSE, try_what_intruders_do), 0);
    assert_int_equal(limited(SYSCALLS_REFUSE, try_making_code), 0);
}

static void servers_go_on(void **state)
{
    (void)state;
    assert_int_equal(limited(SYSCALLS_REFUSE, try_what_servers_do), 0);
    assert_int_equal(limited(SYSCALLS_REFUSE, end_by_abort), 128 + SIGABRT);
}

static void threads_that_were_there_are_held_too(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? 98 : hold_a_thread_that_was_there());
    waitpid(child, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_is_only_logged_goes_on(void **state)
{
    (void)state;
    assert_int_equal(limited(SYSCALLS_LOG, run_a_program), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intruders_get_nowhere),
        cmocka_unit_test(servers_go_on),
        cmocka_unit_test(threads_that_were_there_are_held_too),
        cmocka_unit_test(what_is_only_logged_goes_on),
    };

    return cmocka_run_group_tests_name("syscalls", tests, NULL, NULL);
}
