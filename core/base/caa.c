/*
 * What CAA records permit; see caa.h.
 */
#include "base/caa.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FLAG_CRITICAL = 0x80, SHOWN = 120 };

/* Bytes that are not ours, and have no end but their length. */
struct span {
    const char *at;
    size_t len;
};

struct property {
    bool critical;
    struct span tag, value;
};

/* What one issue or issuewild property says about the one who asks. */
struct judged {
    enum caa_verdict verdict;
    const char *because; /* "" or what stands against it */
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool span_is(struct span span, const char *text)
{
    return strlen(text) == span.len && strncasecmp(span.at, text, span.len) == 0;
}

static struct span trimmed(struct span span)
{
    while (span.len && is_blank(span.at[0]))
        span.at++, span.len--;
    while (span.len && is_blank(span.at[span.len - 1]))
        span.len--;
    return span;
}

/* Cuts off what stands before the next `separator`, which may be missing. */
static struct span cut(struct span *rest, char separator)
{
    const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    const size_t len = end ? (size_t)(end - rest->at) : rest->len;
    const struct span first = { rest->at, len };

    rest->at += len + (end != NULL);
    rest->len -= len + (end != NULL);
    return first;
}

/* RFC 8659 4.1. */
static bool read_property(struct property *out, const struct caa_record *record)
{
    const size_t tag = record->len >= 2 ? record->rdata[1] : 0;

    if (tag == 0 || record->len < 2 + tag)
        return false;
    out->critical = record->rdata[0] & FLAG_CRITICAL;
    out->tag = (struct span){ (const char *)record->rdata + 2, tag };
    out->value = (struct span){ (const char *)record->rdata + 2 + tag, record->len - 2 - tag };
    for (size_t i = 0; i < tag; i++)
        if (!is_alnum(out->tag.at[i]))
            return false;
    return true;
}

/* ---- One issue property: RFC 8659 4.2, RFC 8657 --------------------------------------------------------------------- */

static bool is_domain(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.at[i]) && name.at[i] != '-' && name.at[i] != '.')
            return false;
    return true;
}

static bool is_value(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '!' || value.at[i] > '~')
            return false;
    return true;
}

static bool lists(struct span methods, const char *method)
{
    while (methods.len)
        if (span_is(cut(&methods, ','), method))
            return true;
    return false;
}

/* RFC 8657 3: more than one of either is as good as none that fits. */
struct parameters {
    size_t n_accounts, n_methods;
    struct span account, methods;
};

static bool read_parameters(struct parameters *out, struct span rest)
{
    *out = (struct parameters){ 0 };
    while (rest.len) {
        struct span value = trimmed(cut(&rest, ';')), tag;

        if (!value.len && !trimmed(rest).len)
            return true;
        tag = trimmed(cut(&value, '='));
        value = trimmed(value);
        if (!tag.len || tag.at + tag.len == value.at + value.len || !is_value(value))
            return false;
        for (size_t i = 0; i < tag.len; i++)
            if (!is_alnum(tag.at[i]))
                return false;
        if (span_is(tag, "accounturi")) {
            out->account = value;
            out->n_accounts++;
        } else if (span_is(tag, "validationmethods")) {
            out->methods = value;
            out->n_methods++;
        }
    }
    return true;
}

static struct judged judge_parameters(const struct parameters *p, const struct caa_ask *ask, enum caa_verdict otherwise)
{
    if (p->n_methods > 1 || (p->n_methods && !lists(p->methods, ask->method)))
        return (struct judged){ CAA_FORBIDS, "its validationmethods do not have dns-01" };
    if (p->n_accounts > 1)
        return (struct judged){ CAA_FORBIDS, "it has more than one accounturi" };
    if (p->n_accounts && !ask->account[0])
        return (struct judged){ CAA_UNSURE, "it has an accounturi, and our account is not known" };
    if (p->n_accounts && (strlen(ask->account) != p->account.len || memcmp(ask->account, p->account.at, p->account.len) != 0))
        return (struct judged){ CAA_FORBIDS, "its accounturi is not our account" };
    return (struct judged){ otherwise, "" };
}

static struct judged judge_issue(struct span value, const struct caa_ask *ask)
{
    const struct span name = trimmed(cut(&value, ';'));
    struct parameters parameters;
    bool ours = false;

    for (size_t i = 0; i < ask->n_identities; i++)
        ours |= span_is(name, ask->identities[i]);
    if (!is_domain(name) || !read_parameters(&parameters, value))
        return (struct judged){ CAA_FORBIDS, "its value is malformed, which permits nobody" };
    if (!name.len)
        return (struct judged){ CAA_FORBIDS, "it permits nobody" };
    if (!ours && ask->n_identities)
        return (struct judged){ CAA_FORBIDS, "that is another CA" };
    if (!ours)
        return judge_parameters(&parameters, ask, CAA_UNSURE);
    return judge_parameters(&parameters, ask, CAA_PERMITS);
}

/* ---- The whole set -------------------------------------------------------------------------------------------------- */

static void show(char why[CAA_WHY], const struct property *property, const char *because)
{
    char value[SHOWN + 1];
    size_t n = 0;

    for (size_t i = 0; i < property->value.len && n < SHOWN; i++) {
        const char c = property->value.at[i];

        value[n++] = c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c;
    }
    value[n] = '\0';
    snprintf(why, CAA_WHY, "%.*s \"%s%s\"%s%s", (int)(property->tag.len < 20 ? property->tag.len : 20), property->tag.at, value,
             property->value.len > SHOWN ? "…" : "", *because ? ": " : "", because);
}

static bool is_known(struct span tag)
{
    static const char *const known[] = { "issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail",
                                         "contactphone" };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is(tag, known[i]))
            return true;
    return false;
}

/* What forbids whatever else there is: a record that cannot be read, or one that nobody may pass over. */
static bool has_stop(const struct caa_record *records, size_t n, char why[CAA_WHY])
{
    struct property property;

    for (size_t i = 0; i < n; i++) {
        if (!read_property(&property, &records[i])) {
            snprintf(why, CAA_WHY, "a CAA record is malformed: it cannot be read");
            return true;
        }
        if (property.critical && !is_known(property.tag)) {
            show(why, &property, "it is critical, and CAs do not know it");
            return true;
        }
    }
    return false;
}

static bool has_tag(const struct caa_record *records, size_t n, const char *tag)
{
    struct property property;

    for (size_t i = 0; i < n; i++)
        if (read_property(&property, &records[i]) && span_is(property.tag, tag))
            return true;
    return false;
}

enum caa_verdict caa_judge(const struct caa_record *records, size_t n, const struct caa_ask *ask, char why[CAA_WHY])
{
    const char *tag = ask->wildcard && has_tag(records, n, "issuewild") ? "issuewild" : "issue";
    enum caa_verdict best = CAA_FORBIDS;
    struct property property;
    bool restricted = false;

    if (has_stop(records, n, why))
        return CAA_FORBIDS;
    for (size_t i = 0; i < n; i++) {
        struct judged judged;

        if (!read_property(&property, &records[i]) || !span_is(property.tag, tag))
            continue;
        judged = judge_issue(property.value, ask);
        if (!restricted || judged.verdict < best)
            show(why, &property, judged.because);
        best = judged.verdict < best ? judged.verdict : best;
        restricted = true;
    }
    if (restricted)
        return best;
    snprintf(why, CAA_WHY, "%s", n ? "no property about issuing" : "no CAA record");
    return CAA_PERMITS;
}
