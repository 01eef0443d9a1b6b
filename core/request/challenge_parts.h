/*
 * Between challenge.c (all values, from their rows into the DNS and away again) and publication.c (one value that a CA plugin
 * puts, and waits for). Nobody else looks inside.
 */
#ifndef REQUEST_CHALLENGE_PARTS_H
#define REQUEST_CHALLENGE_PARTS_H

#include "request/challenge.h"
#include "request/challenge_record.h"
#include "request/owner.h"

struct challenges {
    struct heart *heart;
    struct owners *owners;
    struct challenge_records *records;
};

/* ---- publication.c: what becomes of a `value->waiting` ---- */

/* The back end serves its value: now the world is asked for it. Harmless when that is under way. */
void publication_served(struct publication *p);
/* The plugin hears, if it still waits: the world sees its value (err NULL), or why not. It is gone. */
void publication_end(struct publication *p, const struct cs_error *err);
/* The same, and nobody waits for it any more. NULL is allowed. */
void publication_drop(struct publication *p);

#endif
