/*
 * Waits until a zone's own servers answer with a TXT value. Who they are, name_servers.c finds out; how one is asked,
 * dns_client.c knows. Called by publication.c after set_txt.
 */
#ifndef REQUEST_VISIBLE_H
#define REQUEST_VISIBLE_H

#include "engine/loop.h"

struct visible;
/* `resolvers` ("ADDRESS[:PORT]" each, copied; none: /etc/resolv.conf's) find the servers of zones that name none. */
struct visible *visible_new(struct loop *loop, const char *const *resolvers, size_t n, struct cs_error *err);
/* The same for name_servers_take(). NULL and CS_ECONFIG. */
struct server_list *visible_read_resolvers(const char *const *resolvers, size_t n, struct cs_error *err);
void visible_free(struct visible *visible); /* pending waits end with CS_ESHUTDOWN */

/* Who finds servers for it, and remembers them. */
struct name_servers *visible_name_servers(const struct visible *visible);

struct visible_want {
    const char *owner;   /* absolute, trailing dot */
    const char *zone;    /* absolute, trailing dot */
    const char *value;   /* of a TXT record */
    const char *alias;   /* NULL; or instead of a value: the target of a CNAME record, absolute, lower case */
    const char *servers; /* as in the zone's row; "": by NS, from the zone up, then down where they refer to a zone below */
    int64_t deadline_ms; /* on cs_now_ms() */
};
struct visible_wait;
/* Ask until every server has the value (first at once, then after 50 ms, doubling to 2 s), then call `done` once, on the loop,
 * later. Servers that cannot be reached at all are passed over as long as another one has it, and named in the log. After the
 * deadline: CS_EUPSTREAM "not-visible", with what each server said last. `servers` that are no addresses: CS_ECONFIG. Copies.
 * NULL: no memory. */
struct visible_wait *visible_wait(struct visible *visible, const struct visible_want *want, cs_done_fn *done, void *arg);
void visible_cancel(struct visible_wait *wait); /* `done` is not called; NULL is allowed */

#endif
