/*
 * Quotes a word for a POSIX shell. Used wherever Countersign shows a command line to paste: request/csr_advice.c and
 * `countersign sign --print`.
 */
#ifndef BASE_SHELL_WORD_H
#define BASE_SHELL_WORD_H

#include "base/text.h"

/* Add `word` so that a shell reads exactly it: as it is when that is safe, else in single quotes. */
void shell_word_add(struct text *out, const char *word);

#endif
