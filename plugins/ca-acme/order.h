/*
 * An order from new-order to the chain (RFC 8555 7.4), as a table of steps in protocol order. Called by acme.c.
 */
#ifndef CA_ACME_ORDER_H
#define CA_ACME_ORDER_H

#include "acme.h"

/* Both end with cs_op_ok_chain() or cs_op_err(). */
void order_sign(struct acme *acme, const struct cs_order *asked, struct cs_op *op);
void order_resume(struct acme *acme, const struct cs_order *asked, const char *step, const void *data, size_t len,
                  struct cs_op *op);

#endif
