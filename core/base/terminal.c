/*
 * What is shown on a terminal; see terminal.h. Called by command/report_text.c.
 */
#include "base/terminal.h"

#include "base/glyph.h"

void terminal_add(struct text *out, const char *s)
{
    uint32_t character;
    size_t length;

    for (; *s; s += length) {
        length = glyph_next(s, &character);
        if (character == 0xfffd || !glyph_is_shown(character))
            text_add(out, GLYPH_REPLACEMENT);
        else
            text_add_n(out, s, length);
    }
}

size_t terminal_width(const char *s)
{
    size_t width = 0;
    uint32_t character;

    while (*s) {
        s += glyph_next(s, &character);
        width += glyph_is_shown(character) ? glyph_width(character) : 1;
    }
    return width;
}
