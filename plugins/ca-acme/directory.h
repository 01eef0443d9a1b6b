/*
 * The CA's directory (RFC 8555 7.1.1): fetched when first needed, so that the server starts while the CA is down, and kept for
 * an hour. Used by account.c, order.c, transport.c and acme.c.
 */
#ifndef CA_ACME_DIRECTORY_H
#define CA_ACME_DIRECTORY_H

#include "acme.h"
#include "object.h"
#include "waiter.h"

#define DIRECTORY_LIFE_MS ((int64_t)60 * 60 * 1000)
#define DIRECTORY_DOUBT_MS ((int64_t)60 * 1000)

struct directory *directory_new(struct acme *acme); /* NULL: no memory */
void directory_free(struct directory *directory);   /* nobody waits any more; NULL is allowed */

/* Tell `waiter` when there is a directory not older than its life: at once, so call it last, or when it was fetched. All who
 * ask meanwhile share one request. */
void directory_wait(struct directory *directory, struct waiter *waiter, waiter_fn *fn, void *arg);

/* What was read last, however old; NULL: nothing yet. Valid until the next turn of the loop. */
const struct directory_object *directory_object(const struct directory *directory);

/* Something went wrong at one of its URLs: fetch it again next time, unless it is fresher than DIRECTORY_DOUBT_MS. */
void directory_doubt(struct directory *directory);

/* Fetch it anew next time, whatever was read before. */
void directory_forget(struct directory *directory);

/* -1 and CS_ECONFIG, with the names of those that the CA has, when `profile` is not among them: sent all the same it would be
 * passed over, and the certificate be of another kind than wanted. */
int directory_check_profile(const struct directory *directory, const char *profile, struct cs_error *err);

#endif
