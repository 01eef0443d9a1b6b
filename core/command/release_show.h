/*
 * A kept release, as a report that the writers take. Called by report_public.c.
 */
#ifndef COMMAND_RELEASE_SHOW_H
#define COMMAND_RELEASE_SHOW_H

#include "command/report.h"

/* From the text that release_json() made. `as_rows`: all of it in one table, for CSV. report_free() in any case. */
int release_show(const char *text, size_t len, bool as_rows, struct report *report, struct cs_error *err);

#endif
