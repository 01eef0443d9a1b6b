/*
 * The four forms of a request target, and the Host field; see target.h. Called by message.c. Pure.
 */
#include "http/target.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/base64url.h"

#define MAX_PORT 65535

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("-._~", c));
}

/* Only unreserved characters, sub-delims, those in `more`, and %XX (RFC 3986 2). */
static bool is_made_of(struct span s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (c == '%') {
            if (s.len - i < 3 || hex_digit(s.at[i + 1]) < 0 || hex_digit(s.at[i + 2]) < 0)
                return false;
            i += 2;
        } else if (!is_unreserved(c) && !(c != '\0' && (strchr("!$&'()*+,;=", c) || strchr(more, c)))) {
            return false;
        }
    }
    return true;
}

static bool is_visible(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~' || s.at[i] == '#')
            return false;
    return true;
}

static bool is_ipv6(struct span s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (s.len >= sizeof text || memchr(s.at, '\0', s.len))
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(struct span s)
{
    return s.len == 0 || (s.len <= 5 && syntax_number(s, MAX_PORT) >= 0 && syntax_number(s, MAX_PORT) <= MAX_PORT);
}

/* Where the host ends and ":port" begins. */
static size_t host_end(struct span s)
{
    const char *at = s.len && s.at[0] == '[' ? memchr(s.at, ']', s.len) : memchr(s.at, ':', s.len);

    if (!at)
        return s.len;
    return (size_t)(at - s.at) + (*at == ']' ? 1 : 0);
}

bool target_is_authority(struct span text)
{
    size_t end = host_end(text);
    struct span host = { text.at, end }, rest = { text.at + end, text.len - end };

    if (rest.len && (rest.at[0] != ':' || !is_port((struct span){ rest.at + 1, rest.len - 1 })))
        return false;
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        return is_ipv6((struct span){ host.at + 1, host.len - 2 });
    return host.len && is_made_of(host, "");
}

static const char *parse_path(struct target *out, struct span text)
{
    const char *mark = memchr(text.at, '?', text.len);
    size_t len = mark ? (size_t)(mark - text.at) : text.len;

    out->path = (struct span){ text.at, len };
    out->query = mark ? (struct span){ mark + 1, text.len - len - 1 } : (struct span){ text.at + len, 0 };
    if (!is_made_of(out->path, ":@/"))
        return "the path holds characters that must be percent-encoded";
    if (!is_visible(out->query))
        return "the query holds characters that must be percent-encoded";
    return NULL;
}

static const char *parse_absolute(struct target *out, struct span text, bool options)
{
    const char *problem;
    size_t scheme = 0, end;

    if (text.len >= 7 && syntax_same_nocase((struct span){ text.at, 7 }, "http://"))
        scheme = 7;
    else if (text.len >= 8 && syntax_same_nocase((struct span){ text.at, 8 }, "https://"))
        scheme = 8;
    if (!scheme)
        return "the request target is neither a path nor an http or https URL";
    for (end = scheme; end < text.len && text.at[end] != '/' && text.at[end] != '?'; end++)
        ;
    out->form = TARGET_ABSOLUTE;
    out->authority = (struct span){ text.at + scheme, end - scheme };
    if (!target_is_authority(out->authority))
        return "the URL in the request line has no valid host";
    problem = parse_path(out, (struct span){ text.at + end, text.len - end });
    if (!problem && options && end == text.len)
        out->form = TARGET_ASTERISK;
    return problem;
}

static const char *parse_authority(struct target *out, struct span text)
{
    size_t end = host_end(text);

    if (!target_is_authority(text) || text.len - end < 2)
        return "CONNECT needs host:port as its target";
    out->form = TARGET_AUTHORITY;
    out->authority = text;
    return NULL;
}

const char *target_parse(struct target *out, struct span text, bool connect, bool options)
{
    *out = (struct target){ .form = TARGET_ORIGIN, .path = { text.at, 0 }, .query = { text.at, 0 } };
    if (connect)
        return parse_authority(out, text);
    if (text.len && text.at[0] == '/')
        return parse_path(out, text);
    if (syntax_same(text, "*")) {
        out->form = TARGET_ASTERISK;
        return options ? NULL : "only OPTIONS may have the target \"*\"";
    }
    return parse_absolute(out, text, options);
}
