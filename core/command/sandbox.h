/*
 * What the server forbids itself when it has started: files that the configuration does not name (Landlock), and system calls
 * that it does not need (seccomp). `sandbox` of the configuration says whether; docs/service.md tells operators,
 * docs/plugin-guide.md authors of plugins. Called by serve.c, in the start order, and when the configuration is read anew. Loop
 * thread only, but sandbox_check().
 */
#ifndef COMMAND_SANDBOX_H
#define COMMAND_SANDBOX_H

#include "command/sandbox_paths.h"
#include "engine/metrics.h"
#include "plugin/instance.h"

struct sandbox {
    enum sandbox_setting setting; /* SANDBOX_OFF also when something keeps it off */
    struct sandbox_paths paths;   /* what may be touched, while `files` */
    bool files, calls;            /* which of them holds */
};

/* Decide, and be held to the files from now on. The plugins are loaded, but nothing of them was opened, and there is one
 * thread. What this machine has not got, or refuses, is said in the log, and is no failure. */
void sandbox_enter_files(struct sandbox *sandbox, const struct config *config, const struct settings *settings,
                         struct instances *instances);

/* Be held to the system calls, with all threads: the last step before orders and clients. */
void sandbox_enter_calls(struct sandbox *sandbox);

/* Can a new configuration be taken over in here? Its plugins are loaded, or `instances` is NULL: they are not looked at then.
 * CS_ECONFIG: no, what is in the way, and that a restart helps. Reads folders, briefly; any thread. */
int sandbox_check(const struct sandbox *sandbox, const struct config *config, const struct settings *settings,
                  struct instances *instances, struct cs_error *err);

void sandbox_measure(const struct sandbox *sandbox, struct metrics *metrics);

void sandbox_free(struct sandbox *sandbox); /* the memory; nothing is allowed again */

#endif
