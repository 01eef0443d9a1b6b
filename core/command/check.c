/*
 * `countersign check`: would the server start with this file? Reads it, loads the plugins, fills their settings, asks each
 * whether it would open with them, looks at the store's files (room, damage), prints each fault, with file and line where
 * there is one, not only the first. Binds nothing, writes nothing.
 */
#include <stdio.h>
#include <unistd.h>

#include "command/check_self.h"
#include "command/check_tls.h"
#include "command/command.h"
#include "command/setup.h"
#include "engine/log.h"
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

/* ---- What only the server's user can tell: files and plugins ---- */

static void check_certificates(struct config *config, const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        check_tls(config, &settings->listen[i]);
    check_tls(config, &settings->admin);
}

static void check_blocked_keys(struct config *config, const struct settings *settings)
{
    struct cs_error err = { 0 };
    struct blocked_keys *keys =
        blocked_keys_read_wait((const char *const *)settings->blocked_keys, settings->n_blocked_keys, &err);

    if (!keys)
        config_complain(config, config_find(config, config_root(config), "blocked_keys"), "%s", err.text);
    blocked_keys_free(keys);
}

static void check_plugins(struct setup *setup, struct instances **instances)
{
    struct cs_error err = { 0 };

    *instances = instances_new(NULL, NULL, &setup->settings, setup->config, &err);
    if (!*instances)
        config_complain(setup->config, NULL, "%s", err.text);
    else
        instances_load(*instances, setup->user, setup->starter, &err); /* complains by itself, as the next one does */
    if (*instances)
        instances_check(*instances);
}

/* ---- What the store's files look like ---- */

static void complain(void *arg, const char *text)
{
    struct config *config = arg;

    config_complain(config, NULL, "%s", text);
}

/* Before the first start there is no folder, and nothing to look at. */
static bool has_folder(const struct setup *setup, const struct instance *store)
{
    struct text path = TEXT_MAX(4096);
    bool has;

    text_addf(&path, "%s/%s.%s", setup->settings.state, role_name(ROLE_STORE), store->in.name);
    has = !text_failed(&path) && access(text_of(&path), F_OK) == 0;
    text_free(&path);
    return has;
}

static void check_files(const struct setup *setup, struct instances *instances)
{
    struct instance *store = instances ? instances_at(instances, ROLE_STORE, 0) : NULL;
    struct cs_error err = { 0 };

    if (config_complaint_count(setup->config) || !store || !store->plugin.store.inspect || !has_folder(setup, store))
        return;
    log_setup(setup->settings.log_level);
    if (instances_open(instances, ROLE_STORE, &err) < 0 ||
        store->plugin.store.inspect(store->self, complain, setup->config, &err) < 0)
        config_complain(setup->config, NULL, "%s", err.text);
    else if (config_complaint_count(setup->config) == 0)
        check_self(setup, store);
}

/* ---- The summary ---- */

static void print_listener(const char *what, const struct listen_settings *listen)
{
    if (listen->unix_path)
        printf("%-7s %s", what, listen->address);
    else
        printf("%-7s %s port %d", what, listen->address, (int)listen->port);
    printf("%s\n", listen->certificate ? " (TLS)" : "");
}

static void print_summary(const struct setup *setup, struct instances *instances, const char *path)
{
    const struct settings *settings = &setup->settings;

    printf("OK %s\n", path);
    for (size_t i = 0; i < settings->n_listen; i++)
        print_listener("listen", &settings->listen[i]);
    if (settings->admin.address)
        print_listener("admin", &settings->admin);
    for (size_t i = 0; i < settings->n_blocks; i++) {
        const struct block_settings *block = &settings->blocks[i];
        const struct instance *instance = instances_find(instances, block->role, block->name);

        printf("%-7s %s: %s %s\n", role_name(block->role), block->name, instance->plugin.about.name,
               instance->plugin.about.version);
    }
    printf("user    %s\nstate   %s\n", settings->user ? settings->user : "(who starts it)", settings->state);
}

int command_check(const struct command_line *line)
{
    struct instances *instances = NULL;
    struct cs_error err = { 0 };
    struct setup setup;
    size_t faults;

    if (line->argc != 1) {
        fprintf(stderr, "usage: countersign [-c FILE] check\n");
        return 2;
    }
    if (setup_load(&setup, line->config_path, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    settings_check_complete(setup.config, &setup.settings);
    check_addresses(setup.config, &setup.settings);
    if (setup_drop_privileges(&setup, &err) < 0) {
        config_complain(setup.config, NULL, "%s; its files and plugins were not looked at", err.text);
    } else {
        check_certificates(setup.config, &setup.settings);
        check_blocked_keys(setup.config, &setup.settings);
        check_plugins(&setup, &instances);
        check_files(&setup, instances);
    }
    faults = config_complaint_count(setup.config);
    if (faults == 0)
        print_summary(&setup, instances, line->config_path);
    else
        fprintf(stderr, "%s%zu fault%s\n", config_complaints(setup.config), faults, faults == 1 ? "" : "s");
    instances_free(instances);
    setup_free(&setup);
    return faults ? 1 : 0;
}
