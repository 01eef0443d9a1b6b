/*
 * What `countersign zone`, `subject` and others share: their verbs, and one piece of work on the store.
 */
#ifndef COMMAND_TABLE_H
#define COMMAND_TABLE_H

#include "command/command.h"
#include "command/setup.h"
#include "command/usage.h"

/* One verb: "add", "list", … */
struct table_verb {
    const char *name;
    int (*run)(const struct command_line *line, int argc, char **argv); /* argv[0] is "countersign zone add"; exit code */
};

/* Finds argv[1] of the line among `verbs` (ended by a NULL name) and runs it; otherwise says what there is. */
int table_run(const struct command_line *line, const struct table_verb *verbs, const struct usage *usage);

/* Read the configuration, check what was typed against it (`check` may be NULL), open the store, run `work` in one
 * transaction. Prints what went wrong. Returns the exit code. */
int table_work(const struct command_line *line, int (*check)(const struct settings *settings, void *arg, struct cs_error *err),
               enum cs_store_use use, store_fn *work, void *arg);

/* Does the configuration have such an instance? The error lists those that it has. */
int table_check_instance(const struct settings *settings, enum role role, const char *name, struct cs_error *err);

/* A DNS name as people type it: any case, a dot at its end. `flags` as in base/name.h. */
int table_name(char out[254], const char *typed, unsigned flags, const char *what, struct cs_error *err);

#endif
