/*
 * What `countersign doctor` is told of a CA: its directory, and whether it knows our account. Called by acme.c.
 */
#ifndef CA_ACME_EXAMINE_H
#define CA_ACME_EXAMINE_H

#include "acme.h"

/* Ends with cs_op_ok_data(), as ca.h has it for `examine`; what the CA fails in is a finding. Nothing is registered: the
 * account is asked for with onlyReturnExisting (RFC 8555 7.3.1), if there is a key. */
void examine(struct acme *acme, struct cs_op *op);

#endif
