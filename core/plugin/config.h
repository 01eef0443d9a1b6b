/*
 * countersign.conf, typed: libconfig behind checks of type and range, with file:line in every complaint and a mark on every
 * key that was used. Complaints are collected, so that `countersign check` prints them all. Used by settings.c and options.c.
 */
#ifndef PLUGIN_CONFIG_H
#define PLUGIN_CONFIG_H

#include "base/text.h"
#include "plugin/duration.h"
#include "plugin/size.h"

struct config;
struct config_node; /* a place in the file; valid as long as the config */

/* NULL and *err (file:line) when the file cannot be read or parsed. Not named config_read: libconfig exports that. */
struct config *config_load(const char *path, struct cs_error *err);
void config_free(struct config *config);
const struct config_node *config_root(const struct config *config);

/* Every problem of the file so far, one a line; "" when there is none. */
const char *config_complaints(const struct config *config);
size_t config_complaint_count(const struct config *config);
/* Add one, at a node's file:line (or the file when NULL). Always returns -1. */
int config_complain(struct config *config, const struct config_node *at, const char *format, ...) CS_PRINTF(3, 4);
/* The name of the file that a node stands in, or the first one's when NULL, as an operator would open it. */
void config_source(const struct config *config, const struct config_node *at, struct text *out);

/* Child nodes; asking marks the key as used. NULL: not there. A wrong kind is a complaint and NULL. */
const struct config_node *config_find(struct config *config, const struct config_node *in, const char *key); /* any kind */
const struct config_node *config_group(struct config *config, const struct config_node *in, const char *key);
const struct config_node *config_list(struct config *config, const struct config_node *in, const char *key);
/* Of a list or a group; NULL behind the last. */
const struct config_node *config_at(const struct config_node *list, size_t index);
const char *config_name(const struct config_node *node); /* "" for an element of a list */
bool config_is_group(const struct config_node *node);
bool config_is_list(const struct config_node *node);
const char *config_text(const struct config_node *node); /* of a string; NULL for any other kind */

enum { CONFIG_MISSING = 0, CONFIG_FOUND = 1, CONFIG_WRONG = -1 };
/* Scalars: CONFIG_WRONG has complained. Strings live as long as the config. */
int config_string(struct config *config, const struct config_node *in, const char *key, const char **out);
int config_int(struct config *config, const struct config_node *in, const char *key, int64_t min, int64_t max, int64_t *out);
int config_bool(struct config *config, const struct config_node *in, const char *key, bool *out);
int config_seconds(struct config *config, const struct config_node *in, const char *key, int64_t min_ms, int64_t max_ms,
                   int64_t *out_ms);
int config_size(struct config *config, const struct config_node *in, const char *key, int64_t min, int64_t max, int64_t *out);
/* One string, or a list or array of strings; *out is malloc'd (free the array, not the strings). */
int config_strings(struct config *config, const struct config_node *in, const char *key, const char ***out, size_t *n);
/* A value, "@FILE" (its content without the last newline) or "$ENV". *out is malloc'd. The complaint names the file, not the
 * secret. The file must not be readable by everybody, nor writable by anybody but its owner. */
int config_secret(struct config *config, const struct config_node *in, const char *key, char **out);

/* Complain about every key directly in `in` that nobody asked for, naming all of `known` and the nearest (n may be 0). */
void config_complain_unused(struct config *config, const struct config_node *in, const char *const *known, size_t n);

#endif
