/*
 * The block `visits` of countersign.conf. Called by settings.c.
 */
#ifndef PLUGIN_SETTINGS_VISITS_H
#define PLUGIN_SETTINGS_VISITS_H

#include "plugin/settings.h"

/* Fills *out, with the defaults where nothing is said. Complaints go to the config. */
void settings_visits_read(struct config *config, struct visits_settings *out);

#endif
