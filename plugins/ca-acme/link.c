/*
 * Links in HTTP headers; see link.h. `<reference>;rel="one two";title="a, b", <reference>…`
 */
#include "link.h"

#include <string.h>
#include <strings.h>

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* Behind a value: a quoted string with \ escapes, or what goes on to the next ';' or ','. */
static const char *skip_value(const char *at)
{
    if (*at != '"')
        return at + strcspn(at, ";,");
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* Is `rel` one of the words between `at` and `end`? */
static bool has_word(const char *at, const char *end, const char *rel)
{
    size_t len = strlen(rel);

    while (at < end) {
        size_t n = strcspn(at, " \t\";,");

        if (at + n > end)
            n = (size_t)(end - at);
        if (n == len && strncasecmp(at, rel, len) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

/* Reads the parameters up to the link's end; says whether one of them is rel with our word. */
static const char *read_parameters(const char *at, const char *rel, bool *found)
{
    *found = false;
    for (at = skip_space(at); *at == ';'; at = skip_space(at)) {
        const char *name = skip_space(at + 1), *value, *end;
        size_t n = strcspn(name, "=;, \t");

        value = skip_space(name + n);
        if (*value != '=') {
            at = name + n + strcspn(name + n, ";,");
            continue;
        }
        value = skip_space(value + 1);
        end = skip_value(value);
        if (n == 3 && strncasecmp(name, "rel", 3) == 0 && has_word(value, end, rel))
            *found = true;
        at = end;
    }
    return at;
}

bool link_next(const char **at, const char *rel, char *out, size_t size)
{
    const char *begin, *end;
    bool found;

    while ((begin = strchr(*at, '<')) && (end = strchr(begin, '>'))) {
        size_t len = (size_t)(end - begin - 1);

        *at = read_parameters(end + 1, rel, &found);
        *at += strcspn(*at, ",<");
        if (!found || len == 0 || len >= size)
            continue;
        memcpy(out, begin + 1, len);
        out[len] = '\0';
        return true;
    }
    return false;
}
