/*
 * What is shown on a terminal; see terminal.h. Called by command/report_text.c.
 */
#include "base/terminal.h"

#include "base/glyph.h"

void terminal_add(struct text *out, const char *s)
{
    while (*s)
        s += glyph_add(out, s);
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
