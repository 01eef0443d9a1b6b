/*
 * A label's value in the plainest letters that say the same, so that label_personal.c sees through how it is written. Pure.
 */
#ifndef RECORDS_LABEL_FOLD_H
#define RECORDS_LABEL_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#define LABEL_FOLD_OTHER '\x7f' /* stands for a character that has no plain form */

/* Every digit of Unicode as 0 to 9, full-width forms as ASCII, letters of ASCII in lower case; what is not seen goes. `out` has
 * room for len + 1 bytes, and may be `text` itself. Returns the new length. */
size_t label_fold(const char *text, size_t len, char *out);

/* Take one level of percent-encoding off, in place. False: there is none. */
bool label_fold_percent(char *text, size_t *len);

#endif
