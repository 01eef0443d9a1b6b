/*
 * Keys that nobody asked for, with what was probably meant: config_complain_unused() of config.h.
 */
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/config.h"

enum { KEY_MOST = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must change, come or go to make one of the other (Levenshtein); KEY_MOST for long ones. */
static size_t distance(const char *a, const char *b)
{
    size_t row[KEY_MOST + 1], len = strlen(b);

    if (strlen(a) >= KEY_MOST || len >= KEY_MOST)
        return KEY_MOST;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t up = row[j];

            row[j] = least(least(up, row[j - 1]) + 1, corner + (a[i - 1] != b[j - 1]));
            corner = up;
        }
    }
    return row[len];
}

static const char *nearest(const char *key, const char *const *known, size_t n)
{
    size_t best = 1 + strlen(key) / 3, d;
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        d = distance(key, known[i]);
        if (d <= best && (!found || d < best)) {
            best = d;
            found = known[i];
        }
    }
    return found;
}

static void complain(struct config *config, const struct config_node *at, const char *const *known, size_t n)
{
    const char *meant = nearest(config_name(at), known, n);
    struct text list = TEXT_MAX(1024);

    for (size_t i = 0; i < n; i++)
        text_addf(&list, "%s%s", i ? ", " : "; known here: ", known[i]);
    config_complain(config, at, "unknown key `%s`%s%s%s%s", config_name(at), meant ? ", did you mean `" : "",
                    meant ? meant : "", meant ? "`?" : "", text_of(&list));
    text_free(&list);
}

void config_complain_unused(struct config *config, const struct config_node *in, const char *const *known, size_t n)
{
    const struct config_node *node;

    for (size_t i = 0; (node = config_at(in, i)) != NULL; i++)
        if (*config_name(node) && !config_setting_get_hook((const config_setting_t *)node))
            complain(config, node, known, n);
}
