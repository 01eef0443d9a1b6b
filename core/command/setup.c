/*
 * The common steps of the subcommands; see setup.h. Folders, user and lock stand in setup_user.c.
 */
#include "command/setup.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/wait.h"

/* ---- The file ---- */

static int find_user(struct setup *setup)
{
    const char *name = setup->settings.user;
    const struct passwd *entry;

    setup->starter = getuid();
    setup->user = geteuid();
    setup->group = getegid();
    if (!name)
        return 0;
    errno = 0;
    entry = getpwnam(name);
    if (!entry)
        return config_complain(setup->config, config_find(setup->config, config_root(setup->config), "user"),
                               "there is no user \"%s\": make it with `useradd --system %s`, or name another", name, name);
    setup->user = entry->pw_uid;
    setup->group = entry->pw_gid;
    return 0;
}

static int explain_missing(const char *path, struct cs_error *err)
{
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return cs_fail(err, CS_ECONFIG, "%s: cannot be read: No such file or directory; make it from "
                       CS_SYSCONF_DIR "/countersign.conf.example, or name another with -c FILE", path);
    return -1;
}

int setup_load(struct setup *setup, const char *path, struct cs_error *err)
{
    *setup = (struct setup){ .state_lock = -1 };
    setup->config = config_load(path, err);
    if (!setup->config)
        return explain_missing(path, err);
    settings_read(setup->config, &setup->settings);
    find_user(setup);
    return 0;
}

int setup_read(struct setup *setup, const char *path)
{
    struct cs_error err = { 0 };

    if (setup_load(setup, path, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    if (config_complaint_count(setup->config) == 0)
        return 0;
    fputs(config_complaints(setup->config), stderr);
    setup_free(setup);
    return -1;
}

static void take_defaults(struct setup *setup)
{
    const struct passwd *nobody = getpwnam("nobody");

    *setup = (struct setup){ .state_lock = -1, .starter = getuid(), .user = geteuid(), .group = getegid() };
    setup->settings.plugin_dir = CS_PLUGIN_DIR;
    if (setup->user != 0 || !nobody)
        return;
    setup->settings.user = "nobody";
    setup->user = nobody->pw_uid;
    setup->group = nobody->pw_gid;
}

int setup_visit(struct setup *setup, const char *path)
{
    struct cs_error err = { 0 };

    if (!path)
        take_defaults(setup);
    else if (setup_read(setup, path) < 0)
        return -1;
    if (setup_drop_privileges(setup, &err) == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    setup_free(setup);
    return -1;
}

/* ---- The process ---- */

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void setup_process(void)
{
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is a full disk, and no reason to die */
    raise_file_limit();
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a program that takes core dumps from the kernel is not held by that limit */
}

/* ---- The store, for commands ---- */

void setup_only(struct setup *setup, const struct block_settings *block)
{
    setup->only = setup->settings;
    setup->only.blocks = setup->only_blocks;
    setup->only.n_blocks = block->same ? 2 : 1;
    setup->only_blocks[0] = block->same ? *block->same : *block;
    setup->only_blocks[1] = *block;
    setup->only_blocks[1].same = &setup->only_blocks[0];
}

static int only_store(struct setup *setup, struct cs_error *err)
{
    const struct settings *settings = &setup->settings;
    const struct block_settings *store = NULL;

    for (size_t i = 0; i < settings->n_blocks && !store; i++)
        if (settings->blocks[i].role == ROLE_STORE)
            store = &settings->blocks[i];
    if (!store)
        return cs_fail(err, CS_ECONFIG, "the configuration has no store: add store = { main = { plugin = \"…\"; }; };");
    setup_only(setup, store);
    return 0;
}

static int load_store(struct setup *setup, struct cs_error *err)
{
    if (only_store(setup, err) < 0)
        return -1;
    setup->loop = loop_new(err);
    if (!setup->loop)
        return -1;
    setup->instances = instances_new(setup->loop, NULL, &setup->only, setup->config, err);
    if (!setup->instances)
        return -1;
    if (instances_load(setup->instances, setup->user, setup->starter, err) < 0) {
        fputs(config_complaints(setup->config), stderr);
        return -1;
    }
    if (instances_open(setup->instances, ROLE_STORE, err) < 0)
        return -1;
    setup->store = instances_at(setup->instances, ROLE_STORE, 0);
    return 0;
}

int setup_open_store(struct setup *setup, struct cs_error *err)
{
    setup_process();
    log_setup(setup->settings.log_level);
    if (setup_make_folder(setup, setup->settings.state, err) < 0 || setup_drop_privileges(setup, err) < 0)
        return -1;
    return load_store(setup, err);
}

int setup_store(struct setup *setup, struct cs_error *err)
{
    struct cs_error in_use = { 0 };

    if (setup_open_store(setup, err) < 0)
        return -1;
    if (setup_lock_state(setup, &in_use) < 0 && in_use.code != CS_EBUSY) {
        *err = in_use;
        return -1;
    }
    return store_migrate(setup->store, setup->state_lock >= 0, err);
}

bool setup_rest(struct setup *setup, int64_t until_ms)
{
    if (setup->instances) {
        instances_stop(setup->instances);
        while (instances_calls(setup->instances) && cs_now_ms() < until_ms)
            loop_run_once(setup->loop, 50);
        if (instances_calls(setup->instances))
            return false;
    }
    if (setup->loop) {
        waits_end(setup->loop);
        loop_run_once(setup->loop, 0);
    }
    return true;
}

void setup_free(struct setup *setup)
{
    instances_free(setup->instances);
    if (setup->loop)
        loop_free(setup->loop);
    settings_free(&setup->settings);
    config_free(setup->config);
    if (setup->state_lock >= 0)
        close(setup->state_lock);
    *setup = (struct setup){ .state_lock = -1 };
}
