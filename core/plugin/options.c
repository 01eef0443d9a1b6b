/*
 * Fills a plugin's settings struct from its table and its block; see options.h. Everything the struct points to is a copy, so
 * that it outlives the configuration.
 */
#include "plugin/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/http_client.h"
#include "plugin/settings_table.h"

enum { TABLE_MOST = 256 };

struct options {
    const struct cs_option *table; /* the plugin's, which is never unloaded */
    size_t stride, n;
    size_t size;
    unsigned char *at; /* the settings struct */
};

struct filling {
    struct config *config;
    const struct block_settings *block;
    struct options *options;
    bool insecure;
};

bool options_entry(const struct cs_option *table, size_t stride, size_t i, struct cs_option *out)
{
    *out = (struct cs_option){ 0 };
    if (!table)
        return false;
    memcpy(out, (const unsigned char *)table + i * stride, stride < sizeof *out ? stride : sizeof *out);
    return out->type != CS_OPTION_END;
}

/* ---- Is the table sound? ---- */

size_t options_field_size(enum cs_option_type type)
{
    switch (type) {
    case CS_OPTION_STRING:
    case CS_OPTION_SECRET:
    case CS_OPTION_URL:
        return sizeof(const char *);
    case CS_OPTION_INT:
    case CS_OPTION_SECONDS:
    case CS_OPTION_SIZE:
        return sizeof(int64_t);
    case CS_OPTION_BOOL:
        return sizeof(bool);
    case CS_OPTION_STRINGS:
        return sizeof(struct cs_strings);
    case CS_OPTION_END:
        break;
    }
    return 0;
}

static int count_table(struct filling *f)
{
    struct options *options = f->options;
    struct cs_option option;
    size_t n = 0;

    for (; n <= TABLE_MOST && options_entry(options->table, options->stride, n, &option); n++)
        if (!option.name || !options_field_size(option.type) || option.offset > options->size ||
            options_field_size(option.type) > options->size - option.offset ||
            option.offset % (option.type == CS_OPTION_BOOL ? 1 : _Alignof(int64_t)))
            return config_complain(f->config, f->block->at,
                                   "the settings table of plugin %s is broken at entry %zu: its author must mend it",
                                   f->block->plugin, n + 1);
    if (n > TABLE_MOST)
        return config_complain(f->config, f->block->at,
                               "the settings table of plugin %s has no CS_SETTINGS_END: its author must mend it",
                               f->block->plugin);
    options->n = n;
    return 0;
}

/* ---- Values of the file ---- */

static void *field(const struct filling *f, const struct cs_option *option)
{
    return f->options->at + option->offset;
}

static int64_t most(const struct cs_option *option)
{
    return option->min == 0 && option->max == 0 ? INT64_MAX : option->max;
}

static int set_string(struct filling *f, const struct cs_option *option, const char *text)
{
    char *copy = text_copy(text);

    if (!copy)
        return config_complain(f->config, f->block->at, "no memory");
    *(const char **)field(f, option) = copy;
    return CONFIG_FOUND;
}

static int set_strings(struct filling *f, const struct cs_option *option, const char *const *strings, size_t n)
{
    struct cs_strings *out = field(f, option);
    const char **copies = calloc(n + 1, sizeof *copies);

    if (!copies)
        return config_complain(f->config, f->block->at, "no memory");
    *out = (struct cs_strings){ .v = copies, .n = n };
    for (size_t i = 0; i < n; i++)
        if (!(copies[i] = text_copy(strings[i])))
            return config_complain(f->config, f->block->at, "no memory");
    return CONFIG_FOUND;
}

static int read_string(struct filling *f, const struct cs_option *option)
{
    const char *text;
    int rc = config_string(f->config, f->block->at, option->name, &text);

    return rc == CONFIG_FOUND ? set_string(f, option, text) : rc;
}

static int read_secret(struct filling *f, const struct cs_option *option)
{
    char *secret;
    int rc = config_secret(f->config, f->block->at, option->name, &secret);

    if (rc == CONFIG_FOUND)
        *(const char **)field(f, option) = secret;
    return rc;
}

static int read_url(struct filling *f, const struct cs_option *option)
{
    struct cs_error err = { 0 };
    const char *url;
    int rc = config_string(f->config, f->block->at, option->name, &url);

    if (rc != CONFIG_FOUND)
        return rc;
    if ((*url || !option->fallback || *option->fallback) && http_url_check(url, f->insecure, &err) < 0)
        return config_complain(f->config, config_find(f->config, f->block->at, option->name), "`%s`: %s", option->name,
                               err.text);
    return set_string(f, option, url);
}

static int read_strings(struct filling *f, const struct cs_option *option)
{
    const char **strings;
    size_t n;
    int rc = config_strings(f->config, f->block->at, option->name, &strings, &n);

    if (rc != CONFIG_FOUND)
        return rc;
    rc = set_strings(f, option, strings, n);
    free(strings);
    return rc;
}

static int read_value(struct filling *f, const struct cs_option *option)
{
    const struct config_node *at = f->block->at;
    void *out = field(f, option);

    switch (option->type) {
    case CS_OPTION_STRING:
        return read_string(f, option);
    case CS_OPTION_SECRET:
        return read_secret(f, option);
    case CS_OPTION_URL:
        return read_url(f, option);
    case CS_OPTION_STRINGS:
        return read_strings(f, option);
    case CS_OPTION_BOOL:
        return config_bool(f->config, at, option->name, out);
    case CS_OPTION_INT:
        return config_int(f->config, at, option->name, option->min, most(option), out);
    case CS_OPTION_SECONDS:
        return config_seconds(f->config, at, option->name, option->min, most(option), out);
    case CS_OPTION_SIZE:
        return config_size(f->config, at, option->name, option->min, most(option), out);
    case CS_OPTION_END:
        break;
    }
    return CONFIG_WRONG;
}

