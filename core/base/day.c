/*
 * Days and their text; see day.h. Called by command/ and http/control.c.
 *
 * The arithmetic counts years from March on, so that a leap day is a year's last: a year that begins in March has a fixed
 * number of days before each of its months.
 */
#include "base/day.h"

#include <stdio.h>
#include <string.h>

#define DAYS_OF_400_YEARS 146097
#define DAYS_TO_1970      719468 /* from 1 March of the year 0 */

int64_t day_of_ms(int64_t wall_ms)
{
    return wall_ms / DAY_MS - (wall_ms % DAY_MS < 0 ? 1 : 0);
}

static int64_t day_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = year - (month <= 2 ? 1 : 0), m = month <= 2 ? month + 9 : month - 3;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
}

/* False: not in the years 1 to 9999. */
static bool split(int64_t day, int64_t *year, int64_t *month, int64_t *day_of_month)
{
    int64_t rest, y, from_march;

    if (day < day_of(1, 1, 1) || day > day_of(9999, 12, 31))
        return false;
    rest = (day + DAYS_TO_1970) % DAYS_OF_400_YEARS;
    y = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    from_march = rest - (365 * y + y / 4 - y / 100);
    *month = (5 * from_march + 2) / 153;
    *day_of_month = from_march - (153 * *month + 2) / 5 + 1;
    *month += *month < 10 ? 3 : -9;
    *year = (day + DAYS_TO_1970) / DAYS_OF_400_YEARS * 400 + y + (*month <= 2 ? 1 : 0);
    return true;
}

void day_text(char out[DAY_TEXT_SIZE], int64_t day)
{
    int64_t year, month, day_of_month;

    if (split(day, &year, &month, &day_of_month))
        snprintf(out, DAY_TEXT_SIZE, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100,
                 (unsigned)day_of_month % 100);
    else
        memcpy(out, "?", sizeof "?");
}

bool day_parse(const char *text, int64_t *day)
{
    static const char form[] = "0000-00-00";
    int64_t parts[3] = { 0 };
    size_t part = 0;
    char again[DAY_TEXT_SIZE];

    for (size_t i = 0; form[i]; i++) {
        if (form[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
        if (form[i] == '-')
            part++;
        else
            parts[part] = parts[part] * 10 + (text[i] - '0');
    }
    if (text[sizeof form - 1] || parts[0] < 1 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > 31)
        return false;
    *day = day_of(parts[0], parts[1], parts[2]);
    day_text(again, *day);
    return strcmp(again, text) == 0;
}
