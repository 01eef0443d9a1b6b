/*
 * `countersign plugin check FILE`; see plugin_check.h. File and symbols are looked at here; the plugin's own code runs in a
 * process of its own (dryrun.c), which is watched: one that crashes, ends or hangs is a verdict, too.
 */
#include "command/plugin_check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/dryrun.h"
#include "command/mute.h"
#include "plugin/plugin_file.h"

enum { SETTINGS_MOST = 64, LINE_MOST = 2048, STAGE_MOST = 32, WORDS_MOST = 400 };

#define WAIT_DEFAULT_S 5
#define WAIT_MOST_S    600

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP };

struct asked {
    const char *file;
    char *zone;
    struct dryrun_setting settings[SETTINGS_MOST];
    size_t n_settings;
    int64_t wait_ms;
    bool log, here;
};

#define TEXT_OF(number) TEXT_OF_VALUE(number)
#define TEXT_OF_VALUE(number) #number

const struct usage_option plugin_check_options[] = {
    { "set", "NAME=VALUE", 's',
      "a setting of the plugin's block; again for a list. {port} in it stands for the port of the back ends on 127.0.0.1 that "
      "the check brings along" },
    { "zone", "ZONE", 'z', "names are made in it; default check.example" },
    { "wait", "SECONDS", 'w',
      "how long a call may take, and how late it may end, 1 to " TEXT_OF(WAIT_MOST_S) "; default " TEXT_OF(WAIT_DEFAULT_S) },
    { "log", NULL, 'l', "what the plugin logged, at the end" },
    { "here", NULL, 'H', "the dry run in this process, for gdb and valgrind; it logs to stderr" },
    USAGE_END,
};

/* ---- The command line ---- */

static bool take_setting(struct asked *asked, char *word)
{
    char *sign = strchr(word, '=');

    if (!sign || sign == word || asked->n_settings == SETTINGS_MOST)
        return false;
    *sign = '\0';
    asked->settings[asked->n_settings++] = (struct dryrun_setting){ word, sign + 1 };
    return true;
}

static bool take_wait(struct asked *asked, const char *word)
{
    char *end;
    long s = strtol(word, &end, 10);

    if (end == word || *end || s < 1 || s > WAIT_MOST_S)
        return false;
    asked->wait_ms = s * 1000;
    return true;
}

/* With a dot at its end or without. */
static bool take_zone(char *zone)
{
    size_t len = strlen(zone);

    if (len && zone[len - 1] == '.')
        zone[--len] = '\0';
    return len && len < 200 && strspn(zone, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
}

static int read_words(const struct command_line *line, struct asked *asked)
{
    static char zone[] = "check.example";
    int option;

    *asked = (struct asked){ .wait_ms = WAIT_DEFAULT_S * 1000, .zone = zone };
    optind = 1;
    while ((option = usage_next(plugin_check_options, line->argc - 1, line->argv + 1)) != USAGE_OVER) {
        if (option == 'z')
            asked->zone = optarg;
        else if (option == 'l')
            asked->log = true;
        else if (option == 'H')
            asked->here = true;
        else if ((option != 's' || !take_setting(asked, optarg)) && (option != 'w' || !take_wait(asked, optarg)))
            return -1;
    }
    asked->file = line->argv[1 + optind];
    return optind == line->argc - 2 && take_zone(asked->zone) ? 0 : -1;
}

/* ---- The file ---- */

/* A path; a word that ends in ".so" is one, too, as in `cc -o dns-x.so … && countersign plugin check dns-x.so`. */
static char *find(const struct setup *setup, const char *file, struct verdicts *verdicts)
{
    struct text here = TEXT_MAX(4096);
    struct cs_error err = { 0 };
    char *name = strchr(file, '/') ? NULL : plugin_file_name(file), *path;

    text_addf(&here, "%s%s", name ? "./" : "", file);
    path = plugin_file_find(setup->settings.plugin_dir, text_of(&here), setup->user, setup->starter, &err);
    if (path)
        verdict_pass(verdicts, "file", "%s, which only its owner can change", path);
    else
        verdict_fail(verdicts, "file", "%s", err.text);
    text_free(&here);
    free(name);
    return path;
}

/* ---- The dry run, watched ---- */

struct watched {
    struct verdicts *verdicts;
    char stage[STAGE_MOST];
    int64_t until_ms;
    char line[LINE_MOST];
    size_t len;
    int signals; /* readable when somebody wants us to end */
    bool said_end, interrupted;
};

#define STAGE_END "end"

static void take_line(struct watched *w)
{
    const char *stage;
    int64_t ms;

    if (verdict_is_enter(w->line, &stage, &ms)) {
        snprintf(w->stage, sizeof w->stage, "%s", stage);
        w->until_ms = cs_now_ms() + ms;
        w->said_end = strcmp(stage, STAGE_END) == 0;
        return;
    }
    w->verdicts->failures += strncmp(w->line, "FAIL ", 5) == 0;
    puts(w->line);
    fflush(stdout);
}

static void take_bytes(struct watched *w, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            w->line[w->len] = '\0';
            take_line(w);
            w->len = 0;
        } else if (w->len + 1 < sizeof w->line) {
            w->line[w->len++] = bytes[i];
        }
    }
}

