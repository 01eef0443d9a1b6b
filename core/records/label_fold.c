/*
 * Folds what looks alike; see label_fold.h. Called by label_personal.c. Pure.
 */
#include "records/label_fold.h"

#include <string.h>

#include "base/base64url.h"
#include "base/utf8.h"

/* The zeros of Unicode's decimal digits (general category Nd, version 15); each script's other nine follow it. */
static const uint32_t zeros[] = {
    0x0660,  0x06f0,  0x07c0,  0x0966,  0x09e6,  0x0a66,  0x0ae6,  0x0b66,  0x0be6,  0x0c66,  0x0ce6,  0x0d66,  0x0de6,
    0x0e50,  0x0ed0,  0x0f20,  0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,
    0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
    0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4d0,
    0x1e950, 0x1fbf0,
    0x2070, 0x2080, /* raised and lowered */
};

/* The other raised ones stand elsewhere; some signs have a small or an ideographic form. */
static const struct {
    uint32_t code;
    char plain;
} signs[] = {
    { 0xb9, '1' },   { 0xb2, '2' },   { 0xb3, '3' },   { 0x3002, '.' }, { 0xff61, '.' }, { 0x2024, '.' }, { 0xfe52, '.' },
    { 0xfe55, ':' }, { 0xfe6b, '@' }, { 0xfe63, '-' }, { 0x2010, '-' }, { 0x2011, '-' }, { 0x2012, '-' }, { 0x2013, '-' },
    { 0x2014, '-' }, { 0x2212, '-' }, { 0xfe6a, '%' }, { 0xa0, ' ' },   { 0x3000, ' ' },
};

/* Soft hyphens, joiners, variation selectors: they are there, and nobody sees them. */
static bool is_unseen(uint32_t code)
{
    return code == 0xad || code == 0x34f || code == 0x180e || (code >= 0x200b && code <= 0x200d) ||
           (code >= 0x2060 && code <= 0x2064) || (code >= 0xfe00 && code <= 0xfe0f);
}

static char plain_of(uint32_t code)
{
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (code >= zeros[i] && code <= zeros[i] + 9)
            return (char)('0' + (code - zeros[i]));
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (code == signs[i].code)
            return signs[i].plain;
    return LABEL_FOLD_OTHER;
}

size_t label_fold(const char *text, size_t len, char *out)
{
    size_t n = 0, used;

    for (size_t i = 0; i < len; i += used) {
        uint32_t code = 0xfffd;

        used = utf8_read(text + i, len - i, &code);
        used = used ? used : 1;
        if (is_unseen(code))
            continue;
        if (code >= 0xff01 && code <= 0xff5e)
            code -= 0xfee0;
        if (code >= 0x80 || code == 0)
            out[n++] = plain_of(code);
        else
            out[n++] = code >= 'A' && code <= 'Z' ? (char)(code + ('a' - 'A')) : (char)code;
    }
    out[n] = '\0';
    return n;
}

/* The value of "%XX", or -1. */
static int coded(const char *text, size_t len)
{
    const bool is_coded = len >= 3 && text[0] == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0;

    return is_coded ? hex_digit(text[1]) << 4 | hex_digit(text[2]) : -1;
}

bool label_fold_percent(char *text, size_t *len)
{
    size_t n = 0;
    bool found = false;

    for (size_t i = 0; i < *len; i++) {
        int byte = coded(text + i, *len - i);

        text[n++] = byte < 0 ? text[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
        found |= byte >= 0;
    }
    *len = n;
    text[n] = '\0';
    return found;
}
