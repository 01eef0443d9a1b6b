/*
 * The server's own settings, one row each: which keys a block of countersign.conf may have, what each takes, what holds without
 * it, what it is for. The files settings*.c know keys by it, manual.c makes countersign.conf(5) of it.
 */
#ifndef PLUGIN_SETTINGS_TABLE_H
#define PLUGIN_SETTINGS_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_STRING,
    SETTING_PATH,    /* absolute */
    SETTING_STRINGS, /* one, or a list */
    SETTING_BOOL,
    SETTING_COUNT,   /* a number */
    SETTING_SECONDS, /* a duration; number, min and max in ms */
    SETTING_RATE,    /* "10/s burst 100" (base/rate.h), or "off" */
    SETTING_BLOCK,   /* { … }, or a list of such */
};

struct setting {
    /* Where the key stands: "" the file itself, "listen", "admin", "limits", "limits.orders", "visits", or "ca", "dns",
     * "store", "audit" for each block in there. */
    const char *block, *key;
    enum setting_type type;
    const char *fallback; /* in words; NULL: the number is it */
    const char *help;
    int64_t number, min, max; /* of counts and durations */
    size_t offset;            /* in the struct settings, of numbers of the file itself */
};

extern const struct setting settings_table[];
extern const size_t settings_table_size;

enum { SETTINGS_KEYS_MOST = 48 };

/* The keys of a block, in the table's order. Returns how many. */
size_t settings_keys(const char *block, const char *keys[SETTINGS_KEYS_MOST]);

const char *setting_type_name(enum setting_type type);

#endif
