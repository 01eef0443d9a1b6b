/*
 * Days as records count them, whole days since 1970-01-01 in UTC, and as people write them: "2026-11-21" (ISO 8601). Used
 * wherever a day is read or shown. Pure.
 */
#ifndef BASE_DAY_H
#define BASE_DAY_H

#include <stdbool.h>
#include <stdint.h>

#define DAY_MS        (INT64_C(24) * 3600 * 1000)
#define DAY_TEXT_SIZE sizeof "2026-11-21"

/* The day in which a moment of the wall clock lies, also before 1970. */
int64_t day_of_ms(int64_t wall_ms);

/* Years 1 to 9999; anything else becomes "?". */
void day_text(char out[DAY_TEXT_SIZE], int64_t day);

/* Exactly "YYYY-MM-DD", a day that exists, from year 1 on. */
bool day_parse(const char *text, int64_t *day);

#endif
