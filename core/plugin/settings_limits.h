/*
 * The block `limits` of countersign.conf (docs/limits.md). Called by settings.c.
 */
#ifndef PLUGIN_SETTINGS_LIMITS_H
#define PLUGIN_SETTINGS_LIMITS_H

#include "plugin/settings.h"

/* Fills *out, with the defaults where nothing is said. Complaints go to the config. */
void settings_limits_read(struct config *config, int64_t max_in_flight, struct limits_settings *out);
void settings_limits_free(struct limits_settings *limits);

#endif
