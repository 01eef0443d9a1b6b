/*
 * The behaviours of the conformance suite, as a table. Read by conformance.c.
 */
#ifndef COMMAND_CONFORMANCE_BEHAVIOURS_H
#define COMMAND_CONFORMANCE_BEHAVIOURS_H

#include "command/trial.h"

struct behaviour {
    const char *name;
    int (*run)(struct trial *t, struct cs_error *err); /* 0: it is shown. What it leaves is taken away by the caller. */
    const char *shows;                                 /* one line */
};

extern const struct behaviour conformance_behaviours[]; /* the last has no name */

#endif
