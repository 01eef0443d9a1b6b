/*
 * Counts new values of labels for each zone and day; see label_values.h. Called by label.c.
 */
#include "records/label_values.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Two days are open at a time, around midnight. */
enum { DAYS = 2 };

struct zone {
    char *name;
    void *values; /* a tree of "NAME=VALUE" */
    size_t n;
};

struct day {
    int64_t day;
    void *zones; /* a tree of struct zone */
};

struct label_values {
    struct day days[DAYS];
};

static int compare_zones(const void *a, const void *b)
{
    return strcmp(((const struct zone *)a)->name, ((const struct zone *)b)->name);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void free_zone(void *node)
{
    struct zone *zone = node;

    tdestroy(zone->values, free);
    free(zone->name);
    free(zone);
}

struct label_values *label_values_new(void)
{
    return calloc(1, sizeof(struct label_values));
}

void label_values_free(struct label_values *values)
{
    for (size_t i = 0; values && i < DAYS; i++)
        tdestroy(values->days[i].zones, free_zone);
    free(values);
}

/* A later day takes the place of the one before the last; an earlier one has no place. */
static struct day *day_of(struct label_values *values, int64_t number)
{
    struct day *day = &values->days[(uint64_t)number % DAYS];

    if (number < day->day)
        return NULL;
    if (number > day->day) {
        tdestroy(day->zones, free_zone);
        *day = (struct day){ .day = number };
    }
    return day;
}

static struct zone *zone_of(struct day *day, const char *name)
{
    const struct zone key = { .name = (char *)name };
    struct zone **found = tfind(&key, &day->zones, compare_zones);
    struct zone *zone;

    if (found)
        return *found;
    zone = calloc(1, sizeof *zone);
    if (!zone)
        return NULL;
    zone->name = strdup(name);
    if (zone->name && tsearch(zone, &day->zones, compare_zones))
        return zone;
    free_zone(zone);
    return NULL;
}

static char *join(const char *name, const char *value)
{
    struct text text = TEXT_MAX(1000);

    text_addf(&text, "%s=%s", name, value);
    return text_take(&text);
}

/* Takes over `text`. */
static bool admit(struct zone *zone, char *text)
{
    bool known = tfind(text, &zone->values, compare_texts) != NULL;

    if (!known && zone->n < LABEL_VALUES_MOST && tsearch(text, &zone->values, compare_texts)) {
        zone->n++;
        return true;
    }
    free(text);
    return known;
}

bool label_values_admit(struct label_values *values, int64_t day, const char *zone, const char *name, const char *value)
{
    struct day *that_day = day_of(values, day);
    struct zone *that_zone = that_day ? zone_of(that_day, zone) : NULL;
    char *text = that_zone ? join(name, value) : NULL;

    return text && admit(that_zone, text);
}
