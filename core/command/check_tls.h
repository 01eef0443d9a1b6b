/*
 * Are a listener's certificate and key there, readable, and made for each other? Called by check.c.
 */
#ifndef COMMAND_CHECK_TLS_H
#define COMMAND_CHECK_TLS_H

#include "plugin/settings.h"

/* Complains; a listener without TLS is fine. */
void check_tls(struct config *config, const struct listen_settings *listen);

#endif
