/*
 * Text that grows in a bounded buffer. Used wherever text is put together; sprintf and its kin are banned.
 * Once something did not fit (or memory ran out) the text has failed: later calls do nothing, and text_failed() says so.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <countersign/plugin.h>

struct text {
    char *at;   /* NUL-terminated once something was added; else NULL */
    size_t len; /* without the NUL */
    size_t cap, most;
    bool failed;
};

#define TEXT_MAX(most_) ((struct text){ .most = (most_) }) /* at most that many bytes, without the NUL */

void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
void text_addf(struct text *t, const char *format, ...) CS_PRINTF(2, 3);
void text_add_char(struct text *t, char c);
bool text_failed(const struct text *t);
const char *text_of(const struct text *t); /* never NULL: "" when empty */
char *text_take(struct text *t);           /* the caller frees it; NULL when failed; an empty text gives "" */
void text_clear(struct text *t);           /* empty again, not failed */
void text_free(struct text *t);            /* frees the buffer; usable again */

/* strdup() of at most n bytes that stops at a NUL; NULL without memory. */
char *text_copy(const char *s);
char *text_copy_n(const char *s, size_t n);

#endif
