/*
 * The sections ca, dns, store and audit: groups of named blocks, one for each plugin instance. Called by settings.c; options.c
 * asks for the words that are the core's in each block.
 */
#ifndef PLUGIN_SETTINGS_BLOCKS_H
#define PLUGIN_SETTINGS_BLOCKS_H

#include "plugin/settings.h"

/* Fills blocks and n_blocks. Complaints go to the config. */
void settings_blocks_read(struct config *config, struct settings *out);
void settings_blocks_free(struct settings *settings);

/* The keys of a block that are the core's, in a table that lives as long as the program. */
size_t settings_blocks_keys(enum role role, const char *const **keys);

#endif
