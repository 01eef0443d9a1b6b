/*
 * Reads a client's wishes; see preferences.h. Called by api.c. Pure.
 */
#include "http/preferences.h"

#define MAX_WAIT_S 1000000

/* The next member of a list field that may stand on several lines. `index` and `rest` begin as 0 and empty. */
static bool next_member(const struct message *m, const char *field, size_t *index, struct span *rest, struct span *member)
{
    while (!syntax_next(rest, ',', member))
        if (!message_field(m, field, (*index)++, rest))
            return false;
    return true;
}

/* When a preference comes twice the first one counts (RFC 7240 2). */
static void read_prefer(struct preferences *out, const struct message *m)
{
    struct span rest = { NULL, 0 }, member, preference, name, value;
    size_t index = 0;

    while (next_member(m, "Prefer", &index, &rest, &member)) {
        syntax_next(&member, ';', &preference);
        syntax_parameter(preference, &name, &value);
        if (syntax_same_nocase(name, "respond-async") && !value.len)
            out->respond_async = true;
        else if (syntax_same_nocase(name, "wait") && out->wait_s < 0)
            out->wait_s = syntax_number(value, MAX_WAIT_S);
    }
}

/* "q=0", "q=0.000": not wanted (RFC 9110 12.4.2). */
static bool is_unwanted(struct span parameters)
{
    struct span parameter, name, value;

    while (syntax_next(&parameters, ';', &parameter)) {
        syntax_parameter(parameter, &name, &value);
        if (!syntax_same_nocase(name, "q") || !value.len || value.at[0] != '0')
            continue;
        while (value.len && (value.at[0] == '0' || value.at[0] == '.'))
            value = (struct span){ value.at + 1, value.len - 1 };
        return value.len == 0;
    }
    return false;
}

static void read_accept(struct preferences *out, const struct message *m)
{
    struct span rest = { NULL, 0 }, member, type;
    size_t index = 0;

    while (next_member(m, "Accept", &index, &rest, &member)) {
        syntax_next(&member, ';', &type);
        if (syntax_same_nocase(type, "application/problem+json") || syntax_same_nocase(type, "application/json"))
            out->accepts_problems = out->accepts_problems || !is_unwanted(member);
    }
}

static void read_cache_control(struct preferences *out, const struct message *m)
{
    struct span rest = { NULL, 0 }, member;
    size_t index = 0;

    while (next_member(m, "Cache-Control", &index, &rest, &member))
        if (syntax_same_nocase(member, "no-cache"))
            out->fresh = true;
}

static void read_content_coding(struct preferences *out, const struct message *m)
{
    struct span rest = { NULL, 0 }, member;
    size_t index = 0;

    while (next_member(m, "Content-Encoding", &index, &rest, &member))
        if (member.len && !syntax_same_nocase(member, "identity"))
            out->coded = true;
}

static void read_content_type(struct preferences *out, const struct message *m)
{
    struct span field, type;

    if (!message_field(m, "Content-Type", 0, &field) || !syntax_next(&field, ';', &type))
        return;
    if (type.len >= sizeof out->content_type)
        return;
    for (size_t i = 0; i < type.len; i++)
        out->content_type[i] = type.at[i] >= 'A' && type.at[i] <= 'Z' ? (char)(type.at[i] + ('a' - 'A')) : type.at[i];
}

void preferences_read(struct preferences *out, const struct message *m)
{
    *out = (struct preferences){ .wait_s = -1 };
    read_prefer(out, m);
    read_accept(out, m);
    read_cache_control(out, m);
    read_content_coding(out, m);
    read_content_type(out, m);
}
