/*
 * countersign.conf as a tree of typed values, with complaints collected; see config.h. A struct config_node is libconfig's
 * config_setting_t, which nobody else sees. Its `hook` marks the keys that were used.
 */
#include "plugin/config.h"

#include <inttypes.h>
#include <libconfig.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/config_scan.h"
#include "plugin/credential.h"

enum { COMPLAINTS_MOST = 256 << 10 };

struct config {
    config_t tree;
    char *path, *folder;
    struct text complaints;
    size_t count;
};

static config_setting_t *setting_of(const struct config_node *node)
{
    return (config_setting_t *)(uintptr_t)node;
}

static const struct config_node *node_of(const config_setting_t *setting)
{
    return (const struct config_node *)setting;
}

/* ---- Reading and complaining ---- */

static void on_bad_number(void *arg, const char *file, unsigned line, const char *number, const char *fix)
{
    struct config *config = arg;

    text_addf(&config->complaints, "%s:%u: %s is too large a number here: %s\n", file, line, number, fix);
    config->count++;
}

/* The folder of the file: that is where relative names in it start from. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return text_copy(".");
    return text_copy_n(path, slash == path ? 1 : (size_t)(slash - path));
}

/* "credential:NAME", with or without "@", becomes the file that the service manager put there: all others read a path. */
static bool name_credentials(config_setting_t *setting)
{
    const char *text = config_setting_type(setting) == CONFIG_TYPE_STRING ? config_setting_get_string(setting) : NULL;
    char *path = text ? credential_path(text) : NULL;
    bool done = !text || !credential_is(text) || (path && config_setting_set_string(setting, path));

    free(path);
    if (!text && config_setting_is_aggregate(setting))
        for (int i = 0; done && i < config_setting_length(setting); i++)
            done = name_credentials(config_setting_get_elem(setting, (unsigned)i));
    return done;
}

static int parse(struct config *config, struct cs_error *err)
{
    if (config_scan(config->path, config->folder, on_bad_number, config, err) < 0)
        return -1;
    config_set_include_dir(&config->tree, config->folder);
    if (config_read_file(&config->tree, config->path))
        return name_credentials(config_root_setting(&config->tree)) ? 0 : cs_fail(err, CS_EBUSY, "no memory");
    return cs_fail(err, CS_ECONFIG, "%s:%d: %s",
                   config_error_file(&config->tree) ? config_error_file(&config->tree) : config->path,
                   config_error_line(&config->tree), config_error_text(&config->tree));
}

struct config *config_load(const char *path, struct cs_error *err)
{
    struct config *config = calloc(1, sizeof *config);

    if (!config) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    config_init(&config->tree);
    config->complaints = TEXT_MAX(COMPLAINTS_MOST);
    config->path = text_copy(path);
    config->folder = folder_of(path);
    if (!config->path || !config->folder)
        cs_fail(err, CS_EBUSY, "no memory");
    else if (parse(config, err) == 0)
        return config;
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    config_destroy(&config->tree);
    text_free(&config->complaints);
    free(config->path);
    free(config->folder);
    free(config);
}

const struct config_node *config_root(const struct config *config)
{
    return node_of(config_root_setting(&config->tree));
}

const char *config_complaints(const struct config *config)
{
    return text_of(&config->complaints);
}

size_t config_complaint_count(const struct config *config)
{
    return config->count;
}

void config_source(const struct config *config, const struct config_node *at, struct text *out)
{
    const char *file = at ? config_setting_source_file(setting_of(at)) : NULL;

    if (file && *file != '/' && strcmp(file, config->path) != 0)
        text_addf(out, "%s/", config->folder); /* libconfig knows an included file as it was written */
    text_add(out, file ? file : config->path);
}

int config_complain(struct config *config, const struct config_node *at, const char *format, ...)
{
    struct text line = TEXT_MAX(4096);
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    config_source(config, at, &line);
    if (at && config_setting_source_line(setting_of(at)))
        text_addf(&line, ":%u", (unsigned)config_setting_source_line(setting_of(at)));
    text_addf(&line, ": %s\n", text);
    text_add(&config->complaints, text_of(&line));
    text_free(&line);
    config->count++;
    return -1;
}

/* ---- Nodes ---- */

const struct config_node *config_find(struct config *config, const struct config_node *in, const char *key)
{
    config_setting_t *setting = config_setting_get_member(setting_of(in), key);

    if (setting)
        config_setting_set_hook(setting, config);
    return node_of(setting);
}

bool config_is_group(const struct config_node *node)
{
    return config_setting_is_group(setting_of(node));
}

bool config_is_list(const struct config_node *node)
{
    return config_setting_is_list(setting_of(node)) || config_setting_is_array(setting_of(node));
}

const char *config_name(const struct config_node *node)
{
    const char *name = config_setting_name(setting_of(node));

    return name ? name : "";
}

const char *config_text(const struct config_node *node)
{
    return config_setting_type(setting_of(node)) == CONFIG_TYPE_STRING ? config_setting_get_string(setting_of(node)) : NULL;
}

const struct config_node *config_at(const struct config_node *list, size_t index)
{
    if (!config_setting_is_aggregate(setting_of(list)) || index >= (size_t)config_setting_length(setting_of(list)))
        return NULL;
    return node_of(config_setting_get_elem(setting_of(list), (unsigned)index));
}

static const char *kind_of(const struct config_node *node)
{
    switch (config_setting_type(setting_of(node))) {
    case CONFIG_TYPE_GROUP:
        return "a group { … }";
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY:
        return "a list";
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    default: /* libconfig's types are macros */
        return "a number";
    }
}

static int complain_kind(struct config *config, const struct config_node *node, const char *wanted)
{
    return config_complain(config, node, "`%s` must be %s, not %s", config_name(node), wanted, kind_of(node));
}

