/*
 * Text inside HTML; see html.h. Called by command/report_html.c and its charts.
 */
#include "base/html.h"

#include "base/glyph.h"

static const char *reference(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '`':
        return "&#96;";
    }
    return glyph_is_shown(character) ? NULL : GLYPH_REPLACEMENT;
}

void html_add(struct text *out, const char *s)
{
    uint32_t character;
    size_t length;

    for (; *s; s += length) {
        length = glyph_next(s, &character);
        if (reference(character))
            text_add(out, reference(character));
        else if (character == 0xfffd)
            text_add(out, GLYPH_REPLACEMENT);
        else
            text_add_n(out, s, length);
    }
}
