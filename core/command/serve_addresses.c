/*
 * Addresses that only a restart can change; see serve_addresses.h.
 */
#include "command/serve_addresses.h"

#include <string.h>

#include "command/listen_address.h"

/* ---- What the running server has itself ---- */

struct comparison {
    struct config *config;
    const struct settings *now;
    const struct listen_address *wanted;
};

/* serve_listeners.c hands its own sockets on by address, as they are, instance_bind() those of a block by what is written. */
static bool is_handed_on(const struct listen_address *wanted, const struct listen_address *held)
{
    if (!wanted->block || !held->block)
        return !wanted->block && !held->block && wanted->group == held->group &&
               listen_address_is_same(&wanted->at, &held->at);
    return wanted->block->role == held->block->role && strcmp(wanted->block->name, held->block->name) == 0 &&
           strcmp(wanted->text, held->text) == 0;
}

static int on_held(void *arg, const struct listen_address *held)
{
    const struct comparison *c = arg;
    const struct listen_address *wanted = c->wanted;
    char name[160], held_name[160];

    if (held->type != wanted->type || !listen_address_excludes(&held->at, &wanted->at) || is_handed_on(wanted, held))
        return 0;
    listen_address_name(name, &wanted->at, wanted->len, wanted->type);
    listen_address_name(held_name, &held->at, held->len, held->type);
    if (wanted->group != held->group)
        config_complain(c->config, wanted->node, "`group` of %s is another than the running server's: restart to change it",
                        name);
    else
        config_complain(c->config, wanted->node, "%s of %s: the running server itself has %s for %s: restart to change it",
                        name, wanted->setting, held_name, held->setting);
    return -1; /* one is enough */
}

static int on_wanted(void *arg, const struct listen_address *wanted)
{
    struct comparison *c = arg;

    c->wanted = wanted;
    (void)listen_address_each(c->now, on_held, c);
    return 0;
}

/* ---- What the service manager has ---- */

static int on_fresh(void *arg, const struct listen_address *fresh)
{
    const struct inherited *one = arg;

    return fresh->type == one->type && listen_address_is_same(&fresh->at, &one->at) ? -1 : 0;
}

static void check_inherited(struct config *config, const struct settings *fresh, const struct inherited *one)
{
    char name[160];

    if (listen_address_each(fresh, on_fresh, (void *)(uintptr_t)one) < 0)
        return;
    listen_address_name(name, &one->at, one->len, one->type);
    config_complain(config, config_find(config, config_root(config), "listen"),
                    "%s is no `listen` any more, but %s goes on taking connections there, and nobody would answer them: take "
                    "it out of the socket unit, `systemctl daemon-reload`, and restart both",
                    name, one->unit);
}

void serve_addresses_check(struct config *config, const struct settings *fresh, const struct settings *now,
                           const struct inherited_list *inherited)
{
    struct comparison c = { .config = config, .now = now };

    (void)listen_address_each(fresh, on_wanted, &c);
    for (size_t i = 0; i < inherited->n; i++)
        check_inherited(config, fresh, &inherited->v[i]);
}
