/* What the CA plugins for tests hand out. */
#ifndef FAKES_FAKE_CHAIN_H
#define FAKES_FAKE_CHAIN_H

#include <countersign/ca.h>

/* PEM of one certificate for the CSR of the order, or, if `foreign`, for another key. The caller frees it. */
char *fake_chain(const struct cs_order *order, bool foreign, size_t *len);

#endif
