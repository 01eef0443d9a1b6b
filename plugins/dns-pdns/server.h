/*
 * What is known of the PowerDNS server itself: its version, and what that version can do. Asked at the start and again from
 * time to time, beside the changes, never before them. Used by owner.c, step.c and api.c.
 */
#ifndef DNS_PDNS_SERVER_H
#define DNS_PDNS_SERVER_H

#include "pdns.h"

struct server;
struct server *server_new(struct pdns *pdns); /* NULL: no memory */
void server_free(struct server *server);      /* NULL is allowed */

/* Ask for the version, unless that was done a short time ago. */
void server_ask(struct server *server);
/* It did not answer: when it does again, it may be another version. NULL is allowed. */
void server_suspect(struct server *server);

/* Has it EXTEND and PRUNE (4.9.12, 5.0.2 and newer)? As long as nothing is known, yes: a 422 will tell. */
bool server_is_additive(const struct server *server);
/* It has just refused them. Believed for this version, for an hour. */
void server_refused_additive(struct server *server);
/* Does reading one record set show the disabled records, too (5.0 and newer)? As long as nothing is known, no. */
bool server_shows_disabled(const struct server *server);

#endif
