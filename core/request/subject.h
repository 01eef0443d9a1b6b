/*
 * Finds the row of a subject, and its zone's, before anything is spent on a request. Called by request.c and, for jobs of an
 * earlier run, by job.c. Look-ups are batched into one read; what was read is kept while the store's version stands.
 */
#ifndef REQUEST_SUBJECT_H
#define REQUEST_SUBJECT_H

#include "request/client.h"
#include "request/heart.h"

/* In front of a name: the subject of a certificate that the server gets for itself (command/serve_self.c). No CSR can have it.
 * The configuration says that it may, so it needs no row of its own, only its zone's. */
#define SUBJECT_SELF "self:"

/* Immutable and counted: a job keeps the row that it was granted by. */
struct subject_row {
    char *subject, *zone, *names, *profile, *cas;
    bool enabled;
    enum cs_access access;
    enum cs_no_cache no_cache;
    char *dns, *challenge_zone, *servers, *keys; /* of the zone */
    int64_t parallel;
    enum cs_visible visible;
    bool zone_enabled, bind_keys;
    _Atomic int refs;
};

struct subjects *subjects_new(struct heart *heart);
void subjects_free(struct subjects *subjects); /* NULL is allowed */

/* On the loop, later. `row` is NULL when the subject is unknown, or *err says why nobody knows. Valid inside the call; take a
 * reference with subject_row_keep(). */
typedef void subject_fn(void *arg, struct subject_row *row, const struct cs_error *err);
/* When there is such a subject, *standing says before that whose the credential is: both stay the caller's, untouched, until
 * `fn` is called. NULL: nobody asks. -1: no memory, or too many wait (CS_EBUSY); `fn` is then not called. */
int subjects_find(struct subjects *subjects, const char *subject, const struct credential *credential,
                  struct standing *standing, subject_fn *fn, void *arg, struct cs_error *err);

/* In a reader's thread: *out is NULL when there is no such subject, or its zone is gone. */
int subject_row_read(const struct store_conn *c, const char *subject, struct subject_row **out, struct cs_error *err);
/* For an order whose own row is gone or permits it no more: only who and where, and disabled. NULL: no memory. */
struct subject_row *subject_row_bare(const char *subject, const char *zone);
struct subject_row *subject_row_keep(struct subject_row *row);
void subject_row_release(struct subject_row *row); /* NULL is allowed */

#endif
