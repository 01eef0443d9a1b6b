/*
 * Is a plugin's table of settings sound? Called by `countersign plugin check`, which tells its author everything at once;
 * options_fill() refuses only what it cannot work with.
 */
#ifndef PLUGIN_OPTIONS_CHECK_H
#define PLUGIN_OPTIONS_CHECK_H

#include "plugin/loader.h"

/* Called once for each thing found; `fault` false: it may be meant so. `text` says what was seen and what to do. */
typedef void options_tell_fn(void *arg, bool fault, const char *text);

/* Types, names, places inside the struct, fallbacks, ranges, help. Returns how many settings there are. */
size_t options_check(const struct cs_plugin *about, options_tell_fn *tell, void *arg);

#endif
