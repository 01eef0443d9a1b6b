/*
 * `countersign report --public`: releases, frozen when they are first asked for. Called by report.c.
 */
#ifndef COMMAND_REPORT_PUBLIC_H
#define COMMAND_REPORT_PUBLIC_H

#include "command/report.h"
#include "command/report_options.h"
#include "command/setup.h"

/* Prints the release of the options' zone and week, which is made when there is none yet; or lists all. */
int report_public(struct setup *setup, const struct report_options *options, struct cs_error *err);

/* report.c's: in the options' format, to their output. */
int report_print(const struct report *report, const struct report_options *options, mode_t mode, struct cs_error *err);
int report_put(const struct text *out, const char *path, mode_t mode, struct cs_error *err); /* NULL: stdout */

#endif
