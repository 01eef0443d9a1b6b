/*
 * Days in UTC, counted from 1970-01-01. Used by records/visit*.c, records/day_key*.c and whoever shows a day. Pure.
 */
#ifndef BASE_DAY_H
#define BASE_DAY_H

#include <stdbool.h>
#include <stdint.h>

#define DAY_MS   (24 * 3600 * INT64_C(1000))
#define DAY_TEXT sizeof "2026-11-21"

int64_t day_of_ms(int64_t wall_ms);
int64_t day_start_ms(int64_t day);
int day_hour(int64_t wall_ms); /* 0 to 23 */

/* "2026-11-21"; a day before the year 1000 or after 9999 becomes the nearest that has four digits. */
void day_text(char out[DAY_TEXT], int64_t day);
/* Exactly that form, and a day that there is. */
bool day_parse(const char *text, int64_t *day);

/* "2026-11-21T15:04:05Z" (RFC 3339). */
#define DAY_MOMENT sizeof "2026-11-21T15:04:05Z"
void day_moment(char out[DAY_MOMENT], int64_t wall_ms);

/* The same day of the month so many months before; the month's last day where it has no such day. */
int64_t day_months_before(int64_t day, int64_t months);

#endif
