/*
 * The configuration's checks; see check_configuration.h.
 */
#include "command/check_configuration.h"

#include <unistd.h>

#include "request/blocked_keys.h"

/* ---- Addresses ---- */

static void check_address(struct config *config, const struct config_node *at, const char *text, uint16_t default_port)
{
    struct sockaddr_storage address;
    struct cs_error err = { 0 };
    socklen_t len;

    if (address_parse(text, default_port, &address, &len, &err) < 0)
        config_complain(config, at, "%s", err.text);
}

static void check_listener(struct config *config, const struct listen_settings *listen)
{
    if (listen->address)
        check_address(config, listen->at, listen->address, (uint16_t)listen->port);
}

static void check_addresses(struct config *config, const struct settings *settings)
{
    const struct config_node *resolvers = config_find(config, config_root(config), "resolvers");

    for (size_t i = 0; i < settings->n_listen; i++)
        check_listener(config, &settings->listen[i]);
    check_listener(config, &settings->admin);
    for (size_t i = 0; i < settings->n_resolvers; i++)
        check_address(config, resolvers, settings->resolvers[i], 53);
    for (size_t i = 0; i < settings->n_blocks; i++)
        for (size_t j = 0; j < settings->blocks[i].n_listen; j++)
            check_address(config, settings->blocks[i].at, settings->blocks[i].listen[j],
                          settings->blocks[i].role == ROLE_DNS ? 53 : 0);
}

void check_settings(const struct setup *setup)
{
    settings_check_complete(setup->config, &setup->settings);
    check_addresses(setup->config, &setup->settings);
}

/* ---- What only the server's user can tell ---- */

static void check_blocked_keys(struct config *config, const struct settings *settings)
{
    struct cs_error err = { 0 };
    struct blocked_keys *keys =
        blocked_keys_read_wait((const char *const *)settings->blocked_keys, settings->n_blocked_keys, &err);

    if (!keys)
        config_complain(config, config_find(config, config_root(config), "blocked_keys"), "%s", err.text);
    blocked_keys_free(keys);
}

void check_plugins(const struct setup *setup, struct loop *loop, struct http_client *client, struct instances **instances)
{
    struct cs_error err = { 0 };

    check_blocked_keys(setup->config, &setup->settings);
    *instances = instances_new(loop, client, &setup->settings, setup->config, &err);
    if (!*instances) {
        config_complain(setup->config, NULL, "%s", err.text);
        return;
    }
    instances_load(*instances, setup->user, setup->starter, &err); /* complains by itself, as the next one does */
    instances_check(*instances);
}

bool check_has_records(const struct setup *setup, const struct instance *store)
{
    struct text path = TEXT_MAX(4096);
    bool has;

    text_addf(&path, "%s/%s.%s", setup->settings.state, role_name(ROLE_STORE), store->in.name);
    has = !text_failed(&path) && access(text_of(&path), F_OK) == 0;
    text_free(&path);
    return has;
}
