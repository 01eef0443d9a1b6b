/* TXT data in presentation format; see txt.h. */
#include "txt.h"

#include <string.h>

#define STRING_MOST 255 /* RFC 1035 3.3: a character-string's length is one byte */

static void quote_one(struct text *out, const char *bytes, size_t len)
{
    text_add_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '"' || c == '\\')
            text_addf(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            text_addf(out, "\\%03u", c);
        else
            text_add_char(out, (char)c);
    }
    text_add_char(out, '"');
}

void txt_quote(struct text *out, const char *value)
{
    size_t left = strlen(value);

    do {
        size_t len = left < STRING_MOST ? left : STRING_MOST;

        quote_one(out, value, len);
        value += len;
        left -= len;
        if (left > 0)
            text_add_char(out, ' ');
    } while (left > 0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The byte behind a backslash, written as itself or as three digits. -1: it is neither. */
static int read_escape(const char **at)
{
    const char *c = *at;
    int byte;

    if (!is_digit(c[0])) {
        *at += c[0] != '\0';
        return c[0] != '\0' ? (unsigned char)c[0] : -1;
    }
    if (!is_digit(c[1]) || !is_digit(c[2]))
        return -1;
    byte = (c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0');
    *at += 3;
    return byte <= 255 ? byte : -1;
}

static bool ends_here(char c, bool quoted)
{
    return c == '\0' || (quoted ? c == '"' : c == ' ' || c == '\t');
}

/* One character-string, into `out`. Its length, or -1: there is none, or it is malformed. */
static int read_string(const char **at, char out[STRING_MOST])
{
    int len = 0, byte;
    bool quoted;

    *at += strspn(*at, " \t");
    if (**at == '\0')
        return -1;
    quoted = **at == '"';
    *at += quoted;
    while (!ends_here(**at, quoted)) {
        char c = *(*at)++;

        byte = c == '\\' ? read_escape(at) : (unsigned char)c;
        if (byte < 0 || len == STRING_MOST)
            return -1;
        out[len++] = (char)byte;
    }
    if (quoted && *(*at)++ != '"')
        return -1;
    return len;
}

bool txt_is(const char *content, const char *value)
{
    char string[STRING_MOST];
    size_t left = strlen(value);

    do {
        size_t len = left < STRING_MOST ? left : STRING_MOST;

        if (read_string(&content, string) != (int)len || memcmp(string, value, len) != 0)
            return false;
        value += len;
        left -= len;
    } while (left > 0);
    return content[strspn(content, " \t")] == '\0';
}
