/*
 * The rules of docs/delegation.md about where challenges may go, and what an operator is told when his records break one.
 * Called by challenge_place.c.
 */
#ifndef REQUEST_PLACE_RULES_H
#define REQUEST_PLACE_RULES_H

#include "request/challenge_place.h"

/* May the chain go on from its last name to `target` (absolute)? -1 and CS_EREFUSED "cname-chain": no name, met before, or one
 * too many. */
int place_rules_target(const struct challenge_place *place, const char *target, struct cs_error *err);

/* May the value be at the last name? -1 and CS_EREFUSED "cname-missing" or "cname-target". */
int place_rules_end(const struct challenge_place *place, struct cs_error *err);

/* May the last name be taken for the end although no server says so (it `said` something else)? -1 and CS_EUPSTREAM. */
int place_rules_unknown(const struct challenge_place *place, const char *said, struct cs_error *err);

/* The zone that the challenges must go to, "": any. */
const char *place_rules_zone(const struct challenge_place *place);

/* Does the absolute name lie in the zone (without a dot at its end)? */
bool place_rules_in(const char *absolute, const char *zone);

#endif
