/*
 * The order of the dry run; see run.h.
 */
#include "command/dryrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/options_check.h"

enum { LOAD_MS = 15000, SUMMARY_MOST = 100, LOG_MOST = 4 << 20, SECRET_LEAST = 8 };

static const enum role roles[] = { ROLE_CA, ROLE_DNS, ROLE_STORE, ROLE_AUDIT };

/* ---- The descriptor and its tables ---- */

static void judge_words(const struct cs_plugin *about, struct verdicts *verdicts)
{
    if (!*about->version || strpbrk(about->version, " \n"))
        verdict_fail(verdicts, "words", "the version \"%s\" must be one word, such as 1.0", about->version);
    else if (!*about->summary || strchr(about->summary, '\n') || strlen(about->summary) > SUMMARY_MOST)
        verdict_fail(verdicts, "words", "the summary must be one line of at most %d bytes", SUMMARY_MOST);
    else
        verdict_pass(verdicts, "words", "%s %s: %s", about->name, about->version, about->summary);
}

/* Every role is looked at, also when one is not whole. */
static int judge_roles(const struct plugin *plugin, struct verdicts *verdicts)
{
    struct text played = TEXT_MAX(64);
    struct cs_error err = { 0 };
    int rc = 0;

    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (!role_ops(&plugin->about, roles[i]))
            continue;
        if (plugin_plays(plugin, roles[i], &err) < 0) {
            verdict_fail(verdicts, "roles", "%s", err.text);
            rc = -1;
        } else {
            text_addf(&played, "%s%s%s", played.len ? ", " : "", role_name(roles[i]),
                      (roles[i] == ROLE_CA && plugin->ca.blocking) || (roles[i] == ROLE_DNS && plugin->dns.blocking)
                          ? " (blocking)"
                          : "");
        }
    }
    if (rc == 0)
        verdict_pass(verdicts, "roles", "%s", text_of(&played));
    text_free(&played);
    return rc;
}

static void tell_option(void *arg, bool fault, const char *text)
{
    if (fault)
        verdict_fail(arg, "settings", "%s", text);
    else
        verdict_note(arg, "settings", "%s", text);
}

static int judge_settings(const struct cs_plugin *about, struct verdicts *verdicts)
{
    const size_t before = verdicts->failures, n = options_check(about, tell_option, verdicts);

    if (verdicts->failures > before)
        return -1;
    verdict_pass(verdicts, "settings", "%zu in the table, each with its place, its type, its default and its help", n);
    return 0;
}

/* -1: it cannot be tried. */
static int judge(struct dryrun *run, const struct object *object)
{
    struct verdicts *verdicts = run->verdicts;
    const struct dryrun_plan *plan = run->plan;
    struct cs_error err = { 0 };
    int rc;

    verdict_enter(verdicts, "load", LOAD_MS);
    if (plugin_load(&run->plugin, plan->plugin_dir, plan->path, plan->user, plan->starter, &err) < 0) {
        verdict_fail(verdicts, "load", "%s", err.text);
        return -1;
    }
    verdict_pass(verdicts, "load", "plugin ABI %u.%u, this server (" CS_VERSION ") has %d.%d", run->plugin.about.abi_major,
                 run->plugin.about.abi_minor, CS_ABI_MAJOR, CS_ABI_MINOR);
    object_judge_needs(object, verdicts);
    judge_words(&run->plugin.about, verdicts);
    rc = judge_roles(&run->plugin, verdicts);
    return judge_settings(&run->plugin.about, verdicts) < 0 ? -1 : rc;
}

/* ---- What was said ---- */

/* Its stderr so far, malloc'd; NULL: cannot be read. */
static char *read_log(const struct dryrun_plan *plan)
{
    struct text path = TEXT_MAX(4096);
    char *log = NULL;
    FILE *f;

    text_addf(&path, "%s/log", plan->folder);
    f = fopen(text_of(&path), "re");
    text_free(&path);
    if (f && (log = calloc(1, LOG_MOST + 1)) && fread(log, 1, LOG_MOST, f) == 0 && ferror(f)) {
        free(log);
        log = NULL;
    }
    if (f)
        fclose(f);
    return log;
}

