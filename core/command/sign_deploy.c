/*
 * The deploy program of `countersign sign --deploy`, run with a deadline; docs/renew.md, "The deploy program", has its
 * arguments and environment. See sign.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "command/sign.h"

#define PAUSE_MS    20
#define PATIENCE_MS 5000 /* between SIGTERM and SIGKILL */
#define UNKNOWN_END 125

static bool set(const char *name, const char *value)
{
    return value && setenv(name, value, 1) == 0;
}

static bool set_environment(const struct sign_options *options, const struct sign_due *now, const char *chain, const char *key)
{
    struct text names = TEXT_MAX(SIGN_MAX_NAMES * (NAME_MAX_LEN + 1));
    char until[32];
    bool ok;

    for (size_t i = 0; i < options->n_names; i++)
        text_addf(&names, "%s%s", i ? " " : "", options->names[i]);
    sign_time_text(until, now->not_after_ms);
    ok = !text_failed(&names) && set("COUNTERSIGN_CHAIN", chain) && set("COUNTERSIGN_KEY", key) &&
         set("COUNTERSIGN_NAMES", text_of(&names)) && set("COUNTERSIGN_SERIAL", now->serial) &&
         set("COUNTERSIGN_NOT_AFTER", until);
    text_free(&names);
    return ok;
}

/* Those that end us, from now on waited for by wait_for(): it is to end the program first, so that no other run finds it at
 * work. What is ignored, as under nohup(1), stays so. */
static void block_signals(sigset_t *ends, sigset_t *before)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
    struct sigaction now;

    sigemptyset(ends);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(ends, signals[i]);
    sigprocmask(SIG_BLOCK, ends, before);
}

/* In a process group of its own, so that a deadline ends what it started, too. */
static int start(pid_t *child, const char *program, const char *chain, const char *key, const sigset_t *mask)
{
    const char *words[] = { program, chain, key, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code;

    signal(SIGCHLD, SIG_DFL); /* ignored, as whoever started us may have it, nobody could tell how the program ended */
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, mask);
    code = posix_spawnp(child, program, &files, &attributes, (char *const *)(uintptr_t)words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

enum end { ENDED, LATE, TOLD_TO_END };

/* Until it has ended, its time is over, or one of these signals comes for us. If the system cannot say how it has ended, it
 * counts as a failure. */
static enum end wait_for(pid_t child, int *status, int64_t timeout_ms, const sigset_t *signals)
{
    pid_t ended;

    for (int64_t ms = 0;; ms += PAUSE_MS) {
        ended = waitpid(child, status, WNOHANG);
        if (ended == child)
            return ENDED;
        if (ended < 0 && errno != EINTR) {
            *status = W_EXITCODE(UNKNOWN_END, 0);
            return ENDED;
        }
        if (ms >= timeout_ms)
            return LATE;
        if (sigtimedwait(signals, NULL, &(struct timespec){ .tv_nsec = PAUSE_MS * 1000000 }) > 0)
            return TOLD_TO_END;
    }
}

static void end_early(pid_t child, int *status)
{
    sigset_t none;

    sigemptyset(&none);
    kill(-child, SIGTERM);
    if (wait_for(child, status, PATIENCE_MS, &none) != ENDED) {
        kill(-child, SIGKILL);
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            continue;
    }
    kill(-child, SIGKILL); /* what it left behind */
}

static int run(const struct sign_options *options, const char *chain, const char *key, int *exit, struct cs_error *err)
{
    sigset_t ends, before;
    int status = 0, code;
    enum end end;
    pid_t child;

    block_signals(&ends, &before);
    code = start(&child, options->deploy, chain, key, &before);
    if (code != 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        *exit = 127;
        return cs_fail(err, CS_EUPSTREAM, "%s: cannot be run: %s", options->deploy, strerror(code));
    }
    end = wait_for(child, &status, (int64_t)options->deploy_timeout_s * 1000, &ends);
    if (end != ENDED)
        end_early(child, &status);
    *exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (end == TOLD_TO_END)
        return cs_fail(err, CS_EBUSY, "%s: was ended, as this run is: the next run runs it again", options->deploy);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (end == LATE)
        return cs_fail(err, CS_EUPSTREAM, "%s: was not done within %ld s, and was ended", options->deploy,
                       options->deploy_timeout_s);
    if (*exit >= 128)
        return cs_fail(err, CS_EUPSTREAM, "%s: ended with signal %d", options->deploy, *exit - 128);
    return *exit == 0 ? 0 : cs_fail(err, CS_EUPSTREAM, "%s: ended with %d", options->deploy, *exit);
}

int sign_deploy_wait(const struct sign_options *options, const struct sign_due *now, int *exit, struct cs_error *err)
{
    char *chain = realpath(options->out_file, NULL), *key = realpath(options->key_file, NULL);
    int rc;

    *exit = 126;
    if (!chain || !key || !set_environment(options, now, chain, key))
        rc = cs_fail(err, CS_EUPSTREAM, "%s: cannot be run: the files cannot be found", options->deploy);
    else
        rc = run(options, chain, key, exit, err);
    free(chain);
    free(key);
    return rc;
}
