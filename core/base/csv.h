/*
 * Fields of comma-separated values, RFC 4180, that do no harm in a spreadsheet. Used by command/report_csv.c. Pure.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/text.h"

/* One field, quoted where it must be; the commas and line ends (CR LF) are the caller's. NULL is nothing at all, an empty text
 * is two quotes. What a spreadsheet would compute (a text that begins with = + - @, also the full-width ones, after white space
 * too) gets an apostrophe in front, which spreadsheets take for "this is text". What glyph_is_shown() refuses is U+FFFD. */
void csv_add(struct text *out, const char *s);

/* A number as we write it: never with an apostrophe. */
void csv_add_number(struct text *out, const char *s);

#endif
