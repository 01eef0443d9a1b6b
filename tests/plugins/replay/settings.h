/* Fills a plugin's settings struct from its table and NAME = VALUE pairs, as the core does from the file. Used by replay.c. */
#ifndef REPLAY_SETTINGS_H
#define REPLAY_SETTINGS_H

#include <countersign/plugin.h>

/* Takes a value for later; the name is checked when the struct is filled. A name given twice makes a list. */
void settings_set(const char *name, const char *value);
void settings_clear(void);
/* The struct, until settings_clear(). NULL: a name is unknown or a mandatory one is missing; *what says which. */
void *settings_fill(const struct cs_option *table, size_t size, const char **what);

#endif
