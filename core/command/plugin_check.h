/*
 * `countersign plugin check FILE`: everything that can be told of a plugin without its back end. Called by plugin.c.
 */
#ifndef COMMAND_PLUGIN_CHECK_H
#define COMMAND_PLUGIN_CHECK_H

#include "command/command.h"

extern const struct usage_option plugin_check_options[];

/* argv[1] is "check". The exit code. */
int plugin_check(const struct command_line *line);

#endif
