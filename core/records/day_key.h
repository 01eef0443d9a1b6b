/*
 * The key that makes a day's pseudonyms: 32 bytes from the kernel's generator, derived from nothing, in a page of memory of its
 * own that is locked, in no core dump and in no child. With it everybody could compute whose a pseudonym is; without it nobody
 * can any more. So it exists once, and is destroyed soon after its day.
 * In the runtime folder it may have a file, so that a restart goes on with it. Used by visit_day.c and `countersign privacy`.
 */
#ifndef RECORDS_DAY_KEY_H
#define RECORDS_DAY_KEY_H

#include <countersign/plugin.h>

#include "base/day.h"

enum { DAY_KEY_LEN = 32 };

struct day_key;

/* The key of a day: the one whose file is in `folder`, or a new one (*is_new). `keep`: the folder is safe (day_key_place.h), so
 * a new one is written there; otherwise a file that is there is destroyed. A file that is not exactly as we write it is
 * destroyed, too. That memory cannot be locked, or a file not be written, is logged. NULL and *err: there is no key. */
struct day_key *day_key_open(const char *folder, bool keep, int64_t day, bool *is_new, struct cs_error *err);

const uint8_t *day_key_bytes(const struct day_key *key);
/* When it was made, wall clock: of one that was read, the time of its file. */
int64_t day_key_made_ms(const struct day_key *key);
bool day_key_has_file(const struct day_key *key);

/* Overwritten in memory and in its file, which is removed. NULL is allowed. False: its file may be there still (logged). */
bool day_key_destroy(struct day_key *key);
/* Overwritten in memory only: its file, if any, waits for the next start. NULL is allowed. */
void day_key_put_away(struct day_key *key);

/* Destroy every key file in `folder` that no server should need any more: its day and `grace_ms` are over; or it is older than
 * that although its day is not, because a clock was wrong. `but_day`: that day's file is left alone (INT64_MIN: none). *n says
 * how many went. A folder that is not there has none. -1: one could not be destroyed. */
int day_key_forget_stale(const char *folder, int64_t wall_ms, int64_t grace_ms, int64_t but_day, int *n, struct cs_error *err);

/* 1 and the first day that has a key file in `folder`, whatever day it is now; 0: none has. -1: the folder cannot be read. */
int day_key_find(const char *folder, int64_t *day, struct cs_error *err);

#endif