/* Until it ends, its time is over, or we are to end. False: it hangs. */
static bool listen_to(struct watched *w, int fd)
{
    char bytes[4096];

    for (;;) {
        const int64_t left_ms = w->until_ms - cs_now_ms();
        struct pollfd ready[2] = { { .fd = fd, .events = POLLIN }, { .fd = w->signals, .events = POLLIN } };
        ssize_t n;

        if (left_ms <= 0)
            return false;
        if (poll(ready, 2, left_ms > 1000 ? 1000 : (int)left_ms) <= 0)
            continue;
        w->interrupted = ready[1].revents != 0;
        if (w->interrupted)
            return true;
        n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        take_bytes(w, bytes, (size_t)n);
    }
}

static void open_log(const struct dryrun_plan *plan)
{
    struct text path = TEXT_MAX(4096);
    int fd, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    text_addf(&path, "%s/log", plan->folder);
    fd = open(text_of(&path), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(1);
    text_free(&path);
}

/* The child. What is left of it, threads and all, ends here. */
static void run_plan(const struct dryrun_plan *plan, const struct object *object, int fd)
{
    struct verdicts verdicts = { .fd = fd, .watched = true };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    open_log(plan);
    dryrun_run(plan, object, &verdicts);
    verdict_enter(&verdicts, STAGE_END, 1000);
    fflush(NULL);
    _exit(0);
}

/* The last line of its stderr: a crash mostly says why there. */
static void last_words(const struct dryrun_plan *plan, char out[WORDS_MOST])
{
    struct text path = TEXT_MAX(4096);
    char line[LINE_MOST];
    FILE *f;

    out[0] = '\0';
    text_addf(&path, "%s/log", plan->folder);
    f = fopen(text_of(&path), "re");
    while (f && fgets(line, sizeof line, f))
        if (*line != '\n')
            snprintf(out, WORDS_MOST, "%.*s", (int)strcspn(line, "\n"), line);
    if (f)
        fclose(f);
    text_free(&path);
}

static void judge_end(const struct watched *w, const struct dryrun_plan *plan, int status, bool hangs)
{
    char words[WORDS_MOST];

    last_words(plan, words);
    if (hangs)
        verdict_fail(w->verdicts, w->stage,
                     "it hangs, and was killed: what runs on the loop may not wait, and a thread must know "
                     "when to give up; its last line: %s",
                     *words ? words : "(none)");
    else if (WIFSIGNALED(status))
        verdict_fail(w->verdicts, w->stage,
                     "it ended the process by signal %d (%s); its last line: %s; to look closer: "
                     "gdb --args countersign plugin check --here …",
                     WTERMSIG(status), strsignal(WTERMSIG(status)), *words ? words : "(none)");
    else if (!w->said_end)
        verdict_fail(w->verdicts, w->stage, "it ended the process with exit code %d: a plugin never calls exit()",
                     WEXITSTATUS(status));
}

static void watch_plan(const struct dryrun_plan *plan, const struct object *object, int signals, struct verdicts *verdicts)
{
    struct watched w = { .verdicts = verdicts, .stage = "load", .until_ms = cs_now_ms() + 15000, .signals = signals };
    int pipes[2], status = 0;
    pid_t child;
    bool hangs;

    fflush(stdout);
    if (pipe2(pipes, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        verdict_fail(verdicts, "dry-run", "no process can be made for it: %s", strerror(errno));
        return;
    }
    if (child == 0)
        run_plan(plan, object, pipes[1]);
    close(pipes[1]);
    hangs = !listen_to(&w, pipes[0]);
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    close(pipes[0]);
    if (!w.interrupted)
        judge_end(&w, plan, status, hangs && !w.said_end);
}

/* ---- The folder ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void print_log(const struct dryrun_plan *plan)
{
    struct text path = TEXT_MAX(4096);
    char line[LINE_MOST];
    FILE *f;

    text_addf(&path, "%s/log", plan->folder);
    f = fopen(text_of(&path), "re");
    while (f && fgets(line, sizeof line, f))
        fputs(line, stderr);
    if (f)
        fclose(f);
    text_free(&path);
}

static void try_it(struct dryrun_plan *plan, const struct object *object, const struct asked *asked, int signals,
                   struct verdicts *verdicts)
{
    struct cs_error err = { 0 };
    struct mute mute;

    if (mute_open(&mute, &err) < 0) {
        verdict_fail(verdicts, "dry-run", "%s", err.text);
        return;
    }
    plan->busy_port = mute.busy_port;
    plan->mute_port = mute.mute_port;
    plan->spare_port = mute.spare_port;
    if (asked->here)
        dryrun_run(plan, object, verdicts);
    else
        watch_plan(plan, object, signals, verdicts);
    mute_close(&mute);
}

/* SIGINT and its like come to us once the folder is gone. */
static void in_folder(struct dryrun_plan *plan, const struct object *object, const struct asked *asked,
                      struct verdicts *verdicts)
{
    const char *root = getenv("TMPDIR");
    char folder[512];
    sigset_t ends, before;
    int signals;

    sigemptyset(&ends);
    for (size_t i = 0; i < sizeof end_signals / sizeof *end_signals && !asked->here; i++)
        sigaddset(&ends, end_signals[i]);
    sigprocmask(SIG_BLOCK, &ends, &before);
    signals = signalfd(-1, &ends, SFD_CLOEXEC);
    snprintf(folder, sizeof folder, "%s/countersign-check.XXXXXX", root && *root == '/' ? root : "/tmp");
    if (signals < 0 || !mkdtemp(folder)) {
        verdict_fail(verdicts, "dry-run", "no folder can be made for it (%s): %s", folder, strerror(errno));
    } else {
        plan->folder = folder;
        try_it(plan, object, asked, signals, verdicts);
        if (asked->log)
            print_log(plan);
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        plan->folder = NULL;
    }
    if (signals >= 0)
        close(signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* ---- All of it ---- */

/* An author has no configuration; only one that is named counts. */
static int prepare(struct setup *setup, const char *config_path)
{
    return setup_visit(setup, strcmp(config_path, CS_SYSCONF_DIR "/countersign.conf") == 0 ? NULL : config_path);
}

static void check(const struct setup *setup, const struct asked *asked, struct verdicts *verdicts)
{
    struct dryrun_plan plan = { .plugin_dir = setup->settings.plugin_dir,
                                .zone = asked->zone,
                                .user = setup->user,
                                .starter = setup->starter,
                                .settings = asked->settings,
                                .n_settings = asked->n_settings,
                                .wait_ms = asked->wait_ms };
    char *path = find(setup, asked->file, verdicts);
    struct object *object = path ? object_read(path, verdicts) : NULL;

    if (object) {
        plan.path = path;
        object_judge(object, verdicts);
        in_folder(&plan, object, asked, verdicts);
    }
    object_free(object);
    free(path);
}

int plugin_check(const struct command_line *line)
{
    struct verdicts verdicts = { .fd = STDOUT_FILENO };
    struct asked asked;
    struct setup setup;

    if (line->argc == 3 && command_is_help(line->argv[2])) {
        usage_help(&usage_plugin, stdout);
        return 0;
    }
    if (read_words(line, &asked) < 0)
        return usage_wrong(&usage_plugin, "countersign plugin check: name one file, and options as they are meant");
    if (prepare(&setup, line->config_path) < 0)
        return 1;
    signal(SIGPIPE, SIG_IGN); /* whoever reads us may leave: what we made must still be removed */
    check(&setup, &asked, &verdicts);
    setup_free(&setup);
    if (verdicts.failures)
        printf("%zu fault%s\n", verdicts.failures, verdicts.failures == 1 ? "" : "s");
    return verdicts.failures ? 1 : 0;
}
