/*
 * Text that comes from anywhere, for those who show it: its characters one by one, which of them may be shown, and how many
 * columns of a terminal they take. Used by terminal.c, html.c and csv.c. Pure.
 */
#ifndef BASE_GLYPH_H
#define BASE_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

#define GLYPH_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The character that `s`, a text that is not at its end, begins with, and its length in bytes. A byte that is not of UTF-8 is
 * U+FFFD. */
size_t glyph_next(const char *s, uint32_t *character);

/* False for what acts on a reader's screen or deceives his eye instead of being seen: controls, marks that turn the direction
 * of writing, characters without any width, line separators, tags, noncharacters. */
bool glyph_is_shown(uint32_t character);

/* Adds the character that `s` begins with to a plain text, or U+FFFD if it is not to be shown. Returns its length in `s`. */
size_t glyph_add(struct text *out, const char *s);

/* Columns on a terminal: 0 (it is put over the one before), 1 or 2 (Unicode 14, East Asian Width W and F). */
unsigned glyph_width(uint32_t character);

#endif
