/*
 * The sections ca, dns, store and audit: groups of named blocks, one for each plugin instance. Called by settings.c.
 */
#ifndef PLUGIN_SETTINGS_BLOCKS_H
#define PLUGIN_SETTINGS_BLOCKS_H

#include "plugin/settings.h"

/* Fills blocks and n_blocks. Complaints go to the config. */
void settings_blocks_read(struct config *config, struct settings *out);
void settings_blocks_free(struct settings *settings);

#endif
