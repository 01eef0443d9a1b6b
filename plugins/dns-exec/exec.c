/*
 * dns-exec: runs a program for each value that is to be served or taken away:
 *
 *     PROGRAM [ARGUMENT …] add|remove OWNER VALUE ZONE
 *
 * set_txt() runs in a worker thread of the core and waits there for the program; program.c starts it and watches its time,
 * environment.c makes what it finds in its environment, progress.c knows what a change that ran out of time has done.
 */
#include <countersign/dns.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/text.h"
#include "environment.h"
#include "program.h"
#include "progress.h"

enum { MOST_ARGUMENTS = 100, LAST_WORDS = 5, ANSWER_MS = 500, STOP_MS = 4000, SHOWN_MOST = 200 };

struct settings {
    const char *program, *secrets;
    struct cs_strings arguments, environment;
    int64_t timeout;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, program, NULL, "absolute path of the program: PROGRAM add|remove OWNER VALUE ZONE"),
    CS_SETTING(STRINGS, struct settings, arguments, "", "words that come before add or remove"),
    CS_SETTING(STRINGS, struct settings, environment, "",
               "\"NAME=VALUE\" each, for the program; nothing of the server's is there"),
    CS_SETTING(SECRET, struct settings, secrets, "", "the same for secrets, one a line: \"@FILE\""),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "25s", 100, INT64_C(3600) * 1000,
                     "for one run; then SIGTERM to its process group, 2 s later SIGKILL. The core gives all of a change 30 s"),
    CS_SETTINGS_END
};

struct exec {
    struct cs_instance *in;
    const struct settings *settings;
    struct environment environment;
    struct progress progress;
    const char *folder;
    int stop_fd; /* readable once the server stops */
};

/* ---- How a run ended --------------------------------------------------------------------------------------------------- */

/* sysexits.h says what a program can tell us: that trying again helps, or that somebody must act. */
static enum cs_code code_of(int exit_status)
{
    switch (exit_status) {
    case EX_CONFIG:
    case EX_USAGE:
        return CS_ECONFIG;
    case EX_NOPERM:
    case EX_NOHOST:
        return CS_EREFUSED;
    }
    return CS_EUPSTREAM;
}

/* Nothing in it can write to a terminal or begin a line of the log, no secret is in it, and it is short. */
static void make_harmless(const struct exec *x, struct program_end *end)
{
    char *said = end->said;

    environment_hide_secrets(&x->environment, said, end->cut); /* before anything else changes or cuts it */
    said[SHOWN_MOST] = '\0';
    for (; *said; said++)
        *said = (unsigned char)*said < ' ' || *said == 0x7f ? ' ' : *said & 0x80 ? '?' : *said;
}

static int judge(const struct exec *x, const char *verb, const char *owner, struct program_end *end, struct cs_error *err)
{
    const char *program = x->settings->program, *colon = end->said[0] ? ": " : "; it said nothing on stderr";

    make_harmless(x, end);
    if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0)
        return 0;
    if (end->stopped && !WIFEXITED(end->status))
        return cs_fail(err, CS_ESHUTDOWN, "%.100s %s %.260s was ended, as the server stops", program, verb, owner);
    if (end->timed_out)
        return cs_fail(err, CS_ETIMEDOUT, "%.100s %s %.150s took too long and was ended%s%s", program, verb, owner, colon,
                       end->said);
    if (WIFSIGNALED(end->status))
        return cs_fail(err, CS_EUPSTREAM, "%.100s %s %.150s died of signal %d (%s)%s%s", program, verb, owner,
                       WTERMSIG(end->status), sigdescr_np(WTERMSIG(end->status)), colon, end->said);
    return cs_fail(err, code_of(WEXITSTATUS(end->status)), "%.100s %s %.150s ended with %d%s%s", program, verb, owner,
                   WEXITSTATUS(end->status), colon, end->said);
}

/* ---- One run ----------------------------------------------------------------------------------------------------------- */

struct variables {
    char *v[5];
    size_t n;
    bool failed;
};

static void put(struct variables *variables, const char *name, const char *value)
{
    struct text text = TEXT_MAX(2048);

    text_addf(&text, "COUNTERSIGN_%s=%s", name, value);
    variables->v[variables->n] = text_take(&text);
    variables->failed |= !variables->v[variables->n++];
}

static void free_variables(struct variables *variables)
{
    for (size_t i = 0; i < variables->n; i++)
        free(variables->v[i]);
}

/* What is left for a run, so that its end is known before the core gives the call up. */
static int64_t time_for(const struct exec *x, const struct cs_op *op)
{
    const int64_t left_ms = cs_op_deadline_ms(op) - cs_now_ms() - PROGRAM_KILL_MS - ANSWER_MS;

    if (left_ms < x->settings->timeout)
        return left_ms > 0 ? left_ms : 0;
    return x->settings->timeout;
}

