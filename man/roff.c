/*
 * Text for man(7); see roff.h.
 */
#include "roff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The code point at *text, which is UTF-8 of ours, and moves on. */
static uint32_t next_point(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    const int more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? *at : *at & (0x3fu >> more);

    for (int i = 1; i <= more; i++)
        point = point << 6 | (at[i] & 0x3f);
    *text += 1 + more;
    return point;
}

static void put(FILE *to, uint32_t point, bool begins_line)
{
    if (begins_line && (point == '.' || point == '\''))
        fputs("\\&", to);
    if (point == '\\')
        fputs("\\e", to);
    else if (point == '-')
        fputs("\\-", to);
    else if (point == '\'')
        fputs("\\(aq", to);
    else if (point == '`')
        fputs("\\(ga", to);
    else if (point == '^')
        fputs("\\(ha", to);
    else if (point == '~')
        fputs("\\(ti", to);
    else if (point < 0x80)
        fputc((int)point, to);
    else
        fprintf(to, "\\[u%04X]", (unsigned)point);
}

static void put_n(FILE *to, const char *text, size_t len)
{
    const char *end = text + len;

    for (bool begins = true; text < end;) {
        const uint32_t point = next_point(&text);

        put(to, point, begins);
        begins = point == '\n';
    }
}

void roff_text(FILE *to, const char *text)
{
    put_n(to, text, strlen(text));
}

void roff_paragraphs(FILE *to, const char *text)
{
    bool kept = false;

    while (*text) {
        const size_t len = strcspn(text, "\n");

        if (len == 0) {
            fputs(kept ? ".fi\n.PP\n" : ".PP\n", to);
            kept = false;
        } else {
            if ((*text == ' ') != kept)
                fputs(kept ? ".fi\n" : ".nf\n", to);
            kept = *text == ' ';
            put_n(to, text, len);
            fputc('\n', to);
        }
        text += len + (text[len] == '\n');
    }
    if (kept)
        fputs(".fi\n", to);
}

void roff_item(FILE *to, const char *term, const char *value, const char *help)
{
    fputs(".TP\n\\fB", to);
    roff_text(to, term);
    fputs("\\fR", to);
    if (value) {
        fputs(" \\fI", to);
        roff_text(to, value);
        fputs("\\fR", to);
    }
    fputc('\n', to);
    roff_text(to, help);
    fputc('\n', to);
}
