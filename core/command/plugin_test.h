/*
 * `countersign plugin test`: a DNS instance of the configuration is tried against its real server. Called by plugin.c.
 */
#ifndef COMMAND_PLUGIN_TEST_H
#define COMMAND_PLUGIN_TEST_H

#include "command/command.h"

extern const struct usage_option plugin_test_options[];

/* argv[1] of the line is "test". Returns the exit code. */
int plugin_test(const struct command_line *line);

#endif
