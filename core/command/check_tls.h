/*
 * Are a listener's certificate and key there, readable, and made for each other? Called by check.c and
 * doctor_tls.c.
 */
#ifndef COMMAND_CHECK_TLS_H
#define COMMAND_CHECK_TLS_H

#include "plugin/settings.h"

/* -1 and CS_ECONFIG: which file, and what is wrong with it. A listener without TLS is fine. */
int check_tls(const struct listen_settings *listen, struct cs_error *err);

#endif
