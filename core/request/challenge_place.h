/*
 * Where the TXT value of a challenge goes: `_acme-challenge.NAME.`, or where its CNAME records lead (RFC 8555 8.4), in the zone
 * of ours that the name at their end lies in. docs/delegation.md tells the rules. A job keeps what was found until it ends.
 * Called by publication.c, and by job_run.c before the CA asks, so that finding costs no time.
 */
#ifndef REQUEST_CHALLENGE_PLACE_H
#define REQUEST_CHALLENGE_PLACE_H

#include "base/name.h"
#include "request/alias.h"
#include "request/job.h"
#include "request/zone_row.h"

enum { PLACE_ALIASES = 8 }; /* most in a row */

/* A name on the way. The last one is where the value goes; the others are aliases of the next. */
struct place_link {
    char name[NAME_MAX_LEN + 2]; /* absolute */
    char zone[NAME_MAX_LEN + 2]; /* absolute; "": a zone that is not ours */
    const char *dns, *servers;   /* of the zone's row */
    enum cs_visible visible;
    struct zone_row *row; /* that holds them; NULL: the job's own, or none */
};

enum place_state { PLACE_SEARCHED = 1, PLACE_FOUND, PLACE_FAILED };

struct challenge_place {
    struct challenge_place *next; /* of the same job */
    struct challenge_places *all;
    struct job *job;
    char name[NAME_MAX_LEN + 1]; /* what is validated */
    enum place_state state;
    struct cs_error err;  /* PLACE_FAILED */
    struct instance *dns; /* PLACE_FOUND */
    struct place_link links[PLACE_ALIASES + 1];
    size_t n;
    struct alias_search *asking;
    struct place_reading *reading;
    struct place_waiter *first, **last;
};

/* Who waits for a place: exactly one of the two is called, on the loop. */
struct place_waiter {
    struct place_waiter *next;
    void (*found)(void *arg);   /* or failed: see its state */
    void (*dropped)(void *arg); /* the job let go of all its places */
    void *arg;
};

struct challenge_places;
struct challenge_places *challenge_places_new(struct heart *heart);
void challenge_places_free(struct challenge_places *all);         /* no job has any more; NULL is allowed */
size_t challenge_places_busy(const struct challenge_places *all); /* reads on their way */

/* The place of `name` (checked, without "*."), which is looked for when the job does not know it yet. NULL: no memory. */
struct challenge_place *challenge_place_of(struct job *job, const char *name);
/* In PLACE_SEARCHED only. `waiter` has its functions, which get `arg`. */
void challenge_place_await(struct challenge_place *place, struct place_waiter *waiter, void *arg);

/* Look for the places of all names of the job now: its CA is about to ask for them. */
void challenge_places_expect(struct job *job);
/* Forget the places of a job. */
void challenge_places_drop(struct job *job);

#endif
