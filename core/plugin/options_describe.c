/*
 * A plugin's settings for people: options_describe() of options.h, behind `countersign plugin help`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plugin/options.h"

const char *options_type_name(enum cs_option_type type)
{
    switch (type) {
    case CS_OPTION_STRING:
        return "string";
    case CS_OPTION_SECRET:
        return "secret";
    case CS_OPTION_INT:
        return "number";
    case CS_OPTION_BOOL:
        return "bool";
    case CS_OPTION_SECONDS:
        return "seconds";
    case CS_OPTION_SIZE:
        return "size";
    case CS_OPTION_URL:
        return "url";
    case CS_OPTION_STRINGS:
        return "strings";
    case CS_OPTION_END:
        break;
    }
    return "?";
}

static void describe_fallback(const struct cs_option *option, char out[64])
{
    bool quoted = option->type == CS_OPTION_STRING || option->type == CS_OPTION_URL || option->type == CS_OPTION_STRINGS;

    if (!option->fallback)
        snprintf(out, 64, "mandatory");
    else if (!*option->fallback)
        snprintf(out, 64, "none");
    else if (option->type == CS_OPTION_SECRET)
        snprintf(out, 64, "***");
    else
        snprintf(out, 64, quoted ? "\"%s\"" : "%s", option->fallback);
}

static void describe_range(const struct cs_option *option, char out[80])
{
    char min[32], max[32];

    out[0] = '\0';
    if (option->min == 0 && option->max == 0)
        return;
    if (option->type == CS_OPTION_SECONDS) {
        duration_text(min, option->min);
        duration_text(max, option->max);
        snprintf(out, 80, " (%s to %s)", min, max);
    } else if (option->type == CS_OPTION_INT || option->type == CS_OPTION_SIZE) {
        snprintf(out, 80, " (%" PRId64 " to %" PRId64 ")", option->min, option->max);
    }
}

bool options_allow_insecure(const struct cs_option *table, size_t stride)
{
    struct cs_option option;
    bool url = false;

    for (const unsigned char *at = (const unsigned char *)table; at; at += stride) {
        option = (struct cs_option){ 0 };
        memcpy(&option, at, stride < sizeof option ? stride : sizeof option);
        if (option.type == CS_OPTION_END)
            break;
        if (strcmp(option.name, "insecure") == 0)
            return false;
        url = url || option.type == CS_OPTION_URL;
    }
    return url;
}

void options_describe(const struct cs_option *table, size_t stride, struct text *out)
{
    char fallback[64], range[80];
    struct cs_option option;

    for (const unsigned char *at = (const unsigned char *)table; at; at += stride) {
        option = (struct cs_option){ 0 };
        memcpy(&option, at, stride < sizeof option ? stride : sizeof option);
        if (option.type == CS_OPTION_END)
            return;
        describe_fallback(&option, fallback);
        describe_range(&option, range);
        text_addf(out, "%-20s %-8s %-20s %s%s\n", option.name, options_type_name(option.type), fallback,
                  option.help ? option.help : "", range);
    }
}
