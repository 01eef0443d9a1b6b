/*
 * Quotes a word for a POSIX shell; see shell_word.h.
 */
#include "base/shell_word.h"

#include <string.h>

void shell_word_add(struct text *out, const char *word)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-";

    if (word[0] && word[strspn(word, safe)] == '\0') {
        text_add(out, word);
        return;
    }
    text_add_char(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            text_add(out, "'\\'");
        text_add_char(out, *word);
    }
    text_add_char(out, '\'');
}
