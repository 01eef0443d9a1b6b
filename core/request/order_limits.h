/*
 * How many orders a subject, a client and a zone may make in a day and a week (docs/limits.md). What was ordered is counted in
 * the store, in the transaction that stores the new order, so that no two pass at once and a restart forgets nothing. Called by
 * job_write.c and resume.c in the store's writer thread.
 */
#ifndef REQUEST_ORDER_LIMITS_H
#define REQUEST_ORDER_LIMITS_H

#include "plugin/settings.h"
#include "records/store.h"

/* A new order. -1 and CS_ELIMIT "too-many-orders-subject", "-client" or "-zone", with retry_after_ms; otherwise it is counted.
 * `row` has all but state and steps. */
int order_limits_take(const struct store_conn *c, const struct order_limits *limits, const struct cs_job *row,
                      struct cs_error *err);

/* It failed before the CA had it: it counts no more. And one that had failed so, but ended well: it counts again. */
int order_limits_give_back(const struct store_conn *c, const struct cs_job *row, struct cs_error *err);
int order_limits_count(const struct store_conn *c, const struct cs_job *row, struct cs_error *err);

/* The limit's word for the metrics, "orders-zone", of an error of order_limits_take(); NULL for any other. */
const char *order_limits_word(const struct cs_error *err);

#endif