/* ---- Fallbacks ---- */

int options_whole(const char *text, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno || end == text || *end ? -1 : 0;
}

/* A fallback may lie outside the range: that is how a plugin sees that nothing was set. */
static int set_fallback(struct filling *f, const struct cs_option *option)
{
    const char *text = option->fallback;

    switch (option->type) {
    case CS_OPTION_STRING:
    case CS_OPTION_SECRET:
    case CS_OPTION_URL:
        return set_string(f, option, text);
    case CS_OPTION_STRINGS:
        return set_strings(f, option, &text, *text ? 1 : 0);
    case CS_OPTION_BOOL:
        *(bool *)field(f, option) = strcmp(text, "true") == 0;
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? CONFIG_FOUND : CONFIG_WRONG;
    case CS_OPTION_INT:
        return options_whole(text, field(f, option));
    case CS_OPTION_SECONDS:
        return duration_parse(text, field(f, option));
    case CS_OPTION_SIZE:
        return size_parse(text, field(f, option));
    case CS_OPTION_END:
        break;
    }
    return CONFIG_WRONG;
}

static void fill_one(struct filling *f, const struct cs_option *option)
{
    if (read_value(f, option) != CONFIG_MISSING)
        return;
    if (!option->fallback)
        config_complain(f->config, f->block->at, "%s.%s: `%s` is missing: %s", role_name(f->block->role), f->block->name,
                        option->name, option->help ? option->help : "the plugin needs it");
    else if (set_fallback(f, option) < 0)
        config_complain(f->config, f->block->at,
                        "the default \"%s\" of `%s` in plugin %s makes no sense: its author must mend it", option->fallback,
                        option->name, f->block->plugin);
}

/* ---- All of it ---- */

static bool has_url(const struct options *options)
{
    struct cs_option option;

    for (size_t i = 0; i < options->n; i++)
        if (options_entry(options->table, options->stride, i, &option) && option.type == CS_OPTION_URL)
            return true;
    return false;
}

static void complain_unknown(struct filling *f)
{
    const struct options *options = f->options;
    const char *known[SETTINGS_KEYS_MOST + TABLE_MOST + 1];
    size_t n = settings_keys(role_name(f->block->role), known);
    struct cs_option option;

    if (options_allow_insecure(options->table, options->stride))
        known[n++] = "insecure";
    for (size_t i = 0; i < options->n && options_entry(options->table, options->stride, i, &option); i++)
        known[n++] = option.name;
    config_complain_unused(f->config, f->block->at, known, n);
}

static void fill(struct filling *f)
{
    struct cs_option option;

    if (count_table(f) < 0)
        return;
    if (has_url(f->options))
        config_bool(f->config, f->block->at, "insecure", &f->insecure);
    for (size_t i = 0; i < f->options->n && options_entry(f->options->table, f->options->stride, i, &option); i++)
        fill_one(f, &option);
    complain_unknown(f);
}

struct options *options_fill(struct config *config, const struct block_settings *block, const struct cs_option *table,
                             size_t stride, size_t settings_size)
{
    struct options *options = calloc(1, sizeof *options);
    struct filling f = { .config = config, .block = block, .options = options };
    size_t before = config_complaint_count(config);

    if (options)
        *options = (struct options){
            .table = table, .stride = stride, .size = settings_size, .at = calloc(1, settings_size + 1)
        };
    if (!options || !options->at)
        config_complain(config, block->at, "no memory");
    else
        fill(&f);
    if (config_complaint_count(config) == before)
        return options;
    options_free(options);
    return NULL;
}

const void *options_struct(const struct options *options)
{
    return options->at;
}

static bool same_strings(const struct cs_strings *a, const struct cs_strings *b)
{
    size_t i = 0;

    while (i < a->n && i < b->n && strcmp(a->v[i], b->v[i]) == 0)
        i++;
    return i == a->n && i == b->n;
}

static bool same_value(const struct options *a, const struct options *b, const struct cs_option *option)
{
    const void *x = a->at + option->offset, *y = b->at + option->offset;

    if (option->type == CS_OPTION_STRINGS)
        return same_strings(x, y);
    if (option->type == CS_OPTION_STRING || option->type == CS_OPTION_URL || option->type == CS_OPTION_SECRET)
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    return memcmp(x, y, options_field_size(option->type)) == 0;
}

bool options_are_equal(const struct options *a, const struct options *b)
{
    struct cs_option option;
    size_t i = 0;

    if (a->table != b->table || a->n != b->n || a->size != b->size)
        return false;
    while (i < a->n && options_entry(a->table, a->stride, i, &option) && same_value(a, b, &option))
        i++;
    return i == a->n;
}

static void release(struct options *options, const struct cs_option *option)
{
    void *at = options->at + option->offset;
    struct cs_strings *strings = at;
    char *text;

    if (option->type == CS_OPTION_STRINGS) {
        for (size_t i = 0; i < strings->n; i++)
            free((void *)(uintptr_t)strings->v[i]);
        free((void *)(uintptr_t)strings->v);
    } else if (option->type == CS_OPTION_STRING || option->type == CS_OPTION_URL || option->type == CS_OPTION_SECRET) {
        text = *(char **)at;
        if (text && option->type == CS_OPTION_SECRET)
            explicit_bzero(text, strlen(text));
        free(text);
    }
}

void options_free(struct options *options)
{
    struct cs_option option;

    if (!options)
        return;
    for (size_t i = 0; i < options->n && options_entry(options->table, options->stride, i, &option); i++)
        release(options, &option);
    free(options->at);
    free(options);
}
