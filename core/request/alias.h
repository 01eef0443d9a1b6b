/*
 * Asks the servers of a zone whether a name in it is an alias (CNAME): all of them at once, and the first that knows is
 * believed. One short try. Called by challenge_place.c.
 */
#ifndef REQUEST_ALIAS_H
#define REQUEST_ALIAS_H

#include "request/alias_reply.h"
#include "request/name_servers.h"

struct alias_want {
    const char *name;    /* absolute, lower case */
    const char *zone;    /* the same; or the name itself, when nobody knows its zone */
    const char *servers; /* as in the zone's row; "": by NS, from the zone up, then down where they refer to a zone below */
    int64_t deadline_ms; /* on cs_now_ms() */
};
/* ALIAS_NONE, ALIAS_TO, or ALIAS_UNKNOWN with what the last server said. Valid inside the call. */
typedef void alias_fn(void *arg, const struct alias_reply *reply);

struct alias_search;
/* Copies. `fn` is called once, on the loop, later. NULL: no memory. */
struct alias_search *alias_find(struct loop *loop, struct name_servers *name_servers, const struct alias_want *want,
                                alias_fn *fn, void *arg);
void alias_cancel(struct alias_search *search); /* `fn` is not called; NULL is allowed */

#endif
