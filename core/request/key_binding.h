/*
 * In a zone with `bind_keys` a key is bound to the names that it has a certificate for, or is getting one for: others need a
 * key of their own (docs/csr.md). Names, not subjects: many hosts may share a subject, and each has its own names. Called by
 * job.c and job_write.c for new orders; together the two leave no gap, since an order is under way until its certificate is
 * stored.
 */
#ifndef REQUEST_KEY_BINDING_H
#define REQUEST_KEY_BINDING_H

#include "request/job.h"

/* On the loop, when a job is about to be stored: has another order under way its key, and other names? Of two that come at once
 * the first to get here goes on. CS_EDENIED "key-bound". */
int key_binding_check_orders(const struct job *job, struct cs_error *err);

/* In the transaction that stores its row: has a certificate that has not ended? CS_EDENIED "key-bound"; CS_ECONFIG when the
 * store cannot tell. */
int key_binding_check_certificates(const struct store_conn *c, const struct cs_job *row, struct cs_error *err);

#endif
