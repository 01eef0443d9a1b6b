/*
 * The life of plugin instances, a step of the start order each; see instance.h. Calls into them: instance_calls.c.
 */
#include "plugin/instance.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "plugin/instance_calls.h"

enum { DNS_PORT = 53 };

/* The store first, as all others may ask for what they kept; the CA last, as it needs all of them. */
static const enum role start_order[] = { ROLE_STORE, ROLE_AUDIT, ROLE_DNS, ROLE_CA };
enum { ROLES = sizeof start_order / sizeof *start_order };

struct instances {
    const struct settings *settings;
    struct config *config;
    struct instance **of_block; /* one for each block of the settings; two blocks may share one */
};

static size_t count(const struct instances *all)
{
    return all->settings->n_blocks;
}

/* Is it this block that brought the instance to life, or one that only refers to it? */
static bool owns(const struct instances *all, size_t block)
{
    return !all->settings->blocks[block].same;
}

static struct instance *instance_new(struct loop *loop, struct http_client *http, const struct settings *settings,
                                     const struct block_settings *block)
{
    struct instance *instance = calloc(1, sizeof *instance);
    struct text who = TEXT_MAX(256);

    if (!instance)
        return NULL;
    text_addf(&who, "%s.%s", role_name(block->role), block->name);
    instance->block = *block;
    instance->in = (struct cs_instance){ .name = block->name, .role = role_name(block->role), .who = text_take(&who),
                                         .loop = loop, .http = http, .state_root = settings->state };
    if (instance->in.who)
        return instance;
    free(instance);
    return NULL;
}

struct instances *instances_new(struct loop *loop, struct http_client *http, const struct settings *settings,
                                struct config *config, struct cs_error *err)
{
    struct instances *all = calloc(1, sizeof *all);
    bool complete = all != NULL;

    if (all) {
        *all = (struct instances){ .settings = settings, .config = config };
        all->of_block = calloc(settings->n_blocks + 1, sizeof(struct instance *));
        complete = all->of_block != NULL;
    }
    for (size_t i = 0; complete && i < count(all); i++)
        if (owns(all, i)) {
            all->of_block[i] = instance_new(loop, http, settings, &settings->blocks[i]);
            complete = all->of_block[i] != NULL;
        }
    if (!complete) {
        instances_free(all);
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < count(all); i++)
        if (!owns(all, i))
            all->of_block[i] = all->of_block[settings->blocks[i].same - settings->blocks];
    return all;
}

/* ---- Starting ---- */

static int bind_one(struct instance *instance, struct cs_error *err)
{
    const struct block_settings *block = &instance->block;
    bool dns = block->role == ROLE_DNS;

    if (!block->n_listen)
        return 0;
    instance->in.listens = listens_new();
    if (!instance->in.listens)
        return cs_fail(err, CS_EBUSY, "no memory");
    for (size_t i = 0; i < block->n_listen; i++)
        if (listens_add(instance->in.listens, block->listen[i], dns ? DNS_PORT : 0, dns, true, err) < 0)
            return cs_fail_in(err, "%s", instance->in.who);
    return 0;
}

int instances_bind(struct instances *all, struct cs_error *err)
{
    for (size_t i = 0; i < count(all); i++)
        if (owns(all, i) && bind_one(all->of_block[i], err) < 0)
            return -1;
    return 0;
}

static int make_workers(struct instance *instance, struct cs_error *err)
{
    const struct cs_plugin *about = &instance->plugin.about;
    const size_t most = (size_t)instance->block.max_parallel;

    if (about->ca && about->ca->blocking && !(instance->ca_workers = workers_new(instance->in.who, most, err)))
        return -1;
    if (about->dns && about->dns->blocking && !(instance->dns_workers = workers_new(instance->in.who, most, err)))
        return -1;
    return 0;
}

static int load_one(struct instances *all, struct instance *instance, uid_t user, uid_t starter)
{
    const struct block_settings *block = &instance->block;
    struct plugin *plugin = &instance->plugin;
    struct cs_error err = { 0 };

    if (!block->plugin)
        return -1; /* settings_blocks.c complained */
    if (plugin_load(plugin, all->settings->plugin_dir, block->plugin, user, starter, &err) < 0 ||
        plugin_plays(plugin, block->role, &err) < 0 || make_workers(instance, &err) < 0)
        return config_complain(all->config, block->at, "%s: %s", instance->in.who, err.text);
    instance->options = options_fill(all->config, block, plugin->about.settings, plugin->about.option_size,
                                     plugin->about.settings_size);
    return instance->options ? 0 : -1;
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
        if (owns(all, i) && load_one(all, all->of_block[i], user, starter) < 0)
            rc = -1;
    for (size_t i = 0; i < count(all); i++)
        if (!owns(all, i) && load_reference(all, i) < 0)
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
        if (owns(all, i) && check_one(all->config, all->of_block[i]) < 0)
            rc = -1;
    return rc;
}

