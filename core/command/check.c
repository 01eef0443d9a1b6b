/*
 * `countersign check`: would the server start with this file? Reads it, loads the plugins, fills their settings, asks each
 * whether it would open with them, looks at the store's files (room, damage) and whether somebody else has its ports, prints
 * each fault, with file and line where there is one, not only the first. Listens to nothing, writes nothing.
 */
#include <stdio.h>

#include "command/check_configuration.h"
#include "command/check_self.h"
#include "command/check_tls.h"
#include "command/command.h"
#include "command/ports.h"
#include "engine/log.h"

/* ---- Files and ports ---- */

static void check_certificate(struct config *config, const struct listen_settings *listen)
{
    struct cs_error err = { 0 };

    if (check_tls(listen, &err) < 0)
        config_complain(config, listen->at, "%s", err.text);
}

static void check_certificates(struct config *config, const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        check_certificate(config, &settings->listen[i]);
    check_certificate(config, &settings->admin);
}

/* While we may still see whose sockets they are. */
static void check_ports(const struct setup *setup)
{
    struct ports ports;
    char holder[32];

    setup_state_holder(setup, holder);
    if (ports_look(&ports, &setup->settings, holder) < 0)
        config_complain(setup->config, NULL, "out of memory");
    for (size_t i = 0; i < ports.n; i++) {
        const struct port *port = &ports.v[i];

        if (port->state == PORT_TAKEN || port->state == PORT_IMPOSSIBLE)
            config_complain(setup->config, port->at, "%s: %s; %s", port->name, port->saw, port->todo);
        else if (port->state == PORT_OTHERWISE)
            fprintf(stderr, "note: %s: %s; %s\n", port->name, port->saw, port->todo);
    }
    ports_free(&ports);
}

/* ---- What the store's files look like ---- */

static void complain(void *arg, const char *text)
{
    struct config *config = arg;

    config_complain(config, NULL, "%s", text);
}

static void check_files(const struct setup *setup, struct instances *instances)
{
    struct instance *store = instances ? instances_at(instances, ROLE_STORE, 0) : NULL;
    struct cs_error err = { 0 };

    if (config_complaint_count(setup->config) || !store || !store->plugin.store.inspect || !check_has_records(setup, store))
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
    check_settings(&setup);
    check_ports(&setup);
    if (setup_drop_privileges(&setup, &err) < 0) {
        config_complain(setup.config, NULL, "%s; its files and plugins were not looked at", err.text);
    } else {
        check_certificates(setup.config, &setup.settings);
        check_plugins(&setup, NULL, NULL, &instances);
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