static int run_in(const struct exec *x, const struct cs_txt_change *change, const char *verb, const char *value,
                  char *const *envp, const struct cs_op *op, struct cs_error *err)
{
    const struct cs_strings *more = &x->settings->arguments;
    const char *argv[1 + MOST_ARGUMENTS + LAST_WORDS] = { x->settings->program };
    struct program program = {
        .envp = envp, .folder = x->folder, .timeout_ms = time_for(x, op), .stop_fd = x->stop_fd, .stop_ms = STOP_MS
    };
    const char *const last[LAST_WORDS] = { verb, change->owner, value, change->zone, NULL };
    struct program_end end;

    for (size_t i = 0; i < more->n; i++)
        argv[1 + i] = more->v[i];
    memcpy(argv + 1 + more->n, last, sizeof last);
    program.argv = (char *const *)(uintptr_t)argv;
    if (program.timeout_ms == 0)
        return cs_fail(err, CS_ETIMEDOUT, "no time was left to run %.100s %s %.150s", x->settings->program, verb,
                       change->owner);
    if (program_run(&program, &end, err) < 0)
        return -1;
    return judge(x, verb, change->owner, &end, err);
}

static int run(struct exec *x, const struct cs_txt_change *change, const char *verb, const char *value, const struct cs_op *op,
               struct cs_error *err)
{
    struct variables variables = { 0 };
    char ttl[16], **envp = NULL;
    int rc = -1;

    if (progress_has(&x->progress, change, verb, value))
        return 0;
    snprintf(ttl, sizeof ttl, "%u", change->ttl);
    put(&variables, "ACTION", verb);
    put(&variables, "OWNER", change->owner);
    put(&variables, "VALUE", value);
    put(&variables, "ZONE", change->zone);
    put(&variables, "TTL", ttl);
    if (!variables.failed)
        envp = environment_with(&x->environment, variables.v, variables.n);
    if (envp)
        rc = run_in(x, change, verb, value, envp, op, err);
    else
        cs_fail(err, CS_EBUSY, "no memory to run a program");
    if (rc == 0)
        progress_keep(&x->progress, change, verb, value);
    free_variables(&variables);
    free(envp);
    return rc;
}

static int run_all(struct exec *x, const struct cs_txt_change *change, const struct cs_op *op, struct cs_error *err)
{
    for (size_t i = 0; i < change->n_want; i++)
        if (run(x, change, "add", change->want[i], op, err) < 0)
            return -1;
    for (size_t i = 0; i < change->n_gone; i++)
        if (run(x, change, "remove", change->gone[i], op, err) < 0)
            return -1;
    return 0;
}

/* All of `want` each time, since the contract is declarative, and only the back end knows what it still has. Only a change that
 * ran out of time goes on where it was. */
static int change_txt(struct exec *x, const struct cs_txt_change *change, const struct cs_op *op, struct cs_error *err)
{
    const int rc = run_all(x, change, op, err);

    if (rc == 0 || err->code != CS_ETIMEDOUT)
        progress_forget(&x->progress, change);
    return rc;
}

static void exec_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    struct cs_error err = { 0 };

    if (change_txt(self, change, op, &err) < 0)
        cs_op_err(op, &err);
    else
        cs_op_ok(op);
}

/* ---- From open to close ------------------------------------------------------------------------------------------------ */

static int check_settings(const struct settings *conf, struct cs_error *err)
{
    if (conf->arguments.n > MOST_ARGUMENTS)
        return cs_fail(err, CS_ECONFIG, "`arguments` has %zu words; at most %d can be given", conf->arguments.n,
                       MOST_ARGUMENTS);
    return program_check(conf->program, err);
}

static int exec_check(const void *conf, const struct cs_strings *listen, struct cs_error *err)
{
    const struct settings *s = conf;
    struct environment environment;

    (void)listen;
    if (check_settings(s, err) < 0 || environment_make(&environment, "/", &s->environment, s->secrets, err) < 0)
        return -1;
    environment_free(&environment);
    return 0;
}

static void exec_close(void *self)
{
    struct exec *x = self;

    if (x->stop_fd >= 0)
        close(x->stop_fd);
    environment_free(&x->environment);
    progress_free(&x->progress);
    free(x);
}

static int fill(struct exec *x, struct cs_error *err)
{
    x->folder = cs_state_dir(x->in, err);
    if (!x->folder || environment_make(&x->environment, x->folder, &x->settings->environment, x->settings->secrets, err) < 0)
        return -1;
    x->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return x->stop_fd >= 0 ? 0 : cs_fail(err, CS_EINTERNAL, "cannot make an eventfd: %s", strerrordesc_np(errno));
}

static int exec_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct exec *x;

    if (check_settings(conf, err) < 0)
        return -1;
    x = calloc(1, sizeof *x);
    if (!x)
        return cs_fail(err, CS_EBUSY, "no memory for dns-exec");
    *x = (struct exec){ .in = in, .settings = conf, .stop_fd = -1 };
    progress_init(&x->progress);
    if (fill(x, err) < 0) {
        exec_close(x);
        return -1;
    }
    *self = x;
    return 0;
}

/* Programs that run have some seconds to end by themselves. */
static void exec_stop(void *self)
{
    const struct exec *x = self;

    eventfd_write(x->stop_fd, 1);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .blocking = true, .set_txt = exec_set_txt };

CS_PLUGIN("dns-exec", "0.1.0", "runs a program for each challenge value", .settings = settings,
          .settings_size = sizeof(struct settings), .open = exec_open, .stop = exec_stop, .close = exec_close, .dns = &dns,
          .check = exec_check, .unconfined = true);
