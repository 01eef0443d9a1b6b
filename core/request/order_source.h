/*
 * From whom an order comes, while it is open: a place in a front's table of sources (http/limits.c), which says how many orders
 * of one source may be open, and keeps no address. A request hands it to the job that it makes (job_source.c), which outlives
 * the request; an order of an earlier run has none. Loop thread only.
 */
#ifndef REQUEST_ORDER_SOURCE_H
#define REQUEST_ORDER_SOURCE_H

#include <countersign/plugin.h>

struct order_source;

/* What the front does for it. */
struct order_source_ops {
    void (*keep)(const struct order_source *source);
    void (*release)(const struct order_source *source);
    /* One more order of it is open. 1: it is counted, until give_back(); 0: there is no room to count it; -1 and CS_ELIMIT
     * "too-many-open-orders". */
    int (*take)(const struct order_source *source, struct cs_error *err);
    void (*give_back)(const struct order_source *source);
};

/* A value, which may be copied; as long as somebody keeps it, its place stays where it is. */
struct order_source {
    const struct order_source_ops *ops; /* NULL: nobody who has limits */
    void *table, *place;                /* the front's own; `place` differs from source to source */
};

/* The same, kept: end it with order_source_release(). */
struct order_source order_source_keep(const struct order_source *source);
/* It is nobody afterwards; harmless twice. */
void order_source_release(struct order_source *source);

#endif
