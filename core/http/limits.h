/*
 * How much one source may ask for (docs/limits.md): connections, judged by listener.c and connection.c, and requests, judged by
 * api.c. Made by server.c. Loop thread only.
 */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

#include "base/source.h"
#include "engine/loop.h"
#include "engine/metrics.h"
#include "http/arrival.h"
#include "plugin/settings.h"
#include "request/order_source.h"

struct limits;

/* Copies the settings. The table of sources has room for `max_connections` twice, at least. NULL and *err: CS_EBUSY without
 * memory, CS_ECONFIG for what is no network. */
struct limits *limits_new(struct loop *loop, struct metrics *metrics, const struct limits_settings *settings,
                          size_t max_connections, struct cs_error *err);
/* Others from now on; what was used counts. The table keeps its size. On failure nothing has changed. */
int limits_set(struct limits *limits, const struct limits_settings *settings, struct cs_error *err);
/* The table has room for so many connections, twice. */
size_t limits_most_connections(const struct limits *limits);
/* NULL is allowed; no connection is left. What orders still keep goes with the last of them. */
void limits_free(struct limits *limits);

/* ---- Connections */

/* What limits.c knows of one connection. Begins as zeros, ends with limits_disconnect(). */
struct limits_place {
    struct source_entry *entry; /* NULL: its source has no limits, or is not known yet */
    bool unfinished;
};

/* Someone has connected: false when that is one too many, and it must be closed. Otherwise it is unfinished. `proxies`: those
 * that are trusted are not limited. */
bool limits_connect(struct limits *limits, const struct peer *peer, const struct proxies *proxies, struct limits_place *place);
/* It has part of another request: false when that is one too many. */
bool limits_begin(struct limits *limits, const struct peer *peer, const struct proxies *proxies, struct limits_place *place);
/* It waits for nothing of its client; harmless twice. */
void limits_finish(struct limits_place *place);
/* It is over; harmless twice. */
void limits_disconnect(struct limits_place *place);
/* How many connections its source has, this one included; 0: nobody counts them. */
size_t limits_connections(const struct limits_place *place);

/* ---- Requests */

/* Who is asked for: what of an arrival is kept until the answer. */
struct limits_source {
    struct source source;
    bool unlimited;
};
struct limits_source limits_source_of(const struct limits *limits, const struct arrival *arrival);

enum limits_request { LIMITS_POST, LIMITS_POLL };

/* A post's place among those of its source that wait for an answer. Begins as zeros, ends with limits_answered(). */
struct limits_wait {
    struct source_entry *entry; /* NULL: nobody counts it */
};

/* May it ask? -1 and CS_ELIMIT "too-many-posts", "too-many-failed-posts", "too-many-waiting" or "too-many-polls", with
 * retry_after_ms. Otherwise a token is taken, and a post waits for its answer from now on. */
int limits_request(struct limits *limits, const struct limits_source *source, enum limits_request what,
                   struct limits_wait *wait, struct cs_error *err);
/* The same, but nothing is taken: it comes again, with its body. */
int limits_look(struct limits *limits, const struct limits_source *source, enum limits_request what, struct cs_error *err);
/* It does not: it has been answered without its body. Its token is taken. */
void limits_count(struct limits *limits, const struct limits_source *source, enum limits_request what);
/* It has its answer, or wants none any more; harmless twice. */
void limits_answered(struct limits_wait *wait);
/* From whom an order comes that this post makes. Valid until limits_answered(); who keeps it may do so for longer than the
 * limits live. */
struct order_source limits_order_source(struct limits *limits, const struct limits_wait *wait);
/* The post has been refused with this: does it count? Then a token is taken. */
void limits_failed(struct limits *limits, const struct limits_source *source, const struct cs_error *err);

#endif
