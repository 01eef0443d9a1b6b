/*
 * One plugin, opened with the core's services around it: the first half of each go of dryrun.c, and its end.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command/dryrun.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "engine/wait.h"
#include "records/keep.h"

enum { OPEN_MS = 15000, REST_MS = 5000, TRANSFERS = 32 };

static int is_entry(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t entries(const char *path)
{
    struct dirent **found = NULL;
    int n = scandir(path, &found, is_entry, alphasort);

    for (int i = 0; i < n; i++)
        free(found[i]);
    free(found);
    return n > 0 ? (size_t)n : 0;
}

struct dryrun_use dryrun_use(void)
{
    return (struct dryrun_use){ .files = entries("/proc/self/fd"), .threads = entries("/proc/self/task") };
}

/* ---- Open ---- */

static int make_parts(struct dryrun *run, struct cs_error *err)
{
    struct setup *setup = &run->setup;
    char *path = NULL;
    int rc = -1;

    if (dryrun_conf_write(run, false, &path, err) < 0)
        return -1;
    if (setup_read(setup, path) < 0)
        cs_fail(err, CS_ECONFIG, "the settings are refused; --log shows why");
    else if (setup_make_folder(setup, setup->settings.state, err) == 0)
        rc = 0;
    free(path);
    if (rc < 0)
        return -1;
    log_setup(CS_LOG_DEBUG);
    setup->loop = loop_new(err);
    if (!setup->loop)
        return -1;
    run->client = http_client_new(setup->loop, "countersign/" CS_VERSION, TRANSFERS, err);
    run->keep = keep_new(NULL);
    setup->instances =
        run->client && run->keep ? instances_new(setup->loop, run->client, &setup->settings, setup->config, err) : NULL;
    return setup->instances ? 0 : -1;
}

/* The complaint names a file that the operator has never seen: take that off. */
static const char *last_complaint(const struct dryrun *run)
{
    const char *text = config_complaints(run->setup.config), *at = text;

    for (const char *p = text; (p = strchr(p, '\n')) != NULL && p[1];)
        at = ++p;
    for (int i = 0; i < 2; i++)
        if (strstr(at, ": "))
            at = strstr(at, ": ") + 2;
    return at;
}

static int refuse_open(struct dryrun *run, const char *what, const char *why)
{
    if (run->placeholders.len)
        verdict_note(run->verdicts, what,
                     "refused with values made up for %s, so no call was tried (%s); give real ones with "
                     "--set NAME=VALUE",
                     text_of(&run->placeholders), why);
    else
        verdict_fail(run->verdicts, what, "%s", why);
    return -1;
}

static int load(struct dryrun *run)
{
    struct setup *setup = &run->setup;
    struct cs_error err = { 0 };

    if (instances_bind(setup->instances, &err) < 0)
        return refuse_open(run, "open", err.text);
    if (instances_load(setup->instances, run->plan->user, run->plan->starter, &err) < 0)
        return refuse_open(run, "settings", last_complaint(run));
    run->instance = instances_at(setup->instances, setup->settings.blocks[0].role, 0);
    run->instance->in.keep = run->keep;
    return 0;
}

static int check_and_open(struct dryrun *run)
{
    struct setup *setup = &run->setup;
    const size_t before = config_complaint_count(setup->config);
    struct cs_error err = { 0 };
    bool checked;

    verdict_enter(run->verdicts, "check", OPEN_MS);
    checked = instances_check(setup->instances) == 0 && config_complaint_count(setup->config) == before;
    verdict_enter(run->verdicts, "open", OPEN_MS);
    if (instances_open(setup->instances, setup->settings.blocks[0].role, &err) < 0)
        return refuse_open(run, "open", *err.text ? err.text : "it failed without an error: fill *err, as with cs_fail()");
    if (!checked)
        verdict_fail(run->verdicts, "check", "`check` refuses what `open` takes: %s", last_complaint(run));
    verdict_enter(run->verdicts, "start", OPEN_MS);
    if (instances_start(setup->instances, &err) < 0)
        return refuse_open(run, "start", *err.text ? err.text : "it failed without an error: fill *err, as with cs_fail()");
    instances_caught_up(setup->instances);
    if (run->mute)
        return 0;
    if (run->placeholders.len)
        verdict_note(run->verdicts, "open", "with values made up for %s; --set NAME=VALUE gives real ones",
                     text_of(&run->placeholders));
    verdict_pass(run->verdicts, "open", "opened and started");
    return 0;
}

int dryrun_open(struct dryrun *run)
{
    struct cs_error err = { 0 };

    if (make_parts(run, &err) < 0) {
        verdict_fail(run->verdicts, "open", "%s", err.text);
        return -1;
    }
    run->events = event_base_get_num_events(loop_base(run->setup.loop), EVENT_BASE_COUNT_ADDED);
    return load(run) < 0 ? -1 : check_and_open(run);
}

/* ---- Close ---- */

static bool at_rest(void *arg)
{
    return instances_calls(arg) == 0;
}

int dryrun_close(struct dryrun *run)
{
    struct setup *setup = &run->setup;
    int events;

    verdict_enter(run->verdicts, "stop", OPEN_MS);
    instances_stop(setup->instances);
    if (!dryrun_wait(setup->loop, at_rest, setup->instances, REST_MS)) {
        verdict_fail(run->verdicts, "stop", "%zu calls were not finished %d s after the server began to stop",
                     instances_calls(setup->instances), REST_MS / 1000);
        return -1;
    }
    verdict_enter(run->verdicts, "close", OPEN_MS);
    waits_end(setup->loop);
    loop_run_once(setup->loop, 0);
    http_client_free(run->client);
    instances_free(setup->instances);
    setup->instances = NULL;
    run->instance = NULL;
    loop_run_once(setup->loop, 0);
    events = event_base_get_num_events(loop_base(setup->loop), EVENT_BASE_COUNT_ADDED);
    if (timers_are_set(setup->loop))
        verdict_fail(run->verdicts, "left", "a timer is still set after `close`: cs_timer_stop()");
    if (events > run->events)
        verdict_fail(run->verdicts, "left", "a watch is still set after `close`: cs_watch_end()");
    if (!run->mute)
        verdict_pass(run->verdicts, "close", "stopped and closed");
    setup_free(setup);
    keep_free(run->keep);
    run->client = NULL;
    run->keep = NULL;
    return 0;
}
