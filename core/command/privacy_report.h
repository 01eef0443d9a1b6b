/*
 * `countersign privacy report`: what is stored, for how long, and how the day's key stands. Used by privacy.c.
 */
#ifndef COMMAND_PRIVACY_REPORT_H
#define COMMAND_PRIVACY_REPORT_H

#include "command/privacy.h"

/* One JSON object of all that there is to say. `status`: the server's (http/privacy.h), or NULL; `days`: privacy_days();
 * `aside`: privacy_aside(); NULL: could not be read. NULL without memory. */
json_t *privacy_report_make(const struct settings *settings, const json_t *status, const json_t *days, const json_t *aside);

/* The same for people. */
void privacy_report_print(const json_t *report, FILE *to);

#endif
