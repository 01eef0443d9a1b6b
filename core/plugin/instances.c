/*
 * The instances that the configuration names, a step of the start order each; see instance.h. What each step does with one of
 * them: instance.c.
 */
#include "plugin/instance_parts.h"

#include <stdlib.h>

#include "engine/own_key.h"
#include "plugin/instance_calls.h"

/* The store first, as all others may ask for what they kept; the CA last, as it needs all of them. */
static const enum role start_order[] = { ROLE_STORE, ROLE_AUDIT, ROLE_DNS, ROLE_CA };
enum { ROLES = sizeof start_order / sizeof *start_order };

static size_t count(const struct instances *all)
{
    return all->settings->n_blocks;
}

bool instances_own(const struct instances *all, size_t block)
{
    return !all->settings->blocks[block].same;
}

struct instances *instances_new(struct loop *loop, struct http_client *http, const struct settings *settings,
                                struct config *config, struct cs_error *err)
{
    struct instances *all = calloc(1, sizeof *all);
    bool complete = all != NULL;

    if (all) {
        *all = (struct instances){ .loop = loop, .settings = settings, .config = config };
        all->of_block = calloc(settings->n_blocks + 1, sizeof(struct instance *));
        complete = all->of_block != NULL;
    }
    for (size_t i = 0; complete && i < count(all); i++)
        if (instances_own(all, i)) {
            all->of_block[i] = instance_new(loop, http, settings->state, &settings->blocks[i]);
            complete = all->of_block[i] != NULL;
        }
    if (!complete) {
        instances_free(all);
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < count(all); i++)
        if (!instances_own(all, i))
            all->of_block[i] = all->of_block[settings->blocks[i].same - settings->blocks];
    return all;
}

/* ---- Starting ---- */

int instances_bind(struct instances *all, struct cs_error *err)
{
    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i) && instance_bind(all->of_block[i], NULL, err) < 0)
            return -1;
    return 0;
}

/* A second role of an instance that is loaded already. */
static int load_reference(struct instances *all, size_t i)
{
    const struct block_settings *block = &all->settings->blocks[i];
    struct cs_error err = { 0 };

    if (!all->of_block[i]->plugin.path || plugin_plays(&all->of_block[i]->plugin, block->role, &err) == 0)
        return 0;
    return config_complain(all->config, block->at, "%s.%s: %s", role_name(block->role), block->name, err.text);
}

int instances_load(struct instances *all, uid_t user, uid_t starter, struct cs_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i) &&
            instance_load(all->of_block[i], all->config, all->settings->plugin_dir, user, starter) < 0)
            rc = -1;
    for (size_t i = 0; i < count(all); i++)
        if (!instances_own(all, i) && load_reference(all, i) < 0)
            rc = -1;
    return rc < 0 ? cs_fail(err, CS_ECONFIG, "the plugins cannot be used as configured: see the complaints") : 0;
}

static int check_one(struct config *config, const struct instance *instance)
{
    const struct block_settings *block = &instance->block;
    const struct cs_strings listen = { (const char *const *)block->listen, block->n_listen };
    struct cs_error err = { 0 };

    if (!instance->options || !instance->plugin.about.check ||
        instance->plugin.about.check(options_struct(instance->options), &listen, &err) == 0)
        return 0;
    return config_complain(config, block->at, "%s: %s", instance->in.who, err.text);
}

int instances_check(const struct instances *all)
{
    int rc = 0;

    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i) && check_one(all->config, all->of_block[i]) < 0)
            rc = -1;
    return rc;
}

int instances_open(struct instances *all, enum role role, struct cs_error *err)
{
    for (size_t i = 0; i < count(all); i++)
        if (all->settings->blocks[i].role == role && instance_open(all->of_block[i], err) < 0)
            return -1;
    return 0;
}

int instances_start(struct instances *all, struct cs_error *err)
{
    for (size_t r = 0; r < ROLES; r++)
        for (size_t i = 0; i < count(all); i++)
            if (all->settings->blocks[i].role == start_order[r] && instance_start(all->of_block[i], err) < 0)
                return -1;
    return 0;
}

void instances_caught_up(const struct instances *all)
{
    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i) && all->of_block[i])
            instance_catch_up(all->of_block[i]);
}

/* ---- Stopping ---- */

/* Records are written and events delivered until the very end. */
static bool is_needed_to_the_end(const struct instances *all, const struct instance *instance)
{
    for (size_t i = 0; i < count(all); i++)
        if (all->of_block[i] == instance &&
            (all->settings->blocks[i].role == ROLE_STORE || all->settings->blocks[i].role == ROLE_AUDIT))
            return true;
    return false;
}

void instances_stop(struct instances *all)
{
    for (size_t r = ROLES; r-- > 0;)
        for (size_t i = count(all); i-- > 0;)
            if (all->settings->blocks[i].role == start_order[r] && !is_needed_to_the_end(all, all->of_block[i]))
                instance_stop(all->of_block[i]);
    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i)) {
            all->of_block[i]->closing = true;
            instance_cancel_calls(all->of_block[i]);
        }
    for (struct instance *instance = all->leaving; instance; instance = instance->next) {
        instance_stop(instance);
        instance->closing = true;
        instance_cancel_calls(instance);
    }
}

size_t instances_calls(const struct instances *all)
{
    size_t calls = 0;

    for (size_t i = 0; i < count(all); i++)
        if (instances_own(all, i))
            calls += all->of_block[i]->calls;
    for (const struct instance *instance = all->leaving; instance; instance = instance->next)
        calls += instance->calls;
    return calls;
}

bool instances_hold_key(const struct instances *all, const uint8_t spki_sha256[OWN_KEY_HASH])
{
    for (size_t i = 0; i < count(all); i++)
        if (own_key_is_of(&all->of_block[i]->in, spki_sha256))
            return true;
    for (const struct instance *instance = all->leaving; instance; instance = instance->next)
        if (own_key_is_of(&instance->in, spki_sha256))
            return true;
    return false;
}

void instances_free(struct instances *all)
{
    if (!all)
        return;
    instances_free_leaving(all);
    for (size_t r = ROLES; r-- > 0 && all->of_block;)
        for (size_t i = count(all); i-- > 0;)
            if (all->settings->blocks[i].role == start_order[r] && instances_own(all, i) && all->of_block[i])
                instance_end(all->of_block[i]);
    for (size_t i = 0; all->of_block && i < count(all); i++)
        if (instances_own(all, i))
            instance_free(all->of_block[i]);
    free(all->of_block);
    free(all);
}

/* ---- Finding ---- */

struct instance *instances_find(struct instances *all, enum role role, const char *name)
{
    const struct block_settings *block = settings_block(all->settings, role, name);

    return block ? all->of_block[block - all->settings->blocks] : NULL;
}

struct instance *instances_at(struct instances *all, enum role role, size_t index)
{
    for (size_t i = 0; i < count(all); i++)
        if (all->settings->blocks[i].role == role && index-- == 0)
            return all->of_block[i];
    return NULL;
}
