/*
 * The subcommands of `countersign`: one file each, listed in command.c's table. Exit codes: 0 it worked, 1 it failed (the
 * reason is on stderr), 2 the command line is wrong.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <stdbool.h>

#include "command/usage.h"

struct command_line {
    const char *config_path; /* -c FILE, or CS_SYSCONF_DIR "/countersign.conf" */
    int argc;                /* of the subcommand; argv[0] is its name */
    char **argv;
};

extern const struct usage usage_sign, usage_zone, usage_label, usage_subject, usage_client, usage_plugin, usage_privacy,
    usage_report, usage_backup, usage_restore, usage_revoke;

int command_serve(const struct command_line *line);
int command_check(const struct command_line *line);
extern const struct usage usage_doctor;
int command_doctor(const struct command_line *line);
int command_sign(const struct command_line *line);
int command_zone(const struct command_line *line);
int command_label(const struct command_line *line);
int command_client(const struct command_line *line);
int command_subject(const struct command_line *line);
int command_plugin(const struct command_line *line);
int command_privacy(const struct command_line *line);
int command_backup(const struct command_line *line);
int command_restore(const struct command_line *line);
int command_report(const struct command_line *line);
int command_revoke(const struct command_line *line);

struct command {
    const char *name;
    int (*run)(const struct command_line *line);
    const struct usage *usage; /* what it takes; it then answers --help by itself. NULL: nothing */
    const char *arguments;     /* in short */
    const char *summary;
};
extern const struct command commands[]; /* ends with a NULL name */

/* Is it --help or -h? */
bool command_is_help(const char *word);

/* Finds the subcommand and runs it; called by main.c. */
int command_run(int argc, char **argv);

#endif
