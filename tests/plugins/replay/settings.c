/* Fills a plugin's settings struct; see settings.h. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MOST 40

static struct {
    char *name, *value;
} given[MOST];
static size_t n_given;
static void *filled;
static const char *lists[MOST][MOST];
static size_t n_lists;

void settings_set(const char *name, const char *value)
{
    given[n_given].name = text_copy(name);
    given[n_given++].value = text_copy(value);
}

void settings_clear(void)
{
    while (n_given > 0) {
        free(given[--n_given].name);
        free(given[n_given].value);
    }
    free(filled);
    filled = NULL;
    n_lists = 0;
}

/* The value given last, or the fallback. */
static const char *value_of(const struct cs_option *option)
{
    const char *value = option->fallback;

    for (size_t i = 0; i < n_given; i++)
        if (strcmp(given[i].name, option->name) == 0)
            value = given[i].value;
    return value;
}

static struct cs_strings list_of(const struct cs_option *option)
{
    const char **list = lists[n_lists++];
    size_t n = 0;

    for (size_t i = 0; i < n_given; i++)
        if (strcmp(given[i].name, option->name) == 0)
            list[n++] = given[i].value;
    return (struct cs_strings){ list, n };
}

static int64_t milliseconds(const char *value)
{
    char *unit;
    int64_t n = strtoll(value, &unit, 10);

    if (strcmp(unit, "ms") == 0)
        return n;
    return n * 1000 * (strcmp(unit, "m") == 0 ? 60 : strcmp(unit, "h") == 0 ? 3600 : 1);
}

static void fill_one(const struct cs_option *option, const char *value)
{
    char *end;
    void *field = (char *)filled + option->offset;
    int64_t number = 0;

    switch (option->type) {
    case CS_OPTION_STRING:
    case CS_OPTION_SECRET:
    case CS_OPTION_URL:
        memcpy(field, &value, sizeof value);
        break;
    case CS_OPTION_STRINGS:
        *(struct cs_strings *)field = list_of(option);
        break;
    case CS_OPTION_BOOL:
        *(bool *)field = strcmp(value, "true") == 0;
        break;
    case CS_OPTION_INT:
    case CS_OPTION_SIZE:
        number = strtoll(value, &end, 10);
        memcpy(field, &number, sizeof number);
        break;
    case CS_OPTION_SECONDS:
        number = milliseconds(value);
        memcpy(field, &number, sizeof number);
        break;
    case CS_OPTION_END:
        break;
    }
}

static bool is_known(const struct cs_option *table, const char *name)
{
    for (; table->type != CS_OPTION_END; table++)
        if (strcmp(table->name, name) == 0)
            return true;
    return false;
}

void *settings_fill(const struct cs_option *table, size_t size, const char **what)
{
    free(filled);
    filled = calloc(1, size);
    n_lists = 0;
    for (size_t i = 0; i < n_given; i++)
        if (!is_known(table, given[i].name)) {
            *what = given[i].name;
            return NULL;
        }
    for (; table->type != CS_OPTION_END; table++) {
        if (!value_of(table)) {
            *what = table->name;
            return NULL;
        }
        fill_one(table, value_of(table));
    }
    return filled;
}
