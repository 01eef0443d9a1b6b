/*
 * Descriptors are shared between clients and the server itself, so that clients cannot take those that orders need. Called by
 * serve.c at the start.
 */
#ifndef COMMAND_DESCRIPTORS_H
#define COMMAND_DESCRIPTORS_H

#include "plugin/settings.h"

#define DESCRIPTORS_TRANSFERS 256 /* that the HTTP client may have under way at a time */

/* How many clients may be connected at a time under a limit of `limit` open files: at most `max_connections` of the settings.
 * CS_ECONFIG when hardly any fits beside what the server itself needs; the error says which limit would do. */
int descriptors_share(const struct settings *settings, int64_t limit, int64_t *clients, struct cs_error *err);

/* The limit of this process; INT64_MAX: there is none. */
int64_t descriptors_limit(void);

#endif
