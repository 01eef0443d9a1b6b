/*
 * The sections of plugin instances; see settings_blocks.h.
 */
#include "plugin/settings_blocks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 63, PARALLEL_DEFAULT = 4, PARALLEL_MOST = 256 };

static const enum role roles[] = { ROLE_CA, ROLE_DNS, ROLE_STORE, ROLE_AUDIT };

const char *settings_ledger_name(enum ledger_kind ledger)
{
    return ledger == LEDGER_VISITS ? "visits" : "issuance";
}

/* Names become folders and stand in the log. */
static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return false;
    return *name && strlen(name) <= NAME_MOST;
}

static void read_ledger(struct config *config, struct block_settings *block)
{
    const char *word = settings_ledger_name(LEDGER_ISSUANCE);

    config_string(config, block->at, "ledger", &word);
    if (strcmp(word, settings_ledger_name(LEDGER_VISITS)) == 0)
        block->ledger = LEDGER_VISITS;
    else if (strcmp(word, settings_ledger_name(LEDGER_ISSUANCE)) != 0)
        config_complain(config, config_find(config, block->at, "ledger"),
                        "`ledger` of %s.%s must be \"issuance\" or \"visits\", not \"%s\"", role_name(block->role), block->name,
                        word);
}

static void read_words(struct config *config, struct block_settings *block)
{
    config_strings(config, block->at, "listen", &block->listen, &block->n_listen);
    config_int(config, block->at, "max_parallel", 1, PARALLEL_MOST, &block->max_parallel);
    if (block->role == ROLE_CA)
        config_bool(config, block->at, "cn_only", &block->cn_only);
    if (block->role == ROLE_AUDIT)
        read_ledger(config, block);
    if (config_string(config, block->at, "plugin", &block->plugin) == CONFIG_MISSING || (block->plugin && !*block->plugin))
        config_complain(config, block->at, "%s.%s names no plugin: write plugin = \"…\"", role_name(block->role), block->name);
}

static void read_block(struct config *config, struct settings *out, enum role role, const struct config_node *section,
                       const struct config_node *at)
{
    struct block_settings *block = &out->blocks[out->n_blocks];

    *block = (struct block_settings){ .role = role, .name = config_name(at), .max_parallel = PARALLEL_DEFAULT, .at = at };
    config_find(config, section, block->name);
    if (!is_name(block->name))
        config_complain(config, at, "a name of at most %d letters, digits, `-` and `_` is needed, not `%s`", NAME_MOST,
                        block->name);
    if (config_is_group(at))
        read_words(config, block);
    else if (!config_text(at))
        config_complain(config, at, "`%s` must be a block { plugin = \"…\"; … } or a string that names another block, such as "
                        "\"store.main\"", block->name);
    out->n_blocks++;
}

static void read_section(struct config *config, struct settings *out, enum role role)
{
    const struct config_node *section = config_group(config, config_root(config), role_name(role)), *at;
    struct block_settings *grown;
    size_t n = 0;

    if (!section)
        return;
    while (config_at(section, n))
        n++;
    grown = reallocarray(out->blocks, out->n_blocks + n + 1, sizeof *grown);
    if (!grown) {
        config_complain(config, section, "no memory");
        return;
    }
    out->blocks = grown;
    for (size_t i = 0; (at = config_at(section, i)) != NULL; i++)
        read_block(config, out, role, section, at);
    if (role == ROLE_STORE && n > 1)
        config_complain(config, section, "there can be one store only, and here are %zu", n);
}

/* "store.main" -> that block. */
static const struct block_settings *block_named(const struct settings *settings, const char *text)
{
    const char *dot = strchr(text, '.');

    for (size_t i = 0; dot && i < sizeof roles / sizeof *roles; i++)
        if (strncmp(role_name(roles[i]), text, (size_t)(dot - text)) == 0 && !role_name(roles[i])[dot - text])
            return settings_block(settings, roles[i], dot + 1);
    return NULL;
}

static void join(struct config *config, const struct settings *settings, struct block_settings *block)
{
    const char *text = config_text(block->at);
    const struct block_settings *same = text ? block_named(settings, text) : NULL;

    if (!text)
        return;
    if (!same || config_text(same->at) || same->role == block->role) {
        config_complain(config, block->at,
                        "%s.%s = \"%s\" names no block { … } of another section; such a string is \"SECTION.NAME\"",
                        role_name(block->role), block->name, text);
        return;
    }
    block->same = same;
    block->plugin = same->plugin;
    block->max_parallel = same->max_parallel;
}

void settings_blocks_read(struct config *config, struct settings *out)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        read_section(config, out, roles[i]);
    for (size_t i = 0; i < out->n_blocks; i++)
        join(config, out, &out->blocks[i]);
}

void settings_blocks_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->n_blocks; i++)
        free(settings->blocks[i].listen);
    free(settings->blocks);
}
