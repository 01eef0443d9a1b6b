/*
 * The life of one plugin instance, a step of the start order each; see instance_parts.h. The set of them: instances.c. Calls
 * into them: instance_calls.c.
 */
#include "plugin/instance_parts.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "plugin/instance_calls.h"

enum { DNS_PORT = 53 };

/* Names are kept for ever, once each: threads of the store, jobs and figures may still use that of an instance which is gone.
 * There are as many as the operator ever wrote. */
struct kept_name {
    struct kept_name *next;
    char text[];
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept_name *names;

/* NULL: no memory. */
static const char *keep_name(const char *text)
{
    const size_t len = strlen(text);
    struct kept_name *name;

    pthread_mutex_lock(&names_lock);
    for (name = names; name && strcmp(name->text, text) != 0;)
        name = name->next;
    if (!name && (name = malloc(sizeof *name + len + 1))) {
        memcpy(name->text, text, len + 1);
        name->next = names;
        names = name;
    }
    pthread_mutex_unlock(&names_lock);
    return name ? name->text : NULL;
}

static const char *who_of(const struct block_settings *block)
{
    struct text text = TEXT_MAX(256);
    const char *who;

    text_addf(&text, "%s.%s", role_name(block->role), block->name);
    who = text_failed(&text) ? NULL : keep_name(text_of(&text));
    text_free(&text);
    return who;
}

/* It outlives the configuration: it may go on beside the next one. */
struct instance *instance_new(struct loop *loop, struct http_client *http, const char *state_root,
                              const struct block_settings *block)
{
    const char *name = keep_name(block->name), *who = who_of(block);
    char *root = text_copy(state_root ? state_root : "");
    struct instance *instance = name && who && root ? calloc(1, sizeof *instance) : NULL;

    if (!instance) {
        free(root);
        return NULL;
    }
    instance->block = *block;
    instance->in = (struct cs_instance){
        .name = name, .role = role_name(block->role), .who = who, .loop = loop, .http = http, .state_root = root
    };
    return instance;
}

/* ---- Starting ---- */

/* Which entry of its `listen` says the same? -1: none. */
static int entry_of(const struct instance *instance, const char *text)
{
    for (size_t i = 0; instance && instance->in.listens && i < instance->block.n_listen; i++)
        if (strcmp(instance->block.listen[i], text) == 0)
            return (int)i;
    return -1;
}

int instance_bind(struct instance *instance, const struct instance *before, struct cs_error *err)
{
    const struct block_settings *block = &instance->block;
    const bool dns = block->role == ROLE_DNS;

    if (!block->n_listen)
        return 0;
    instance->in.listens = listens_new();
    if (!instance->in.listens)
        return cs_fail(err, CS_EBUSY, "no memory");
    for (size_t i = 0; i < block->n_listen; i++) {
        const int there = entry_of(before, block->listen[i]);

        if ((there >= 0 ? listens_share(instance->in.listens, before->in.listens, (size_t)there, err)
                        : listens_add(instance->in.listens, block->listen[i], dns ? DNS_PORT : 0, dns, true, err)) < 0)
            return cs_fail_in(err, "%s", instance->in.who);
    }
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

int instance_load(struct instance *instance, struct config *config, const char *plugin_dir, uid_t user, uid_t starter)
{
    const struct block_settings *block = &instance->block;
    struct plugin *plugin = &instance->plugin;
    struct cs_error err = { 0 };

    if (!block->plugin)
        return -1; /* settings_blocks.c complained */
    if (plugin_load(plugin, plugin_dir, block->plugin, user, starter, &err) < 0 ||
        plugin_plays(plugin, block->role, &err) < 0 || make_workers(instance, &err) < 0)
        return config_complain(config, block->at, "%s: %s", instance->in.who, err.text);
    instance->options =
        options_fill(config, block, plugin->about.settings, plugin->about.option_size, plugin->about.settings_size);
    return instance->options ? 0 : -1;
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

int instance_start(struct instance *instance, struct cs_error *err)
{
    if (!instance->opened || instance->started)
        return 0;
    if (instance->plugin.about.start && instance->plugin.about.start(instance->self, err) < 0)
        return cs_fail_in(err, "%s", instance->in.who);
    instance->started = true;
    return 0;
}

void instance_catch_up(const struct instance *instance)
{
    if (instance->started && instance->plugin.about.dns && instance->plugin.dns.caught_up)
        instance->plugin.dns.caught_up(instance->self);
}

/* ---- Stopping ---- */

void instance_stop(struct instance *instance)
{
    if (instance->started && !instance->stopped && instance->plugin.about.stop)
        instance->plugin.about.stop(instance->self);
    instance->stopped = true;
}

bool instance_is_quiet(const struct instance *instance)
{
    return !instance->calls && !instance->appends && !instance->in.pending && !workers_are_busy(instance->ca_workers) &&
           !workers_are_busy(instance->dns_workers);
}

/* A blocking plugin may still be in its function when the op is finished: its threads end first. One that did not finish its
 * calls in time cannot be closed under them: it stays as it is until the process ends. */
void instance_end(struct instance *instance)
{
    if (instance->calls) {
        log_line(CS_LOG_WARN, instance->in.who, "", "not closed, as the plugin has not finished its calls calls=%zu",
                 instance->calls);
        return;
    }
    workers_free(instance->ca_workers);
    workers_free(instance->dns_workers);
    instance->ca_workers = instance->dns_workers = NULL;
    instance_stop(instance);
    if (instance->opened)
        instance->plugin.about.close(instance->self);
    instance->opened = false;
    instance->in.n_own_keys = 0;
}

int instance_reopen(struct instance *instance, struct cs_error *err)
{
    assert(!instance->calls);
    instance_end(instance);
    instance->started = instance->stopped = false;
    if (make_workers(instance, err) < 0 || instance_open(instance, err) < 0)
        return -1;
    if (instance_start(instance, err) < 0)
        return -1;
    instance_catch_up(instance);
    return 0;
}

void instance_free(struct instance *instance)
{
    if (!instance || instance->calls)
        return;
    options_free(instance->options);
    plugin_release(&instance->plugin);
    workers_free(instance->ca_workers);
    workers_free(instance->dns_workers);
    listens_free(instance->in.listens);
    free(instance->in.state_dir);
    free((void *)(uintptr_t)instance->in.state_root);
    free(instance);
}
