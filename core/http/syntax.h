/*
 * The small syntax that HTTP fields are made of (RFC 9110 5.6): tokens, optional white space, lists, quoted strings. Used by
 * every reader in http/. Pure: spans point into bytes that belong to the caller.
 */
#ifndef HTTP_SYNTAX_H
#define HTTP_SYNTAX_H

#include <countersign/plugin.h>

struct span {
    const char *at;
    size_t len;
};

struct span syntax_span(const char *text);
bool syntax_same(struct span s, const char *text);        /* byte for byte */
bool syntax_same_nocase(struct span s, const char *text); /* ASCII letters of either case */

bool syntax_is_token_char(char c);  /* RFC 9110 5.6.2 */
bool syntax_is_token(struct span s); /* at least one character */
bool syntax_is_control(char c);     /* 0 to 31 and 127; a tab is one, too */

/* Without the spaces and tabs at both ends (RFC 9110 5.6.3). */
struct span syntax_trim(struct span s);

/* Take the next piece in front of `separator` off *rest, trimmed; separators inside quoted strings do not count. False: there
 * is none left. An empty piece is a piece. */
bool syntax_next(struct span *rest, char separator, struct span *piece);

/* "name=value" or "name": the value is trimmed, without the quotes of a quoted string (whose backslashes stay). */
void syntax_parameter(struct span piece, struct span *name, struct span *value);

/* Digits only, at least one. A number over `most` gives most + 1. -1: not a number. */
int64_t syntax_number(struct span s, int64_t most);

#endif
