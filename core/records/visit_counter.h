/*
 * How many visits have come in, counted where a crash of the server does not lose it: in a small file of the runtime folder
 * that is mapped into memory (a day and a number, no more). Used by visit_day.c.
 */
#ifndef RECORDS_VISIT_COUNTER_H
#define RECORDS_VISIT_COUNTER_H

#include <countersign/plugin.h>

struct visit_counter;

/* The file as an earlier run left it, or a new one. Never fails but for memory (NULL): without a file it counts in memory only,
 * which is logged. */
struct visit_counter *visit_counter_open(const char *folder);
void visit_counter_close(struct visit_counter *counter); /* the file stays; NULL is allowed */

/* What is counted of a day; -1: nothing. */
int64_t visit_counter_get(const struct visit_counter *counter, int64_t day);
/* It holds two days: a third takes the place of the earliest. */
void visit_counter_put(struct visit_counter *counter, int64_t day, int64_t received);

#endif
