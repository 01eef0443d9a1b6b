/*
 * The lines of `countersign plugin check`: `pass|FAIL|note NAME what was seen, what to do`. Used by plugin_check.c, object.c
 * and dryrun*.c; the dry run has a process of its own, whose lines go through a pipe.
 */
#ifndef COMMAND_VERDICT_H
#define COMMAND_VERDICT_H

#include <countersign/plugin.h>

struct verdicts {
    int fd;
    bool watched; /* by a process that reads them from a pipe */
    size_t failures;
};

void verdict_pass(struct verdicts *verdicts, const char *name, const char *format, ...) CS_PRINTF(3, 4);
void verdict_fail(struct verdicts *verdicts, const char *name, const char *format, ...) CS_PRINTF(3, 4);
void verdict_note(struct verdicts *verdicts, const char *name, const char *format, ...) CS_PRINTF(3, 4);

/* In the dry run, before the plugin's code runs: it is at `name` now, and must be through in `ms`. Not a line for people. */
void verdict_enter(const struct verdicts *verdicts, const char *name, int64_t ms);
/* Is a line of the pipe one of these? Takes it apart; `name` points into it. */
bool verdict_is_enter(char *line, const char **name, int64_t *ms);

#endif
