/*
 * The rows of the challenge values: a value is written down before it is set in the DNS, and its row goes after it was taken
 * away, so that a start finds what an earlier run left there. Called by challenge.c and publication.c alone.
 */
#ifndef REQUEST_CHALLENGE_RECORD_H
#define REQUEST_CHALLENGE_RECORD_H

#include "request/heart.h"
#include "request/owner.h"

/* The row of a value is in the store (err NULL), or will not be. The value is in VALUE_RECORDING still. */
typedef void challenge_recorded_fn(void *arg, struct value *value, const struct cs_error *err);

struct challenge_records;
struct challenge_records *challenge_records_new(struct heart *heart, challenge_recorded_fn *recorded, void *arg);
/* When no row is on its way any more. NULL is allowed. */
void challenge_records_free(struct challenge_records *records);

/*
 * Writes the value's row; `recorded` comes later and exactly once, and `value->recording` is true until then: the value must
 * stay until that. A busy store is asked again while somebody waits for the value and the server runs. -1: no memory.
 */
int challenge_record_put(struct challenge_records *records, struct value *value);

/* Removes the value's row in the background; the value may go at once. A row that stays is met again at the next start. */
void challenge_record_remove(struct challenge_records *records, const struct value *value);

/* Rows on their way into the store, or out of it. */
size_t challenge_records_busy(const struct challenge_records *records);

#endif
