/*
 * Text that grows in a bounded buffer; see text.h. Used everywhere.
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct text *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 64;
    char *at;

    if (t->failed || more > t->most - t->len) {
        t->failed = true;
        return false;
    }
    if (t->len + more < t->cap)
        return true;
    while (cap <= t->len + more)
        cap *= 2;
    at = realloc(t->at, cap);
    if (!at) {
        t->failed = true;
        return false;
    }
    t->at = at;
    t->cap = cap;
    return true;
}

void text_add_n(struct text *t, const char *s, size_t n)
{
    if (!make_room(t, n))
        return;
    if (n)
        memcpy(t->at + t->len, s, n);
    t->len += n;
    t->at[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_add_n(t, s, strlen(s));
}

void text_add_char(struct text *t, char c)
{
    text_add_n(t, &c, 1);
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        t->failed = true;
        return;
    }
    if (!make_room(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->at + t->len, (size_t)n + 1, format, args);
    va_end(args);
    t->len += (size_t)n;
}

bool text_failed(const struct text *t)
{
    return t->failed;
}

const char *text_of(const struct text *t)
{
    return t->at ? t->at : "";
}

char *text_take(struct text *t)
{
    char *at = NULL;

    if (!t->failed)
        at = t->at ? t->at : calloc(1, 1);
    else
        free(t->at);
    *t = TEXT_MAX(t->most);
    return at;
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->at)
        t->at[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->at);
    *t = TEXT_MAX(t->most);
}

char *text_copy_n(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = malloc(len + 1);

    if (copy) {
        memcpy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}

char *text_copy(const char *s)
{
    return text_copy_n(s, strlen(s));
}
