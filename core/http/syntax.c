/*
 * Tokens, lists, quoted strings, numbers and UTF-8; see syntax.h. Called by the readers of http/. Pure.
 */
#include "http/syntax.h"

#include <string.h>

struct span syntax_span(const char *text)
{
    return (struct span){ text, strlen(text) };
}

bool syntax_same(struct span s, const char *text)
{
    return strlen(text) == s.len && memcmp(s.at, text, s.len) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool syntax_same_nocase(struct span s, const char *text)
{
    if (strlen(text) != s.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (lower(s.at[i]) != lower(text[i]))
            return false;
    return true;
}

bool syntax_is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

bool syntax_is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!syntax_is_token_char(s.at[i]))
            return false;
    return s.len > 0;
}

bool syntax_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

struct span syntax_trim(struct span s)
{
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static size_t find_outside_quotes(struct span s, char wanted)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (quoted && s.at[i] == '\\')
            i++;
        else if (s.at[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.at[i] == wanted)
            break;
    }
    return i < s.len ? i : s.len;
}

bool syntax_next(struct span *rest, char separator, struct span *piece)
{
    size_t end;

    if (!rest->at)
        return false;
    end = find_outside_quotes(*rest, separator);
    *piece = syntax_trim((struct span){ rest->at, end });
    if (end == rest->len)
        *rest = (struct span){ NULL, 0 };
    else
        *rest = (struct span){ rest->at + end + 1, rest->len - end - 1 };
    return true;
}

void syntax_parameter(struct span piece, struct span *name, struct span *value)
{
    size_t equals = find_outside_quotes(piece, '=');

    *name = syntax_trim((struct span){ piece.at, equals });
    *value = (struct span){ piece.at + equals, 0 };
    if (equals == piece.len)
        return;
    *value = syntax_trim((struct span){ piece.at + equals + 1, piece.len - equals - 1 });
    if (value->len >= 2 && value->at[0] == '"' && value->at[value->len - 1] == '"')
        *value = (struct span){ value->at + 1, value->len - 2 };
}

int64_t syntax_number(struct span s, int64_t most)
{
    int64_t number = 0;

    if (!s.len)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        int digit = s.at[i] - '0';

        if (digit < 0 || digit > 9)
            return -1;
        if (number <= most / 10)
            number = number * 10 + digit;
        else
            number = most + 1;
        if (number > most)
            number = most + 1;
    }
    return number;
}
