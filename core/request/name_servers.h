/*
 * Finds the authoritative servers of a zone by asking resolvers: NS of the name, or of the nearest name above that has one,
 * then the addresses of each. Remembers them for a minute. Called by visible.c.
 */
#ifndef REQUEST_NAME_SERVERS_H
#define REQUEST_NAME_SERVERS_H

#include <sys/socket.h>

#include "engine/loop.h"

struct server_address {
    struct sockaddr_storage at;
    socklen_t len;
};

struct server_list {
    char zone[1024]; /* whose NS records they are; absolute, lower case */
    size_t n;
    struct server_address servers[];
};

struct name_servers;
struct name_servers_setup {
    const char *const *resolvers; /* "ADDRESS[:PORT]" each */
    size_t n_resolvers;
    const char *resolv_conf; /* a file that names them when there are none here; without one they are 127.0.0.1 */
    uint16_t port;           /* of the servers that are found: 53, but in tests */
};
/* Everything is copied. NULL and CS_ECONFIG. */
struct name_servers *name_servers_new(struct loop *loop, const struct name_servers_setup *setup, struct cs_error *err);
void name_servers_free(struct name_servers *all); /* no search is under way; NULL is allowed */

/* Whom a setup says to ask: for name_servers_take(), or free(). NULL and CS_ECONFIG. */
struct server_list *name_servers_read(const struct name_servers_setup *setup, struct cs_error *err);
/* From now on these are asked, and what the others said is forgotten. Takes the list. */
void name_servers_take(struct name_servers *all, struct server_list *resolvers);

/* Who is asked; for tests. */
const struct server_list *name_servers_resolvers(const struct name_servers *all);

/* What is remembered of `zone`, or NULL; valid until the next call of these functions. */
const struct server_list *name_servers_known(struct name_servers *all, const char *zone);

/* `list` is valid inside the call only; NULL with err: CS_EUPSTREAM, or CS_ETIMEDOUT. */
typedef void name_servers_fn(void *arg, const struct server_list *list, const struct cs_error *err);

struct name_search;
/* `zone` is absolute; copied. `fn` is called once, on the loop, later. NULL and *err. */
struct name_search *name_servers_find(struct name_servers *all, const char *zone, int64_t deadline_ms, name_servers_fn *fn,
                                      void *arg, struct cs_error *err);
void name_servers_cancel(struct name_search *search); /* NULL is allowed */

/* "ADDRESS[:PORT] …" as in a zone's row. free() it. NULL and CS_ECONFIG. */
struct server_list *name_servers_parse(const char *text, struct cs_error *err);

#endif