const struct config_node *config_group(struct config *config, const struct config_node *in, const char *key)
{
    const struct config_node *node = config_find(config, in, key);

    if (!node || config_is_group(node))
        return node;
    complain_kind(config, node, "a group { … }");
    return NULL;
}

const struct config_node *config_list(struct config *config, const struct config_node *in, const char *key)
{
    const struct config_node *node = config_find(config, in, key);

    if (!node || config_is_list(node))
        return node;
    complain_kind(config, node, "a list ( … )");
    return NULL;
}

/* ---- Scalars ---- */

static bool is_whole(const struct config_node *node)
{
    int type = config_setting_type(setting_of(node));

    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static int64_t whole_of(const struct config_node *node)
{
    return config_setting_get_int64(setting_of(node));
}

int config_string(struct config *config, const struct config_node *in, const char *key, const char **out)
{
    const struct config_node *node = config_find(config, in, key);

    if (!node)
        return CONFIG_MISSING;
    if (!config_text(node))
        return complain_kind(config, node, "a string");
    *out = config_text(node);
    return CONFIG_FOUND;
}

int config_bool(struct config *config, const struct config_node *in, const char *key, bool *out)
{
    const struct config_node *node = config_find(config, in, key);

    if (!node)
        return CONFIG_MISSING;
    if (config_setting_type(setting_of(node)) != CONFIG_TYPE_BOOL)
        return complain_kind(config, node, "true or false");
    *out = config_setting_get_bool(setting_of(node));
    return CONFIG_FOUND;
}

static int complain_range(struct config *config, const struct config_node *node, const char *min, const char *max,
                          bool no_max, const char *value)
{
    if (no_max)
        return config_complain(config, node, "`%s` must be at least %s, not %s", config_name(node), min, value);
    return config_complain(config, node, "`%s` must be from %s to %s, not %s", config_name(node), min, max, value);
}

static int in_range(struct config *config, const struct config_node *node, int64_t min, int64_t max, int64_t value,
                    int64_t *out)
{
    char texts[3][32];
    int64_t values[] = { min, max, value };

    if (value >= min && value <= max) {
        *out = value;
        return CONFIG_FOUND;
    }
    for (size_t i = 0; i < 3; i++)
        snprintf(texts[i], sizeof texts[i], "%" PRId64, values[i]);
    return complain_range(config, node, texts[0], texts[1], max == INT64_MAX, texts[2]);
}

int config_int(struct config *config, const struct config_node *in, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const struct config_node *node = config_find(config, in, key);

    if (!node)
        return CONFIG_MISSING;
    if (!is_whole(node))
        return complain_kind(config, node, "a whole number");
    return in_range(config, node, min, max, whole_of(node), out);
}

/* Seconds as a number, or a string with its unit. -1: neither. */
static int duration_of(const struct config_node *node, int64_t *ms)
{
    double seconds;

    if (config_text(node))
        return duration_parse(config_text(node), ms);
    if (is_whole(node))
        return __builtin_mul_overflow(whole_of(node), 1000, ms) ? -1 : 0;
    if (config_setting_type(setting_of(node)) != CONFIG_TYPE_FLOAT)
        return -1;
    seconds = config_setting_get_float(setting_of(node));
    if (!isfinite(seconds) || fabs(seconds) > 1e12)
        return -1;
    *ms = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
    return 0;
}

int config_seconds(struct config *config, const struct config_node *in, const char *key, int64_t min_ms, int64_t max_ms,
                   int64_t *out_ms)
{
    const struct config_node *node = config_find(config, in, key);
    char min[32], max[32], text[32];
    int64_t ms;

    if (!node)
        return CONFIG_MISSING;
    if (duration_of(node, &ms) < 0)
        return config_complain(config, node,
                               "`%s` must be a number of seconds or a string such as \"250ms\", \"30s\", \"5m\", \"7d\"",
                               config_name(node));
    if (ms >= min_ms && ms <= max_ms) {
        *out_ms = ms;
        return CONFIG_FOUND;
    }
    duration_text(min, min_ms);
    duration_text(max, max_ms);
    duration_text(text, ms);
    return complain_range(config, node, min, max, max_ms == INT64_MAX, text);
}

int config_size(struct config *config, const struct config_node *in, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const struct config_node *node = config_find(config, in, key);
    int64_t bytes;

    if (!node)
        return CONFIG_MISSING;
    if (is_whole(node))
        return in_range(config, node, min, max, whole_of(node), out);
    if (!config_text(node) || size_parse(config_text(node), &bytes) < 0)
        return config_complain(config, node, "`%s` must be a number of bytes or a string such as \"64K\", \"1M\", \"2G\"",
                               config_name(node));
    return in_range(config, node, min, max, bytes, out);
}

int config_strings(struct config *config, const struct config_node *in, const char *key, const char ***out, size_t *n)
{
    const struct config_node *node = config_find(config, in, key);
    const char **all;
    size_t count;

    if (!node)
        return CONFIG_MISSING;
    if (!config_text(node) && !config_is_list(node))
        return complain_kind(config, node, "a string or a list of strings");
    count = config_text(node) ? 1 : (size_t)config_setting_length(setting_of(node));
    all = calloc(count + 1, sizeof *all);
    if (!all)
        return config_complain(config, node, "no memory");
    for (size_t i = 0; i < count; i++) {
        const struct config_node *entry = config_text(node) ? node : config_at(node, i);

        all[i] = config_text(entry);
        if (!all[i]) {
            free(all);
            return config_complain(config, entry, "entry %zu of `%s` must be a string, not %s", i + 1, config_name(node),
                                   kind_of(entry));
        }
    }
    *out = all;
    *n = count;
    return CONFIG_FOUND;
}
