/*
 * One owner name in PowerDNS: what we want there, how a change of it ends, and a watch over it for a short time after, since a
 * second writer who read the set before us may write it back without our values. Used by pdns.c, told by step.c.
 */
#ifndef DNS_PDNS_OWNER_H
#define DNS_PDNS_OWNER_H

#include "pdns.h"

/* Bring the change about and finish the op. */
void owner_set(struct pdns *pdns, const struct cs_txt_change *change, struct cs_op *op);

/* No new calls come: end all watching. Changes under way go on. */
void owner_stop_watching(struct pdns *pdns);
/* No change is under way. */
void owner_free_all(struct pdns *pdns);

/* The steps' end. The owner may be gone afterwards. */
void owner_fail(struct owner *owner, const struct cs_error *why);
void owner_succeed(struct owner *owner);

#endif
