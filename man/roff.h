/*
 * Text for man(7): what roff would take for its own is escaped. Used by manual.c and completion.c's neighbours only.
 */
#ifndef MAN_ROFF_H
#define MAN_ROFF_H

#include <stdio.h>

/* Words as they are; a newline begins a new line of input, not of output. */
void roff_text(FILE *to, const char *text);
/* Paragraphs, separated by empty lines. Lines that begin with a space are kept as they are. */
void roff_paragraphs(FILE *to, const char *text);
/* A term in bold, its value in italics (NULL: none), and what it means. */
void roff_item(FILE *to, const char *term, const char *value, const char *help);

#endif
