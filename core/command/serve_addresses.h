/*
 * Addresses that only a restart can change: what a running server has bound keeps it, while it runs, from binding what overlaps
 * it, and a socket of the service manager stays open whatever the server closes. Called by serve_reload.c, before it binds.
 */
#ifndef COMMAND_SERVE_ADDRESSES_H
#define COMMAND_SERVE_ADDRESSES_H

#include "engine/inherited.h"
#include "plugin/settings.h"

/* Complains, in `config`, of each address of `fresh` that overlaps another one of `now`, unless its socket is handed on, and of
 * each inherited socket that `fresh` has no `listen` for. */
void serve_addresses_check(struct config *config, const struct settings *fresh, const struct settings *now,
                           const struct inherited_list *inherited);

#endif
