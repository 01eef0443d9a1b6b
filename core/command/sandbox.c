/*
 * Enters the sandbox; see sandbox.h.
 */
#include "command/sandbox.h"

#include <inttypes.h>

#include "engine/log.h"
#include "engine/syscalls.h"

#define LOG_WHO "sandbox"

/* ---- Whether ---- */

/* Programs that a plugin starts would be in it, too, for ever, and nobody can say what they need. */
static const struct instance *unconfined(struct instances *instances)
{
    static const enum role roles[] = { ROLE_STORE, ROLE_AUDIT, ROLE_DNS, ROLE_CA };
    const struct instance *instance;

    for (size_t r = 0; r < sizeof roles / sizeof *roles; r++)
        for (size_t i = 0; (instance = instances_at(instances, roles[r], i)) != NULL; i++)
            if (instance->plugin.about.unconfined)
                return instance;
    return NULL;
}

static enum sandbox_setting decide(const struct settings *settings, struct instances *instances)
{
    const struct instance *instance;

    if (settings->sandbox == SANDBOX_OFF) {
        log_line(CS_LOG_INFO, LOG_WHO, "", "off: the configuration says so");
        return SANDBOX_OFF;
    }
    if (!CS_SANDBOX) {
        log_line(CS_LOG_INFO, LOG_WHO, "", "off: this program was built with a sanitizer, which needs more than the server");
        return SANDBOX_OFF;
    }
    instance = unconfined(instances);
    if (!instance)
        return settings->sandbox;
    log_line(CS_LOG_INFO, LOG_WHO, "", "off: a plugin runs programs, which could do nothing in it plugin=%s instance=%s",
             instance->plugin.about.name, instance->in.who);
    return SANDBOX_OFF;
}

/* ---- Files ---- */

static int allow_and_enter(const struct sandbox_paths *paths, int version, struct cs_error *err)
{
    struct landlock *set = landlock_new(version, err);
    int rc;

    if (!set)
        return -1;
    for (size_t i = 0; i < paths->n; i++)
        if (!landlock_allow(set, paths->v[i].path, paths->v[i].access))
            log_line(CS_LOG_DEBUG, LOG_WHO, "", "cannot be allowed path=%s", paths->v[i].path);
    rc = landlock_enter(set, err);
    landlock_free(set);
    return rc;
}

static void enter_files(struct sandbox *sandbox, const struct config *config, const struct settings *settings)
{
    const int version = landlock_version();
    struct cs_error err;

    if (!version) {
        log_line(CS_LOG_INFO, LOG_WHO, "", "files are not limited: this kernel has no Landlock, or was started without");
        return;
    }
    if (sandbox_paths_of(&sandbox->paths, config, settings, &err) < 0 || allow_and_enter(&sandbox->paths, version, &err) < 0) {
        log_line(CS_LOG_WARN, LOG_WHO, "", "files are not limited: %s", err.text);
        return;
    }
    sandbox->files = true;
    log_line(CS_LOG_INFO, LOG_WHO, "", "files are limited to what the configuration names landlock=%d", version);
}

void sandbox_enter_files(struct sandbox *sandbox, const struct config *config, const struct settings *settings,
                         struct instances *instances)
{
    *sandbox = (struct sandbox){ .setting = decide(settings, instances) };
    if (sandbox->setting == SANDBOX_ON) /* Landlock has no way of only logging */
        enter_files(sandbox, config, settings);
}

/* ---- System calls ---- */

void sandbox_enter_calls(struct sandbox *sandbox)
{
    const bool logs = sandbox->setting == SANDBOX_LOG;
    struct cs_error err;

    if (sandbox->setting == SANDBOX_OFF)
        return;
    if (!syscalls_can_be_limited()) {
        log_line(CS_LOG_INFO, LOG_WHO, "", "system calls are not limited: this program was built without libseccomp");
        return;
    }
    if (syscalls_limit(logs ? SYSCALLS_LOG : SYSCALLS_REFUSE, &err) < 0) {
        log_line(CS_LOG_WARN, LOG_WHO, "", "system calls are not limited: %s", err.text);
        return;
    }
    sandbox->calls = !logs;
    log_line(CS_LOG_INFO, LOG_WHO, "", logs ? "nothing is refused: the kernel logs what would be" : "system calls are limited");
}

/* ---- Another configuration ---- */

static int check_paths(const struct sandbox *sandbox, const struct config *config, const struct settings *settings,
                       struct cs_error *err)
{
    const struct sandbox_path *missing;
    struct sandbox_paths want;
    int rc = 0;

    if (sandbox_paths_of(&want, config, settings, err) < 0)
        return -1;
    missing = sandbox_paths_missing(&sandbox->paths, &want);
    if (missing)
        rc = cs_fail(err, CS_ECONFIG,
                     "the configuration has become a reason to %s %.300s, which the sandbox of this run does not allow, and it "
                     "cannot be widened: restart the server",
                     missing->access == LANDLOCK_WRITE ? "write to" : "read", missing->path);
    sandbox_paths_free(&want);
    return rc;
}

int sandbox_check(const struct sandbox *sandbox, const struct config *config, const struct settings *settings,
                  struct instances *instances, struct cs_error *err)
{
    const struct instance *runs = instances ? unconfined(instances) : NULL;

    if (runs && sandbox->setting != SANDBOX_OFF)
        return cs_fail(err, CS_ECONFIG,
                       "%s runs programs, which the sandbox of this run does not allow: restart the server, which then runs "
                       "without", runs->in.who);
    if (settings->sandbox == SANDBOX_OFF && sandbox->setting != SANDBOX_OFF)
        return cs_fail(err, CS_ECONFIG, "`sandbox` is \"off\" now, but nothing takes a process out of it: restart the server");
    return sandbox->files ? check_paths(sandbox, config, settings, err) : 0;
}

void sandbox_measure(const struct sandbox *sandbox, struct metrics *metrics)
{
    metrics_gauge(metrics, "countersign_sandbox", "1: the server is held to its sandbox.", "part=\"files\"", sandbox->files);
    metrics_gauge(metrics, "countersign_sandbox", "1: the server is held to its sandbox.", "part=\"calls\"", sandbox->calls);
}

void sandbox_free(struct sandbox *sandbox)
{
    sandbox_paths_free(&sandbox->paths);
}
