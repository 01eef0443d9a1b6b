/*
 * Who may change something now: one owner of an instance at a time, in the order in which they asked. PowerDNS on SQLite
 * answers 500 ("database is locked") to one of two changes at the same moment, whatever they are about. Used by step.c.
 */
#ifndef DNS_PDNS_TURN_H
#define DNS_PDNS_TURN_H

#include "pdns.h"

enum turn { TURN_NOT_ASKED, TURN_WAITS, TURN_HAS };

/* True: it is our turn, until turn_leave(). False: step_turn() will be called then. */
bool turn_take(struct owner *owner);
void turn_leave(struct owner *owner); /* harmless for who has not asked */

#endif
