/*
 * base/html.c, csv.c and terminal.c: whatever is shown leaves neither a tag, a quote nor a control behind, and what was written
 * as CSV is read back as one field.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/html.h"
#include "base/terminal.h"
#include "base/glyph.h"

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* Every byte is part of a character, and every character may be shown. Returns how many columns. */
static size_t check_shown(const char *s)
{
    size_t width = 0;
    uint32_t character;

    for (size_t length; *s; s += length) {
        length = glyph_next(s, &character);
        need(character != 0xfffd || length == 3, "UTF-8 only");
        need(glyph_is_shown(character), "only what is shown");
        width += glyph_width(character);
    }
    return width;
}

static void check_html(const char *s)
{
    struct text out = TEXT_MAX(1 << 20);

    html_add(&out, s);
    check_shown(text_of(&out));
    need(!strpbrk(text_of(&out), "<>\"'`"), "no tag, no quote");
    for (const char *c = strchr(text_of(&out), '&'); c; c = strchr(c + 1, '&'))
        need(strcspn(c, ";") <= 5, "only our references");
    text_free(&out);
}

static void check_csv(const char *s)
{
    struct text out = TEXT_MAX(1 << 20);
    const char *c;

    csv_add(&out, s);
    c = text_of(&out);
    check_shown(c);
    need(!strchr("=+-@", *c), "no formula");
    if (*c == '"') {
        need(!strchr("=+-@", c[1]), "no quoted formula");
        for (c++; *c && (*c != '"' || c[1] == '"'); c += *c == '"' ? 2 : 1)
            ;
        need(*c == '"' && !c[1], "one field");
    } else {
        need(!strpbrk(c, ",\"\r\n"), "one plain field");
    }
    text_free(&out);
}

static void check_terminal(const char *s)
{
    struct text out = TEXT_MAX(1 << 20);

    terminal_add(&out, s);
    need(check_shown(text_of(&out)) == terminal_width(s), "as wide as it was said to be");
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = size < 10000 ? text_copy_n((const char *)data, size) : NULL;

    if (!s)
        return 0;
    check_html(s);
    check_csv(s);
    check_terminal(s);
    free(s);
    return 0;
}