int instance_open(struct instance *instance, struct cs_error *err)
{
    if (instance->opened)
        return 0;
    assert(instance->options);
    if (instance->plugin.about.open(&instance->in, options_struct(instance->options), &instance->self, err) < 0)
        return cs_fail_in(err, "%s", instance->in.who);
    instance->opened = true;
    return 0;
}

int instances_open(struct instances *all, enum role role, struct cs_error *err)
{
    for (size_t i = 0; i < count(all); i++)
        if (all->settings->blocks[i].role == role && instance_open(all->of_block[i], err) < 0)
            return -1;
    return 0;
}

static int start_one(struct instance *instance, struct cs_error *err)
{
    if (!instance->opened || instance->started)
        return 0;
    if (instance->plugin.about.start && instance->plugin.about.start(instance->self, err) < 0)
        return cs_fail_in(err, "%s", instance->in.who);
    instance->started = true;
    return 0;
}

int instances_start(struct instances *all, struct cs_error *err)
{
    for (size_t r = 0; r < ROLES; r++)
        for (size_t i = 0; i < count(all); i++)
            if (all->settings->blocks[i].role == start_order[r] && start_one(all->of_block[i], err) < 0)
                return -1;
    return 0;
}

static void catch_up(const struct instance *instance)
{
    if (instance->started && instance->plugin.about.dns && instance->plugin.dns.caught_up)
        instance->plugin.dns.caught_up(instance->self);
}

void instances_caught_up(const struct instances *all)
{
    for (size_t i = 0; i < count(all); i++)
        if (owns(all, i) && all->of_block[i])
            catch_up(all->of_block[i]);
}

/* ---- Stopping ---- */

static void stop_one(struct instance *instance)
{
    if (instance->started && !instance->stopped && instance->plugin.about.stop)
        instance->plugin.about.stop(instance->self);
    instance->stopped = true;
}

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
                stop_one(all->of_block[i]);
    for (size_t i = 0; i < count(all); i++)
        if (owns(all, i)) {
            all->of_block[i]->closing = true;
            instance_cancel_calls(all->of_block[i]);
        }
}

size_t instances_calls(const struct instances *all)
{
    size_t calls = 0;

    for (size_t i = 0; i < count(all); i++)
        if (owns(all, i))
            calls += all->of_block[i]->calls;
    return calls;
}

/* A blocking plugin may still be in its function when the op is finished: its threads end first. One that did not finish its
 * calls in time cannot be closed under them: it stays as it is until the process ends. */
static void end(struct instance *instance)
{
    if (instance->calls) {
        log_line(CS_LOG_WARN, instance->in.who, "", "not closed, as the plugin has not finished its calls calls=%zu",
                 instance->calls);
        return;
    }
    workers_free(instance->ca_workers);
    workers_free(instance->dns_workers);
    instance->ca_workers = instance->dns_workers = NULL;
    stop_one(instance);
    if (instance->opened)
        instance->plugin.about.close(instance->self);
    instance->opened = false;
}

int instance_reopen(struct instance *instance, struct cs_error *err)
{
    assert(!instance->calls);
    end(instance);
    instance->started = instance->stopped = false;
    if (make_workers(instance, err) < 0 || instance_open(instance, err) < 0)
        return -1;
    if (start_one(instance, err) < 0)
        return -1;
    catch_up(instance);
    return 0;
}

static void instance_free(struct instance *instance)
{
    if (!instance || instance->calls)
        return;
    options_free(instance->options);
    plugin_release(&instance->plugin);
    listens_free(instance->in.listens);
    free(instance->in.state_dir);
    free((void *)(uintptr_t)instance->in.who);
    free(instance);
}

void instances_free(struct instances *all)
{
    if (!all)
        return;
    for (size_t r = ROLES; r-- > 0 && all->of_block;)
        for (size_t i = count(all); i-- > 0;)
            if (all->settings->blocks[i].role == start_order[r] && owns(all, i) && all->of_block[i])
                end(all->of_block[i]);
    for (size_t i = 0; all->of_block && i < count(all); i++)
        if (owns(all, i))
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
