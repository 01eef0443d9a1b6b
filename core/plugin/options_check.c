/*
 * Looks a table of settings over; see options_check.h. The table is an author's, and may be broken in any way but one: it can
 * be read as long as no entry says that it is the last, or up to TABLE_MOST entries.
 */
#include "plugin/options_check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/http_client.h"
#include "plugin/options.h"
#include "plugin/settings_table.h"

enum { TABLE_MOST = 256, NAME_MOST = 40, HELP_MOST = 200, TEXT_MOST = 512 };

struct check {
    const struct cs_plugin *about;
    options_tell_fn *tell;
    void *arg;
};

CS_PRINTF(3, 4)
static void say(const struct check *check, bool fault, const char *format, ...)
{
    char text[TEXT_MOST];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    check->tell(check->arg, fault, text);
}

/* ---- Names ---- */

static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
            return false;
    return islower((unsigned char)*name) && strlen(name) <= NAME_MOST;
}

/* The words of the core in a block that this plugin can stand in. `insecure` is one only as a bool: a plugin may read it, too.
 */
static bool is_reserved(const struct check *check, const struct cs_option *option)
{
    const char *words[SETTINGS_KEYS_MOST];
    size_t n = settings_keys(role_name(check->about->ca ? ROLE_CA : check->about->audit ? ROLE_AUDIT : ROLE_DNS), words);

    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], option->name) == 0)
            return true;
    return strcmp(option->name, "insecure") == 0 && option->type != CS_OPTION_BOOL;
}

static void check_name(const struct check *check, const struct cs_option *option, size_t i)
{
    struct cs_option other;

    if (!is_name(option->name))
        say(check, true, "`%s` is no name for a setting: lower case letters, digits and `_`, at most %d, a letter first",
            option->name, NAME_MOST);
    if (is_reserved(check, option))
        say(check, true, "`%s` is a word of the server in every block: name the setting otherwise", option->name);
    for (size_t j = 0; j < i && options_entry(check->about->settings, check->about->option_size, j, &other); j++)
        if (other.name && strcmp(other.name, option->name) == 0) {
            say(check, true, "`%s` stands in the table twice, at %zu and %zu: take one out", option->name, j + 1, i + 1);
            return;
        }
}

/* ---- Places ---- */

static bool is_inside(const struct check *check, const struct cs_option *option)
{
    const size_t size = options_field_size(option->type), whole = check->about->settings_size;

    return option->offset <= whole && size <= whole - option->offset;
}

static void check_place(const struct check *check, const struct cs_option *option, size_t i)
{
    const size_t size = options_field_size(option->type);
    struct cs_option other;

    if (!is_inside(check, option)) {
        say(check, true,
            "`%s` lies at %zu to %zu, outside of the settings struct of %zu bytes: build the table with CS_SETTING(), "
            "and set .settings_size to the size of that struct",
            option->name, option->offset, option->offset + size, check->about->settings_size);
        return;
    }
    if (option->offset % (option->type == CS_OPTION_BOOL ? 1 : _Alignof(int64_t)))
        say(check, true, "`%s` lies at %zu, which is not aligned for its type: build the table with CS_SETTING()", option->name,
            option->offset);
    for (size_t j = 0; j < i && options_entry(check->about->settings, check->about->option_size, j, &other); j++)
        if (other.name && option->offset < other.offset + options_field_size(other.type) &&
            other.offset < option->offset + size) {
            say(check, true, "`%s` and `%s` lie in the same place of the settings struct: give each a field of its own",
                other.name, option->name);
            return;
        }
}

/* ---- Fallbacks and ranges ---- */

static bool is_number(enum cs_option_type type)
{
    return type == CS_OPTION_INT || type == CS_OPTION_SECONDS || type == CS_OPTION_SIZE;
}

static void check_range(const struct check *check, const struct cs_option *option, int64_t value)
{
    const int64_t most = option->min == 0 && option->max == 0 ? INT64_MAX : option->max;

    if (value < option->min || value > most)
        say(check, false,
            "the default \"%s\" of `%s` lies outside of its range: right if that is how you see that nothing was set",
            option->fallback, option->name);
}

static void check_number(const struct check *check, const struct cs_option *option)
{
    int64_t value = 0;
    int rc;

    if (option->type == CS_OPTION_SECONDS)
        rc = duration_parse(option->fallback, &value);
    else if (option->type == CS_OPTION_SIZE)
        rc = size_parse(option->fallback, &value);
    else
        rc = options_whole(option->fallback, &value);
    if (rc < 0)
        say(check, true, "the default \"%s\" of `%s` is none for its type: write it as the operator would", option->fallback,
            option->name);
    else
        check_range(check, option, value);
}

static void check_fallback(const struct check *check, const struct cs_option *option)
{
    const char *text = option->fallback;
    struct cs_error err = { 0 };

    if (option->type == CS_OPTION_BOOL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        say(check, true, "the default \"%s\" of `%s` is neither true nor false", text, option->name);
    else if (option->type == CS_OPTION_SECRET && *text)
        say(check, true, "`%s` is a secret with a default, which anybody can read in the plugin: take \"\" or NULL (mandatory)",
            option->name);
    else if (option->type == CS_OPTION_URL && *text && http_url_check(text, false, &err) < 0)
        say(check, true, "the default of `%s`: %s", option->name, err.text);
    else if (is_number(option->type))
        check_number(check, option);
}

static void check_limits(const struct check *check, const struct cs_option *option)
{
    if (!is_number(option->type) && (option->min || option->max))
        say(check, false, "the range of `%s` has no effect: only INT, SECONDS and SIZE have one", option->name);
    else if (option->min > option->max && option->max != 0)
        say(check, true, "`%s` must be at least %" PRId64 " and at most %" PRId64 ": nothing can be", option->name, option->min,
            option->max);
    else if (option->min > 0 && option->max == 0)
        say(check, true, "`%s` must be at least %" PRId64 " and at most 0: set both limits", option->name, option->min);
}

/* ---- All of it ---- */

static void check_help(const struct check *check, const struct cs_option *option)
{
    if (!option->help || !*option->help)
        say(check, true, "`%s` has no help: one line for `countersign plugin help`", option->name);
    else if (strchr(option->help, '\n') || strlen(option->help) > HELP_MOST)
        say(check, true, "the help of `%s` must be one line of at most %d bytes", option->name, HELP_MOST);
}

static void check_entry(const struct check *check, const struct cs_option *option, size_t i)
{
    if (!option->name) {
        say(check, true, "setting number %zu has no name", i + 1);
    } else if (!options_field_size(option->type)) {
        say(check, true, "`%s` has type %d, which this server does not know: build the table with CS_SETTING()", option->name,
            (int)option->type);
    } else {
        check_name(check, option, i);
        check_place(check, option, i);
        check_limits(check, option);
        if (option->fallback)
            check_fallback(check, option);
        check_help(check, option);
    }
}

size_t options_check(const struct cs_plugin *about, options_tell_fn *tell, void *arg)
{
    const struct check check = { .about = about, .tell = tell, .arg = arg };
    struct cs_option option;
    size_t n = 0;

    for (; n < TABLE_MOST && options_entry(about->settings, about->option_size, n, &option); n++)
        check_entry(&check, &option, n);
    if (n == TABLE_MOST)
        say(&check, true, "the table of settings does not end within %d entries: close it with CS_SETTINGS_END", TABLE_MOST);
    if (n && !about->settings_size)
        say(&check, true, "there are settings, but .settings_size is 0: set it to the size of the settings struct");
    return n;
}
