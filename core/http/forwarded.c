/*
 * Reads what proxies say about a request's origin; see forwarded.h. Called by arrival.c. Pure.
 */
#include "http/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

#define MOST_HOPS 32 /* entries of trusted proxies */
#define MOST_NODE 64 /* bytes of an entry's address, port and brackets included */

/* ---- One address: RFC 7239 6, and what stands in X-Forwarded-For ---- */

static bool is_obfuscated(struct span s)
{
    for (size_t i = 1; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return s.len >= 2 && s.at[0] == '_';
}

static bool is_port(struct span s)
{
    return (s.len <= 5 && syntax_number(s, 65535) >= 0 && syntax_number(s, 65535) <= 65535) || is_obfuscated(s);
}

/* Splits "NAME", "NAME:PORT", "[NAME]", "[NAME]:PORT", and an IPv6 address that lacks its brackets. False: malformed. */
static bool split_node(struct span node, struct span *name, struct span *port)
{
    const char *colon = memchr(node.at, ':', node.len), *end = node.at + node.len, *close;

    *name = node;
    *port = (struct span){ end, 0 };
    if (node.len && node.at[0] == '[') {
        close = memchr(node.at, ']', node.len);
        if (!close || (close + 1 < end && close[1] != ':') || close + 2 == end)
            return false;
        *name = (struct span){ node.at + 1, (size_t)(close - node.at - 1) };
        if (close + 2 < end)
            *port = (struct span){ close + 2, (size_t)(end - close - 2) };
        return memchr(name->at, ':', name->len) != NULL;
    }
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return true;
    *name = (struct span){ node.at, (size_t)(colon - node.at) };
    *port = (struct span){ colon + 1, (size_t)(end - colon - 1) };
    return port->len > 0;
}

/* A zone (RFC 4007 11) says nothing outside of its host. */
static bool set_address(struct peer *out, struct span name)
{
    const char *percent = memchr(name.at, '%', name.len);
    char ip[INET6_ADDRSTRLEN] = "";
    size_t len = percent ? (size_t)(percent - name.at) : name.len;

    if (len >= sizeof ip || (percent && len + 1 == name.len))
        return false;
    memcpy(ip, name.at, len);
    *out = (struct peer){ 0 };
    if (!percent && inet_pton(AF_INET, ip, &out->address.v4.sin_addr) == 1) {
        out->address.v4.sin_family = AF_INET;
        out->len = sizeof out->address.v4;
        return true;
    }
    if (inet_pton(AF_INET6, ip, &out->address.v6.sin6_addr) != 1)
        return false;
    out->address.v6.sin6_family = AF_INET6;
    out->len = sizeof out->address.v6;
    return true;
}

static enum forwarded read_node(struct peer *out, struct span node)
{
    struct span name, port;

    if (!split_node(node, &name, &port) || (port.len && !is_port(port)))
        return FORWARDED_MALFORMED;
    if (syntax_same_nocase(name, "unknown") || is_obfuscated(name))
        return FORWARDED_UNKNOWN;
    return set_address(out, name) ? FORWARDED_FOUND : FORWARDED_MALFORMED;
}

/* ---- One entry ---- */

/* The value of a forwarded-pair: a quoted string without its quotes and backslashes, or a token; brackets and colons, which
 * should be quoted, pass. *len may be more than `out` holds: then it is cut. False: malformed. */
static bool read_value(struct span value, char out[MOST_NODE], size_t *len)
{
    bool quoted = value.len && value.at[0] == '"';

    *len = 0;
    for (size_t i = quoted; i < value.len; i++) {
        char c = value.at[i];

        if (quoted && c == '"')
            return i + 1 == value.len;
        if (quoted && c == '\\' && ++i < value.len)
            c = value.at[i];
        else if (!quoted && !syntax_is_token_char(c) && !strchr(":[]", c))
            return false;
        if (*len < MOST_NODE)
            out[*len] = c;
        ++*len;
    }
    return !quoted && *len > 0;
}

/* RFC 7239 4: pairs NAME=VALUE with semicolons between them; only "for" is of interest, but all must be right: a quote that a
 * client left open ends in what the proxy has added behind it. */
static enum forwarded read_element(struct peer *out, struct span element)
{
    enum forwarded found = FORWARDED_UNKNOWN; /* it does not say */
    struct span pair;
    bool seen = false;

    while (syntax_next(&element, ';', &pair)) {
        const char *equals = memchr(pair.at, '=', pair.len);
        struct span name = { pair.at, equals ? (size_t)(equals - pair.at) : 0 };
        bool is_for = syntax_same_nocase(name, "for");
        char node[MOST_NODE];
        size_t len;

        if (!pair.len)
            continue;
        if (!equals || !syntax_is_token(name) || !read_value((struct span){ equals + 1, pair.len - name.len - 1 }, node, &len))
            return FORWARDED_MALFORMED;
        if (!is_for)
            continue;
        if (seen || len > MOST_NODE)
            return FORWARDED_MALFORMED;
        found = read_node(out, (struct span){ node, len });
        seen = true;
    }
    return found;
}

/* ---- All entries, from the last one ---- */

struct field {
    const char *name;
    bool (*next)(struct span *line, struct span *entry);
    enum forwarded (*read)(struct peer *out, struct span entry);
};

static bool next_element(struct span *line, struct span *entry)
{
    return syntax_next(line, ',', entry);
}

/* There are no quotes here: one that a client wrote must not swallow what a proxy has added behind it. */
static bool next_node(struct span *line, struct span *entry)
{
    const char *comma = line->at ? memchr(line->at, ',', line->len) : NULL;
    size_t len = comma ? (size_t)(comma - line->at) : line->len;

    if (!line->at)
        return false;
    *entry = syntax_trim((struct span){ line->at, len });
    *line = comma ? (struct span){ comma + 1, line->len - len - 1 } : (struct span){ NULL, 0 };
    return true;
}

static const struct field forwarded = { "Forwarded", next_element, read_element };
static const struct field forwarded_for = { "X-Forwarded-For", next_node, read_node };

/* The last MOST_HOPS entries of all lines of a field; *n counts them all. */
static void collect(struct span last[MOST_HOPS], size_t *n, const struct message *m, const struct field *field)
{
    struct span line, entry;

    *n = 0;
    for (size_t i = 0; message_field(m, field->name, i, &line); i++)
        while (field->next(&line, &entry))
            if (entry.len)
                last[(*n)++ % MOST_HOPS] = entry;
}

static enum forwarded walk(struct peer *out, const struct message *m, const struct field *field, const struct proxies *proxies)
{
    struct span last[MOST_HOPS], line;
    enum forwarded found = message_field(m, field->name, 0, &line) ? FORWARDED_UNKNOWN : FORWARDED_NONE;
    size_t n, hops;

    collect(last, &n, m, field);
    hops = n < MOST_HOPS ? n : MOST_HOPS;
    for (size_t i = 1; i <= hops; i++) {
        found = field->read(out, last[(n - i) % MOST_HOPS]);
        if (found != FORWARDED_FOUND || !proxies_trust(proxies, &out->address.any, out->len))
            return found;
    }
    return n > MOST_HOPS ? FORWARDED_MALFORMED : found;
}

static bool is_same(const struct peer *a, const struct peer *b)
{
    if (a->len != b->len)
        return false;
    if (a->address.any.sa_family == AF_INET)
        return a->address.v4.sin_addr.s_addr == b->address.v4.sin_addr.s_addr;
    return memcmp(&a->address.v6.sin6_addr, &b->address.v6.sin6_addr, sizeof a->address.v6.sin6_addr) == 0;
}

enum forwarded forwarded_read(struct peer *out, const struct message *m, const struct proxies *proxies)
{
    struct peer other;
    enum forwarded standard = walk(out, m, &forwarded, proxies);
    enum forwarded usual = walk(&other, m, &forwarded_for, proxies);

    if (standard == FORWARDED_NONE) {
        *out = other;
        return usual;
    }
    if (usual == FORWARDED_NONE)
        return standard;
    if (standard != usual || (standard == FORWARDED_FOUND && !is_same(out, &other)))
        return FORWARDED_MALFORMED;
    return standard;
}
