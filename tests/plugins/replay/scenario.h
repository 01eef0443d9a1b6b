/*
 * Reads a scenario: a text file of statements, one a line, to which indented lines below belong. `include NAME` puts in
 * NAME.part of the same folder; ${WORD} is replaced. Used by replay.c.
 */
#ifndef REPLAY_SCENARIO_H
#define REPLAY_SCENARIO_H

#include <stddef.h>

struct statement {
    char *file;
    int line;
    char *verb, *rest; /* first word, and what follows it, or "" */
    char *below;       /* the indented lines without their indent, or "" */
};

struct scenario {
    struct statement *statements;
    size_t n;
};

/* Ends the program with file:line when it cannot be read. `replace` gives the value of a ${WORD}, or NULL. */
void scenario_read(struct scenario *scenario, const char *path, const char *(*replace)(const char *word));
void scenario_free(struct scenario *scenario);

#endif
