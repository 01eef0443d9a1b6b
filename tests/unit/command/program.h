/*
 * Runs the `countersign` program and keeps what it says. Include after cmocka.h and plugin_test.h.
 */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

static const char *program_input = "/dev/null"; /* the file that it reads */

static const char *program_until; /* not NULL: it gets SIGTERM once its stdout has this */

static struct {
    int rc;
    char out[32768], err[32768];
} said;

static inline void read_said(const char *name, char out[32768])
{
    FILE *f = fopen(in_folder(name), "r");
    size_t len;

    assert_non_null(f);
    len = fread(out, 1, 32767, f);
    out[len] = '\0';
    fclose(f);
}

static inline void stop_in_time(pid_t child)
{
    const struct timespec again = { .tv_nsec = 5000000 };
    int tries = 2000;

    for (read_said("stdout", said.out); !strstr(said.out, program_until) && tries > 0; tries--) {
        nanosleep(&again, NULL);
        read_said("stdout", said.out);
    }
    kill(child, SIGTERM);
    assert_true(tries > 0);
}

/* countersign WORDS…, until NULL; its exit code. */
static inline int run_program(const char *const *words)
{
    const char *program = getenv("COUNTERSIGN");
    const char *argv[24] = { program };
    posix_spawn_file_actions_t files;
    int status = 0;
    pid_t child;

    assert_non_null(program);
    for (size_t i = 0; words[i] && i + 2 < 24; i++)
        argv[i + 1] = words[i];
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, program_input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, in_folder("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files, 2, in_folder("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&child, program, &files, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    if (program_until)
        stop_in_time(child);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    read_said("stdout", said.out);
    read_said("stderr", said.err);
    if (!WIFEXITED(status))
        fail_msg("it ended with signal %d: %s", WTERMSIG(status), said.err);
    return said.rc = WEXITSTATUS(status);
}

#define RUN(...) run_program((const char *const[]){ __VA_ARGS__, NULL })

#endif
