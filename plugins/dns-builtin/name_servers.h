/*
 * The NS records of every zone and the addresses behind them, from the setting `ns`. Used by zones.c.
 */
#ifndef DNS_BUILTIN_NAME_SERVERS_H
#define DNS_BUILTIN_NAME_SERVERS_H

#include "zones.h"

/* Needs the zones, and what `records` say. -1 and CS_ECONFIG: a zone is left without a name server, or one without address. */
int name_servers_add(struct zones *zones, const struct zones_text *text, struct cs_error *err);

#endif
