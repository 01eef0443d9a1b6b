/*
 * From a plugin's table of settings and its block in the file to the plugin's settings struct. Used by instance.c, and by
 * `countersign plugin help`.
 */
#ifndef PLUGIN_OPTIONS_H
#define PLUGIN_OPTIONS_H

#include "plugin/settings.h"

struct options; /* owns the struct and everything it points to */

/* Complains (unknown key, missing key, wrong type, out of range: file:line and the known keys) and returns NULL on any fault.
 * `stride` is the plugin's option_size. `insecure` beside a URL setting is one of the core's words. */
struct options *options_fill(struct config *config, const struct block_settings *block, const struct cs_option *table,
                             size_t stride, size_t settings_size);
const void *options_struct(const struct options *options);
/* Do both hold the same, filled from the same table? */
bool options_are_equal(const struct options *a, const struct options *b);
void options_free(struct options *options); /* secrets are overwritten first; NULL is allowed */

/* Is `insecure` the core's word beside this table: has it a URL, and no `insecure` of its own? */
bool options_allow_insecure(const struct cs_option *table, size_t stride);

/* Entry number `i` of a table: what an older plugin's entries do not have is zero. False: the end. */
bool options_entry(const struct cs_option *table, size_t stride, size_t i, struct cs_option *out);
/* Of the field that a setting of that type fills; 0: there is no such type. */
size_t options_field_size(enum cs_option_type type);
/* A whole number in decimal; -1: it is none. */
int options_whole(const char *text, int64_t *out);

const char *options_type_name(enum cs_option_type type); /* "string", "seconds", … */

/* One line for each setting: name, type, default, help. */
void options_describe(const struct cs_option *table, size_t stride, struct text *out);

#endif
