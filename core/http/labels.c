/*
 * Reads labels strictly; see labels.h. Called by api.c. Pure.
 */
#include "http/labels.h"

#include <string.h>

#include "base/base64url.h"
#include "base/utf8.h"

#define QUERY_PREFIX "label."

static int refuse(struct cs_error *err, const char *why)
{
    return cs_fail_as(err, CS_EINPUT, "bad-label", "%s", why);
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return s.len >= 1 && s.len <= LABELS_MAX_NAME;
}

/* Not controls, line and paragraph separators, marks that turn the direction of writing, or noncharacters. */
static bool is_printable(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e))
        return false;
    if ((code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0xfeff)
        return false;
    return (code & 0xfffe) != 0xfffe && !(code >= 0xfdd0 && code <= 0xfdef);
}

static bool is_value(struct span s)
{
    if (s.len < 1 || s.len > LABELS_MAX_VALUE)
        return false;
    while (s.len) {
        uint32_t code;
        size_t n = utf8_read(s.at, s.len, &code);

        if (!n || !is_printable(code))
            return false;
        s = (struct span){ s.at + n, s.len - n };
    }
    return true;
}

int labels_add(struct labels *out, struct span name, struct span value, struct cs_error *err)
{
    if (!is_name(name))
        return refuse(err, "A label's name has 1 to 32 of the characters a-z, 0-9, \"_\" and \"-\".");
    if (!is_value(value))
        return refuse(err, "A label's value has 1 to 64 bytes of printable UTF-8.");
    if (out->n == LABELS_MAX)
        return refuse(err, "A request can have 8 labels, not more.");
    for (size_t i = 0; i < out->n; i++)
        if (syntax_same(name, out->names[i]))
            return refuse(err, "Two labels of the request have the same name.");
    memcpy(out->names[out->n], name.at, name.len);
    memcpy(out->values[out->n], value.at, value.len);
    out->v[out->n] = (struct visit_label){ out->names[out->n], out->values[out->n] };
    out->n++;
    return 0;
}

static int add_field(struct labels *out, struct span field, struct cs_error *err)
{
    const char *equals = memchr(field.at, '=', field.len);
    size_t name_len = equals ? (size_t)(equals - field.at) : 0;

    if (!equals)
        return refuse(err, "X-Countersign-Label has the form NAME=VALUE.");
    return labels_add(out, (struct span){ field.at, name_len }, (struct span){ equals + 1, field.len - name_len - 1 }, err);
}

/* Decode %XX and "+". False: broken, or longer than `most`. */
static bool decode(struct span in, char *out, size_t most, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i] == '+' ? ' ' : in.at[i];

        if (c == '%') {
            if (in.len - i < 3 || hex_digit(in.at[i + 1]) < 0 || hex_digit(in.at[i + 2]) < 0)
                return false;
            c = (char)(hex_digit(in.at[i + 1]) << 4 | hex_digit(in.at[i + 2]));
            i += 2;
        }
        if (*len == most)
            return false;
        out[(*len)++] = c;
    }
    return true;
}

static bool has_prefix(const char *at, size_t len)
{
    return len >= strlen(QUERY_PREFIX) && memcmp(at, QUERY_PREFIX, strlen(QUERY_PREFIX)) == 0;
}

/* A parameter whose name is no label's is not ours, however it is written. */
static int add_parameter(struct labels *out, struct span parameter, struct cs_error *err)
{
    const char *equals = memchr(parameter.at, '=', parameter.len);
    struct span key = { parameter.at, equals ? (size_t)(equals - parameter.at) : parameter.len };
    struct span encoded = { equals ? equals + 1 : key.at + key.len, equals ? parameter.len - key.len - 1 : 0 };
    char name[sizeof QUERY_PREFIX + LABELS_MAX_NAME], value[LABELS_MAX_VALUE];
    size_t name_len, value_len, skip = strlen(QUERY_PREFIX);

    if (!decode(key, name, sizeof name, &name_len))
        return has_prefix(key.at, key.len) ? refuse(err, "A label's name in the query is too long or badly encoded.") : 0;
    if (!has_prefix(name, name_len))
        return 0;
    if (!decode(encoded, value, sizeof value, &value_len))
        return refuse(err, "A label's value in the query is too long or badly encoded.");
    return labels_add(out, (struct span){ name + skip, name_len - skip }, (struct span){ value, value_len }, err);
}

static bool next_parameter(struct span *query, struct span *parameter)
{
    const char *end;

    if (!query->len)
        return false;
    end = memchr(query->at, '&', query->len);
    *parameter = (struct span){ query->at, end ? (size_t)(end - query->at) : query->len };
    *query = (struct span){ query->at + parameter->len + (end ? 1 : 0), query->len - parameter->len - (end ? 1 : 0) };
    return true;
}

int labels_read(struct labels *out, const struct message *m, struct cs_error *err)
{
    struct span query = message_query(m), parameter, field;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; message_field(m, "X-Countersign-Label", i, &field); i++)
        if (add_field(out, field, err) < 0)
            return -1;
    while (next_parameter(&query, &parameter))
        if (add_parameter(out, parameter, err) < 0)
            return -1;
    return 0;
}
