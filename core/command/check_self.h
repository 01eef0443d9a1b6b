/*
 * What a certificate of the server's own, `certificate = "self:NAME"`, still lacks in the tables. Called by check.c.
 */
#ifndef COMMAND_CHECK_SELF_H
#define COMMAND_CHECK_SELF_H

#include "command/setup.h"

/* Complains of each name that lies in no zone of the table, or in one that is disabled. Only beside a running server: without
 * one, looking into its database would change files that `check` leaves alone. The store is open. */
void check_self(const struct setup *setup, struct instance *store);

#endif
