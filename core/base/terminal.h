/*
 * Text of anybody's making, shown on a terminal: nothing in it may move the cursor, hide, or turn the direction of writing.
 * Used by command/report_text.c. Pure.
 */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include "base/text.h"

/* `s` with U+FFFD for each character that glyph_is_shown() refuses, and for each byte that is not UTF-8. */
void terminal_add(struct text *out, const char *s);

/* How many columns terminal_add() makes of it. */
size_t terminal_width(const char *s);

#endif