static void judge_secrets(struct dryrun *run)
{
    struct text secrets = TEXT_MAX(64 << 10);
    char *log = read_log(run->plan), *rest = NULL, *list;
    bool leaked = false, any = false;

    dryrun_conf_secrets(run, &secrets);
    list = text_take(&secrets);
    for (char *secret = list ? strtok_r(list, "\n", &rest) : NULL; secret && log; secret = strtok_r(NULL, "\n", &rest)) {
        any = any || strlen(secret) >= SECRET_LEAST;
        leaked = leaked || (strlen(secret) >= SECRET_LEAST && strstr(log, secret));
    }
    if (leaked)
        verdict_fail(run->verdicts, "secrets", "a setting of type SECRET stands in the log: never print one, not at any level");
    else if (any)
        verdict_pass(run->verdicts, "secrets", "none stands in what it logged");
    free(list);
    free(log);
}

/* What is left over of a second opening and closing is left over of each; of the first it may be a library's for good. */
static void judge_use(struct dryrun *run, const struct dryrun_use *first)
{
    const struct dryrun_use second = dryrun_use();

    if (second.files > first->files)
        verdict_fail(run->verdicts, "left", "%zu file descriptors were left open: close them in `close`",
                     second.files - first->files);
    else if (second.threads > first->threads)
        verdict_fail(run->verdicts, "left", "%zu threads were left: end and join them in `close`",
                     second.threads - first->threads);
    else
        verdict_pass(run->verdicts, "left", "no file, thread, timer or watch after `close`");
}

/* ---- The calls ---- */

static int call_roles(struct dryrun *run)
{
    const struct cs_plugin *about = &run->plugin.about;

    if (about->store && !run->mute && dryrun_store(run) < 0)
        return -1;
    if (about->dns && dryrun_dns(run) < 0)
        return -1;
    return about->audit && dryrun_audit(run) < 0 ? -1 : 0;
}

/* From open to close. 0; -1: it stops here. */
static int go_through(struct dryrun *run)
{
    if (dryrun_open(run) < 0)
        return -1;
    if (call_roles(run) < 0)
        return -1;
    return dryrun_close(run);
}

void dryrun_run(const struct dryrun_plan *plan, const struct object *object, struct verdicts *verdicts)
{
    struct dryrun run = { .plan = plan, .verdicts = verdicts, .setup.state_lock = -1 };
    struct dryrun_use first;

    run.placeholders = TEXT_MAX(4096);
    setup_process();
    if (judge(&run, object) < 0) {
        verdict_note(verdicts, "dry-run", "not made: mend what failed above first");
        return;
    }
    if (go_through(&run) < 0)
        return;
    first = dryrun_use();
    run.mute = true;
    if (go_through(&run) < 0)
        return;
    judge_use(&run, &first);
    if (run.plugin.about.ca)
        for (int i = 0; i < 2; i++) {
            run.mute = i == 1;
            if (dryrun_ca(&run) < 0)
                return;
        }
    judge_secrets(&run);
}

/* ---- For the parts ---- */

/* Did --set name one? The dry run's own does not count. */
static bool has_real_back_end(const struct dryrun *run)
{
    for (size_t i = 0; i < run->plan->n_settings; i++)
        if (strstr(run->plan->settings[i].value, DRYRUN_PORT))
            return false;
    return run->plan->n_settings > 0;
}

void dryrun_judge_error(struct dryrun *run, const char *name, const struct cs_error *err)
{
    if (err->code <= CS_OK || err->code > CS_ERESTART)
        verdict_fail(run->verdicts, name, "ended with code %d, which is none: begin an error with cs_fail()", (int)err->code);
    else if (!*err->text)
        verdict_fail(run->verdicts, name, "ended with an error without a text: say what was seen, and what to do");
    else if (has_real_back_end(run) && !run->mute)
        verdict_fail(run->verdicts, name, "ended with an error, although --set names its back end: %s", err->text);
    else
        verdict_pass(run->verdicts, name, "ended with an error, as it has no real back end here: %s", err->text);
}

bool dryrun_wait(struct loop *loop, bool (*holds)(void *arg), void *arg, int64_t ms)
{
    const int64_t until_ms = cs_now_ms() + ms;

    while (!holds(arg) && cs_now_ms() < until_ms)
        loop_run_once(loop, 20);
    return holds(arg);
}
