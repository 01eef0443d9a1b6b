/*
 * One run of a program; see program.h.
 */
#include "program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_READS = 16 }; /* 16 of them empty a pipe */

/* What poll() waits for. */
enum { ENDED, SAYS, TIME, STOP, N_WAITS };

struct run {
    const struct program *program;
    struct program_end *end;
    pid_t pid;
    int pid_fd, says_fd, time_fd;
    bool told, over; /* SIGTERM was sent; it has ended */
    size_t line_len;
    bool line_cut;
    char line[PROGRAM_LINE_MAX]; /* that it is saying; no blanks at the beginning */
};

/* ---- May it run? ------------------------------------------------------------------------------------------------------- */

static bool owner_is_trusted(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

/* A folder with the sticky bit lets nobody replace what belongs to another. */
static int check_folder(const char *path, struct cs_error *err)
{
    char folder[4096];
    struct stat st;

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path + 1), path);
    if (stat(folder, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot look at %s: %s", folder, strerrordesc_np(errno));
    if (owner_is_trusted(&st) && !(st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX)))
        return 0;
    return cs_fail(err, CS_ECONFIG,
                   "others can replace programs in %s: it must belong to root or the server's user, and not be "
                   "writable by group or others",
                   folder);
}

int program_check(const char *path, struct cs_error *err)
{
    struct stat st;

    if (path[0] != '/' || strlen(path) >= 4096)
        return cs_fail(err, CS_ECONFIG, "`program` must be an absolute path, not \"%.200s\"", path);
    if (stat(path, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot look at the program %.300s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
        return cs_fail(err, CS_ECONFIG,
                       "%.300s is not a program that the server's user can run: chmod 0755, and its folders 0755", path);
    if (!owner_is_trusted(&st) || st.st_mode & (S_IWGRP | S_IWOTH))
        return cs_fail(err, CS_ECONFIG,
                       "others can change the program %.300s: it must belong to root or the server's user, and "
                       "not be writable by group or others",
                       path);
    return check_folder(path, err);
}

/* ---- Start ------------------------------------------------------------------------------------------------------------- */

/* No signal is blocked or ignored there, whatever this thread does. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) ||
                   posix_spawnattr_setsigmask(attributes, &none) || posix_spawnattr_setsigdefault(attributes, &all)
               ? -1
               : 0;
}

static int set_files(posix_spawn_file_actions_t *files, const char *folder, int stderr_fd)
{
    return posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
                   posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ||
                   posix_spawn_file_actions_adddup2(files, stderr_fd, STDERR_FILENO) ||
                   posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1) ||
                   posix_spawn_file_actions_addchdir_np(files, folder)
               ? -1
               : 0;
}

static int spawn(struct run *run, int stderr_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int rc = ENOMEM;

    if (posix_spawnattr_init(&attributes) != 0)
        return rc;
    if (posix_spawn_file_actions_init(&files) == 0) {
        if (set_attributes(&attributes) == 0 && set_files(&files, run->program->folder, stderr_fd) == 0)
            rc = posix_spawn(&run->pid, run->program->argv[0], &files, &attributes, run->program->argv, run->program->envp);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static int set_time(struct run *run, int64_t ms)
{
    const struct itimerspec in = { .it_value = { .tv_sec = ms / 1000, .tv_nsec = ms > 0 ? ms % 1000 * 1000000 : 1 } };

    return timerfd_settime(run->time_fd, 0, &in, NULL);
}

/* From here on the program runs, so nothing may fail without ending it. */
static int start(struct run *run, struct cs_error *err)
{
    int pipe_fds[2], rc;

    run->time_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (run->time_fd < 0 || set_time(run, run->program->timeout_ms) < 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return cs_fail(err, CS_EBUSY, "cannot start %.200s: %s", run->program->argv[0], strerrordesc_np(errno));
    run->says_fd = pipe_fds[0];
    if (fcntl(pipe_fds[1], F_SETFL, 0) < 0)
        rc = errno;
    else
        rc = spawn(run, pipe_fds[1]);
    close(pipe_fds[1]);
    if (rc != 0)
        return cs_fail(err, rc == EAGAIN || rc == ENOMEM ? CS_EBUSY : CS_ECONFIG, "cannot start %.200s: %s",
                       run->program->argv[0],
                       rc == ENOEXEC ? "it is no program; does it begin with #!/bin/sh?" : strerrordesc_np(rc));
    run->pid_fd = pidfd_open(run->pid, 0);
    if (run->pid_fd >= 0)
        return 0;
    rc = errno;
    kill(-run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
    return cs_fail(err, CS_EBUSY, "cannot watch %.200s: %s", run->program->argv[0], strerrordesc_np(rc));
}

/* ---- What it says ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

/* A line with something in it takes the place of the one before. */
static void end_line(struct run *run)
{
    struct program_end *end = run->end;

    while (run->line_len > 0 && is_blank(run->line[run->line_len - 1]))
        run->line_len--;
    if (run->line_len > 0) {
        memcpy(end->said, run->line, run->line_len);
        end->said[run->line_len] = '\0';
        end->cut = run->line_cut;
    }
    run->line_len = 0;
    run->line_cut = false;
}

static void hear(struct run *run, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' || data[i] == '\r')
            end_line(run);
        else if (run->line_len == PROGRAM_LINE_MAX)
            run->line_cut = true;
        else if (run->line_len > 0 || !is_blank(data[i]))
            run->line[run->line_len++] = data[i] ? data[i] : ' ';
    }
}

/* One buffer of what has come, so that a program that never stops talking does not hold us: its length; 0 at the end; -1:
 * nothing. */
static ssize_t listen_once(struct run *run)
{
    char data[4096];
    const ssize_t n = read(run->says_fd, data, sizeof data);

    if (n > 0)
        hear(run, data, (size_t)n);
    return n;
}

/* ---- Until it ends ----------------------------------------------------------------------------------------------------- */

/* First politely. The group's number is ours as long as the program is not waited for. */
static void on_time(struct run *run)
{
    uint64_t times;

    if (read(run->time_fd, &times, sizeof times) < 0)
        return;
    kill(-run->pid, run->told ? SIGKILL : SIGTERM);
    if (!run->told)
        run->end->timed_out = !run->end->stopped;
    run->told = true;
    set_time(run, PROGRAM_KILL_MS);
}

static void on_stop(struct run *run)
{
    const int64_t stop_ms = run->program->stop_ms;
    struct itimerspec left;

    run->end->stopped = true;
    if (!run->told && timerfd_gettime(run->time_fd, &left) == 0 &&
        left.it_value.tv_sec * 1000 + left.it_value.tv_nsec / 1000000 > stop_ms)
        set_time(run, stop_ms);
}

static void wait_once(struct run *run)
{
    struct pollfd waits[N_WAITS] = {
        [ENDED] = { .fd = run->pid_fd, .events = POLLIN },
        [SAYS] = { .fd = run->says_fd, .events = POLLIN },
        [TIME] = { .fd = run->time_fd, .events = POLLIN },
        [STOP] = { .fd = run->end->stopped ? -1 : run->program->stop_fd, .events = POLLIN },
    };

    if (poll(waits, N_WAITS, -1) < 0)
        return;
    if (waits[SAYS].revents && listen_once(run) == 0) {
        close(run->says_fd);
        run->says_fd = -1;
    }
    if (waits[STOP].revents)
        on_stop(run);
    if (waits[TIME].revents)
        on_time(run);
    run->over = waits[ENDED].revents != 0;
}

static void finish(struct run *run)
{
    if (run->told)
        kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &run->end->status, 0) < 0 && errno == EINTR)
        ;
    for (int i = 0; run->says_fd >= 0 && i < LAST_READS && listen_once(run) > 0; i++)
        ;
    end_line(run);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

int program_run(const struct program *program, struct program_end *end, struct cs_error *err)
{
    struct run run = { .program = program, .end = end, .pid_fd = -1, .says_fd = -1, .time_fd = -1 };
    int rc = start(&run, err);

    *end = (struct program_end){ 0 };
    if (rc == 0) {
        while (!run.over)
            wait_once(&run);
        finish(&run);
    }
    close_if_open(run.pid_fd);
    close_if_open(run.says_fd);
    close_if_open(run.time_fd);
    return rc;
}
