/*
 * Weeks as ISO 8601 counts them; see report_options.h. Called by report_options.c and release_show.c.
 */
#include <stdio.h>
#include <string.h>

#include "command/report_options.h"

/* 1970-01-01 was a Thursday. */
static int64_t monday_of(int64_t day)
{
    int64_t since_monday = (day + 3) % 7;

    return day - (since_monday < 0 ? since_monday + 7 : since_monday);
}

/* A week belongs to the year of its Thursday, and that year's first Thursday lies in week 1. */
void report_week_text(char out[REPORT_WEEK_TEXT], int64_t day)
{
    int64_t thursday = monday_of(day) + 3, first = thursday;
    char text[DAY_TEXT], other[DAY_TEXT];
    int week = 1;

    day_text(text, thursday);
    for (day_text(other, first - 7); memcmp(other, text, 4) == 0; day_text(other, first - 7)) {
        first -= 7;
        week++;
    }
    snprintf(out, REPORT_WEEK_TEXT, "%.4s-W%02u", text, (unsigned)week % 100);
}

bool report_week_parse(const char *text, int64_t *monday)
{
    char january[DAY_TEXT] = "0000-01-04", again[REPORT_WEEK_TEXT];
    int64_t day;
    int week;

    if (strlen(text) != REPORT_WEEK_TEXT - 1 || strncmp(text + 4, "-W", 2) != 0 || strspn(text + 6, "0123456789") != 2)
        return false;
    memcpy(january, text, 4);
    if (!day_parse(january, &day)) /* the 4th is always in week 1 */
        return false;
    week = (text[6] - '0') * 10 + (text[7] - '0');
    *monday = monday_of(day) + ((int64_t)week - 1) * 7;
    report_week_text(again, *monday);
    return strcmp(again, text) == 0;
}
