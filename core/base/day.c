/*
 * Days, their text and their months; see day.h. The conversion is arithmetic: no time zone and no locale can change it.
 */
#include "base/day.h"

#include <stdio.h>
#include <string.h>

#define FIRST_DAY INT64_C(-354285) /* 1000-01-01 */
#define LAST_DAY  INT64_C(2932896) /* 9999-12-31 */

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t day_of_ms(int64_t wall_ms)
{
    return divide_down(wall_ms, DAY_MS);
}

int64_t day_start_ms(int64_t day)
{
    return day * DAY_MS;
}

int day_hour(int64_t wall_ms)
{
    return (int)((wall_ms - day_start_ms(day_of_ms(wall_ms))) / (3600 * 1000));
}

/* Years begin in March here, so that the leap day is a year's last; 400 years have 146,097 days. */
static int64_t day_of(struct civil c)
{
    const int64_t year = c.year - (c.month <= 2), era = divide_down(year, 400), of_era = year - era * 400;
    const int64_t of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t day)
{
    const int64_t shifted = day + 719468, era = divide_down(shifted, 146097), of_era = shifted - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    struct civil c = { .day = (int)(of_year - (153 * month + 2) / 5 + 1), .month = (int)(month < 10 ? month + 3 : month - 9) };

    c.year = year + era * 400 + (c.month <= 2);
    return c;
}

static void put_digits(char *at, int64_t number, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

void day_text(char out[DAY_TEXT], int64_t day)
{
    const struct civil c = civil_of(day < FIRST_DAY ? FIRST_DAY : day > LAST_DAY ? LAST_DAY : day);

    memcpy(out, "0000-00-00", DAY_TEXT);
    put_digits(out, c.year, 4);
    put_digits(out + 5, c.month, 2);
    put_digits(out + 8, c.day, 2);
}

static bool take_digits(const char *at, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *out = *out * 10 + at[i] - '0';
    }
    return true;
}

bool day_parse(const char *text, int64_t *day)
{
    char again[DAY_TEXT];
    struct civil c;
    int year;

    if (strlen(text) != DAY_TEXT - 1 || text[4] != '-' || text[7] != '-')
        return false;
    if (!take_digits(text, 4, &year) || !take_digits(text + 5, 2, &c.month) || !take_digits(text + 8, 2, &c.day))
        return false;
    if (c.month < 1 || c.month > 12)
        return false;
    c.year = year;
    *day = day_of(c);
    day_text(again, *day);
    return strcmp(again, text) == 0;
}

int64_t day_months_before(int64_t day, int64_t months)
{
    struct civil c = civil_of(day);
    const int64_t count = c.year * 12 + c.month - 1 - months;
    int64_t then, next;

    c.year = divide_down(count, 12);
    c.month = (int)(count - c.year * 12) + 1;
    then = day_of(c);
    next = day_of((struct civil){ c.year + c.month / 12, c.month % 12 + 1, 1 });
    return then < next ? then : next - 1;
}

void day_moment(char out[DAY_MOMENT], int64_t wall_ms)
{
    const int64_t day = day_of_ms(wall_ms), second = (wall_ms - day_start_ms(day)) / 1000;

    day_text(out, day);
    snprintf(out + DAY_TEXT - 1, DAY_MOMENT - DAY_TEXT + 1, "T%02u:%02u:%02uZ", (unsigned)(second / 3600) % 24,
             (unsigned)(second / 60) % 60, (unsigned)second % 60);
}
