/*
 * The subcommands of `countersign`: one file each, listed in command.c's table. Exit codes: 0 it worked, 1 it failed (the
 * reason is on stderr), 2 the command line is wrong.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <stdbool.h>

struct command_line {
    const char *config_path; /* -c FILE, or CS_SYSCONF_DIR "/countersign.conf" */
    int argc;                /* of the subcommand; argv[0] is its name */
    char **argv;
};

int command_serve(const struct command_line *line);
int command_check(const struct command_line *line);
int command_sign(const struct command_line *line);
int command_zone(const struct command_line *line);
int command_label(const struct command_line *line);
int command_subject(const struct command_line *line);
int command_plugin(const struct command_line *line);
int command_privacy(const struct command_line *line);
int command_report(const struct command_line *line);

/* Is it --help or -h? */
bool command_is_help(const char *word);

/* Finds the subcommand and runs it; called by main.c. */
int command_run(int argc, char **argv);

#endif
