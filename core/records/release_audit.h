/*
 * What a reader of a release can find out about what it hides: he knows the rules, every number in it, that they are rounded,
 * and which cells are hidden for which reason. Used by release.c. Pure.
 */
#ifndef RECORDS_RELEASE_AUDIT_H
#define RECORDS_RELEASE_AUDIT_H

#include "records/release.h"

/* A table in which something hidden has less than RELEASE_POSSIBLE possible numbers of requests, or of sources; NULL: there is
 * none. All tables are looked at together, as they count the same requests. */
struct release_table *release_audit(const struct release *release);

#endif
