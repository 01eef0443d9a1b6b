/*
 * A change of one owner name, step by step; see step.c. owner.c makes the struct and says how it ends.
 */
#ifndef DNS_PDNS_STEP_H
#define DNS_PDNS_STEP_H

#include "api.h"
#include "rrset.h"
#include "turn.h"
#include "zones.h"

enum step { STEP_LOCATE, STEP_DISABLED, STEP_LOOK, STEP_TURN, STEP_CHANGE, STEP_REST, STEP_WATCH };

struct owner {
    struct pdns *pdns;
    struct owner *next, **link;
    char *zone; /* of the zone table */
    struct rrset_goal goal;
    struct cs_op *op; /* NULL: nobody waits, we watch */

    enum step step;
    struct zones_search *search;
    struct api_call *call;
    struct cs_timer *timer;
    char *zone_name, *zone_id; /* of PowerDNS; NULL: not known yet */
    struct reply_rrset seen, parked; /* parked: the disabled records, where `seen` has none; {0}: not searched for */
    enum turn turn;
    struct owner *turn_next;
    int changes;    /* made for this goal, in this round */
    int failures;   /* of changes, in this round */
    bool rested;    /* after somebody undid one */
    bool whole;     /* EXTEND and PRUNE were refused in this round */
    bool extending; /* the change that is out, or was last, says only what to add and to take away */
    bool relocated; /* the zone was looked for a second time */
    bool overtaken; /* a new goal came while a change was out */
    int64_t wait_ms, watch_until_ms;
    int repairs;
};

/* A new round: nothing is known of the record set, nothing is changed yet. Ends in owner_fail() or owner_succeed(). */
void step_begin(struct owner *owner);
/* It is this owner's turn to change something. */
void step_turn(struct owner *owner);
/* Wait `wait_ms`, then begin. */
void step_watch(struct owner *owner);
/* Is a request out that changes something? */
bool step_is_changing(const struct owner *owner);
/* End what is under way. */
void step_halt(struct owner *owner);
void step_free(struct owner *owner); /* and forget what the steps remember */
const char *step_name(const struct owner *owner);

#endif
