/*
 * Fields of comma-separated values; see csv.h. Called by command/report_csv.c.
 */
#include "base/csv.h"

#include <string.h>

#include "base/glyph.h"

/* Would a spreadsheet compute it? Some skip what stands in front as white space, some map full-width forms to ASCII. */
static bool is_formula(const char *s)
{
    uint32_t character = ' ';

    while (*s && (character == ' ' || character == 0xa0 || character == 0x3000 || !glyph_is_shown(character)))
        s += glyph_next(s, &character);
    switch (character) {
    case '=':
    case '+':
    case '-':
    case '@':
    case '|':
    case '%':
    case 0xff1d:
    case 0xff0b:
    case 0xff0d:
    case 0xff20:
    case 0x2212:
        return true;
    }
    return false;
}

/* The apostrophe of a text that has one already would be taken away: it gets another. */
static bool needs_apostrophe(const char *s)
{
    return is_formula(s) || *s == '\'';
}

static void add_quoted(struct text *out, const char *s)
{
    text_add_char(out, '"');
    if (needs_apostrophe(s))
        text_add_char(out, '\'');
    while (*s) {
        if (*s == '"')
            text_add_char(out, '"');
        s += glyph_add(out, s);
    }
    text_add_char(out, '"');
}

static bool is_plain(const char *s)
{
    for (const char *c = s; *c; c++)
        if (!(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z') && !(*c >= 'a' && *c <= 'z') && !strchr("-_.:/ ", *c))
            return false;
    return *s && !needs_apostrophe(s);
}

void csv_add(struct text *out, const char *s)
{
    if (!s)
        return;
    if (is_plain(s))
        text_add(out, s);
    else
        add_quoted(out, s);
}

void csv_add_number(struct text *out, const char *s)
{
    if (s)
        text_add(out, s);
}
