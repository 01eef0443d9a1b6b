/*
 * What `countersign check` asks of a configuration, for it and for `countersign doctor`: check.c, doctor_store.c.
 */
#ifndef COMMAND_CHECK_CONFIGURATION_H
#define COMMAND_CHECK_CONFIGURATION_H

#include "command/setup.h"

struct http_client;

/* Is it complete, can its addresses be read? All complaints go to the config, as those of the next one do. */
void check_settings(const struct setup *setup);

/* As the server's user: lists of blocked keys, plugins and their settings. *instances: what could be loaded, or NULL; loop and
 * client may be NULL when nothing is to be opened that needs them. */
void check_plugins(const struct setup *setup, struct loop *loop, struct http_client *client, struct instances **instances);

/* Before the first start the store has no folder. */
bool check_has_records(const struct setup *setup, const struct instance *store);

#endif
