/*
 * The single questions beside orders: revoke a certificate (RFC 8555 7.6), renewal information (RFC 9773), status. Called by
 * acme.c.
 */
#ifndef CA_ACME_ERRAND_H
#define CA_ACME_ERRAND_H

#include "acme.h"

/* `pem` begins with the certificate. Ends with cs_op_ok(), also when it was revoked before. */
void errand_revoke(struct acme *acme, const char *pem, size_t len, int reason, struct cs_op *op);
/* Ends with cs_op_ok_data(): the CA's document, with a suggestedWindow of start and end. */
void errand_renewal_info(struct acme *acme, const char *pem, size_t len, struct cs_op *op);
/* Ends with cs_op_ok_data(): one line. Nothing is registered for it. */
void errand_status(struct acme *acme, struct cs_op *op);

#endif
