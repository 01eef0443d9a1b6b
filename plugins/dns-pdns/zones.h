/*
 * Which zone of PowerDNS a name lies in: the longest that it serves. Asked label by label (zones?zone=NAME), never by a list of
 * all zones, and remembered. Used by step.c.
 */
#ifndef DNS_PDNS_ZONES_H
#define DNS_PDNS_ZONES_H

#include "pdns.h"

struct zones;
struct zones *zones_new(struct pdns *pdns); /* NULL: no memory */
void zones_free(struct zones *zones);       /* nobody searches any more; NULL is allowed */

struct zones_found {
    const char *name; /* trailing dot */
    const char *id;   /* as a part of a path */
};

/* The zone that `owner` (absolute, trailing dot) lies in, if that is known without asking. Valid until the next call of
 * zones_*(). */
bool zones_known(struct zones *zones, const char *owner, struct zones_found *out);

/* `found` is valid inside the callback; NULL with an error. */
typedef void zones_fn(void *arg, const struct zones_found *found, const struct cs_error *err);

struct zones_search;
/* `fn` runs once, on the loop, later, unless zones_cancel() came first. NULL: no memory, or the server is stopping. */
struct zones_search *zones_find(struct zones *zones, const char *owner, zones_fn *fn, void *arg);
void zones_cancel(struct zones_search *search); /* NULL is allowed */

/* What is known of `owner` turned out wrong: forget it. */
void zones_forget(struct zones *zones, const char *owner);

#endif
