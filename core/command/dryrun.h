/*
 * The dry run of `countersign plugin check`: a plugin is loaded, opened, called, stopped and closed, twice, in a process of its
 * own, so that one that crashes or hangs harms nobody. Once its back end is one that answers every request with 503 (or the one
 * that --set names), then one that never answers. plugin_check.c starts it; dryrun_*.c are its parts.
 */
#ifndef COMMAND_DRYRUN_H
#define COMMAND_DRYRUN_H

#include "command/object.h"
#include "command/setup.h"
#include "engine/http_client.h"

#define DRYRUN_PORT "{port}"

/* What --set said. */
struct dryrun_setting {
    const char *name, *value;
};

struct dryrun_plan {
    const char *path;       /* of the plugin */
    const char *plugin_dir; /* for store and DNS server that go with a CA */
    const char *folder;     /* where everything may be written; `log` in it is its stderr */
    const char *zone;       /* without trailing dot */
    uid_t user, starter;
    const struct dryrun_setting *settings;
    size_t n_settings;
    int64_t wait_ms;               /* how long one call may take that gets an answer */
    uint16_t busy_port, mute_port; /* of the back ends, on 127.0.0.1, UDP and TCP */
    uint16_t spare_port;           /* for the DNS server that goes with a CA */
};

struct dryrun {
    const struct dryrun_plan *plan;
    struct verdicts *verdicts;
    struct plugin plugin;
    bool mute;                /* the second time */
    struct text placeholders; /* names of mandatory settings that --set did not give */
    struct setup setup;
    struct http_client *client;
    struct keep *keep;
    struct instance *instance;
    size_t held;  /* calls that held the loop too long; one may be the machine's fault */
    int events;   /* that the loop waited for before anything was opened */
};

/* All of it; verdicts go to the pipe. Does not return to anybody who relies on this process afterwards. */
void dryrun_run(const struct dryrun_plan *plan, const struct object *object, struct verdicts *verdicts);

/* dryrun_conf.c: a configuration with the plugin as instance `check` of each role that it plays, at *path (malloc'd); `whole`:
 * with a store and a DNS server around it. */
int dryrun_conf_write(struct dryrun *run, bool whole, char **path, struct cs_error *err);
/* The secrets of that configuration, one a line. */
void dryrun_conf_secrets(const struct dryrun *run, struct text *out);

/* dryrun_rig.c: the plugin with the core's services around it, and no server. -1: a verdict says why. */
int dryrun_open(struct dryrun *run);
int dryrun_close(struct dryrun *run); /* -1: not closed, as calls are out; nothing more can be done */
/* What of the process is in use: open files and threads. */
struct dryrun_use {
    size_t files, threads;
};
struct dryrun_use dryrun_use(void);

/* Each role: what it is asked for a first time (something answers) and a second time (nothing ever answers). -1: the plugin is
 * stuck, so that it cannot be closed. */
int dryrun_dns(struct dryrun *run);
int dryrun_audit(struct dryrun *run);
int dryrun_store(struct dryrun *run);
int dryrun_ca(struct dryrun *run); /* in a whole server of its own, around an instance of its own */

/* The verdict on an error that a plugin ended a call with. */
void dryrun_judge_error(struct dryrun *run, const char *name, const struct cs_error *err);
/* For the loop: turns until it holds or `ms` have passed; is it so? */
bool dryrun_wait(struct loop *loop, bool (*holds)(void *arg), void *arg, int64_t ms);

#endif
