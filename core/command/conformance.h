/*
 * The conformance suite: one behaviour after another that every DNS plugin has to show, against its real server, in a zone that
 * may be in use. Called by plugin_test.c; the behaviours stand in conformance_behaviours.c.
 */
#ifndef COMMAND_CONFORMANCE_H
#define COMMAND_CONFORMANCE_H

#include <stdio.h>
#include <sys/socket.h>

#include "command/lone.h"

struct conformance_plan {
    const char *zone;               /* without a dot at its end */
    struct sockaddr_storage server; /* an authoritative server of the zone */
    socklen_t server_len;
    const char *only;   /* names with commas between them; NULL: all */
    int64_t visible_ms; /* how long a change may take until that server shows it */
};

/* A line for each behaviour: its name, what it shows. */
void conformance_list(FILE *to);

/* Are these names of behaviours? The error has those there are. */
int conformance_check_names(const char *only, struct cs_error *err);

/* Prints a line for each behaviour to stdout: "pass NAME MILLISECONDS detail" or "FAIL NAME MILLISECONDS reason". Returns how
 * many failed, or -1 and *err when none could be tried. What it made is taken away again. */
int conformance_run(struct lone *lone, const struct conformance_plan *plan, struct cs_error *err);

#endif
