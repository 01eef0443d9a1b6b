/*
 * A release from the analytics database: the figures of a zone's week, what is to be hidden, and the text that is kept. Called
 * by report_public.c.
 */
#ifndef COMMAND_RELEASE_MAKE_H
#define COMMAND_RELEASE_MAKE_H

#include "command/report_options.h"
#include "records/release.h"
#include "records/store.h"

/* Figures of the options' zone and week; nothing is hidden yet. Refused (CS_EINPUT) while a day of the week is not closed or
 * not published, and when there was no request. The caller frees the release in any case. */
int release_read(const struct store_conn *c, const struct report_options *options, int64_t today, struct release *release,
                 struct cs_error *err);

/* What is kept and shown: rounded numbers of cells that are not hidden. NULL without memory; the caller frees it. */
char *release_json(const struct release *release, const struct report_options *options, int64_t today);

#endif
