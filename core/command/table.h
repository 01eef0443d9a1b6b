/*
 * What `countersign zone`, `subject`, `client` and `label` share: their verbs, one piece of work on the store, and the rows
 * that `list` and `show` print.
 */
#ifndef COMMAND_TABLE_H
#define COMMAND_TABLE_H

#include "command/columns.h"
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

/* What `list` and `show` were asked, and what they found. */
struct table_rows {
    const char *const *names; /* of the columns; ended by NULL */
    bool one;                 /* `show`: the only row, a line for each name */
    bool json;
    struct columns found;
};

/* `find` adds to `rows->found`, in one transaction of a reader; then it is printed. Returns the exit code. */
int table_print(const struct command_line *line, store_fn *find, void *arg, struct table_rows *rows);

/* All that `show` takes beside the name of a row. */
extern const struct usage_option table_show_options[];
/* Reads these; the words behind them begin at argv[optind]. Returns an exit code, or -1 to go on. */
int table_read_json(const struct usage *usage, int argc, char **argv, bool *json);

/* Does the configuration have such an instance? The error lists those that it has. */
int table_check_instance(const struct settings *settings, enum role role, const char *name, struct cs_error *err);

/* A DNS name as people type it: any case, a dot at its end. `flags` as in base/name.h. */
int table_name(char out[254], const char *typed, unsigned flags, const char *what, struct cs_error *err);

#endif
