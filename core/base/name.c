/*
 * DNS host names as certificates have them; see name.h. Used by CSR intake, the zone table's commands and the DNS plugins.
 */
#include "base/name.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-name", "%s", fault);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 5890 2.3.2.1: an A-label decodes, and its U-label encodes to the very same A-label. */
static bool a_label_round_trips(const char *label)
{
    char *unicode = NULL, *again = NULL;
    bool same = idn2_to_unicode_8z8z(label, &unicode, 0) == IDN2_OK &&
                idn2_lookup_u8((const uint8_t *)unicode, (uint8_t **)&again, IDN2_NFC_INPUT | IDN2_NO_TR46) == IDN2_OK &&
                strcmp(label, again) == 0;

    idn2_free(unicode);
    idn2_free(again);
    return same;
}

/* `label` is lower case already. */
static int check_label(const char *label, size_t len, unsigned flags, struct cs_error *err)
{
    char copy[LABEL_MAX + 1];

    if (len == 0)
        return bad(err, "the name has an empty label (two dots in a row, or a dot in front)");
    if (len > LABEL_MAX)
        return bad(err, "the name has a label of more than 63 characters");
    for (size_t i = 0; i < len; i++) {
        if (label[i] == '_' && !(flags & NAME_UNDERSCORE))
            return bad(err, "the name has an underscore, which certificates may not have (RFC 5280 4.2.1.6)");
        if (label[i] == '*')
            return bad(err, flags & NAME_WILDCARD ? "a \"*\" may only stand for the whole first label"
                                                  : "a wildcard is not allowed here");
        if (!(label[i] >= 'a' && label[i] <= 'z') && !is_digit(label[i]) && label[i] != '-' && label[i] != '_')
            return bad(err, "the name has a character other than letters, digits, hyphens and dots; "
                            "write international names in their xn-- form");
    }
    if (label[0] == '-' || label[len - 1] == '-')
        return bad(err, "the name has a label that begins or ends with a hyphen");
    if (len < 4 || label[2] != '-' || label[3] != '-')
        return 0;
    snprintf(copy, sizeof copy, "%.*s", (int)len, label);
    if (strncmp(copy, "xn--", 4) != 0 || !a_label_round_trips(copy))
        return bad(err, "the name has a label with \"--\" in third place that is not a valid xn-- label (RFC 5890)");
    return 0;
}

static bool all_digits(const char *label, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(label[i]))
            return false;
    return true;
}

static int check_labels(const char *name, unsigned flags, struct cs_error *err)
{
    size_t n_labels = 0, len;

    for (const char *label = name;; label += len + 1) {
        len = strcspn(label, ".");
        if (check_label(label, len, flags, err) != 0)
            return -1;
        n_labels++;
        if (label[len] == '\0') {
            if (all_digits(label, len))
                return bad(err, "this is an IP address, or ends in a number: only host names are accepted");
            break;
        }
    }
    if (n_labels < 2 && !(flags & NAME_ONE_LABEL))
        return bad(err, "the name needs at least two labels, as in host.example");
    return 0;
}

int name_check(char out[NAME_MAX_LEN + 1], const char *in, size_t len, unsigned flags, struct cs_error *err)
{
    const char *labels = out;

    out[0] = '\0';
    if (len == 0)
        return bad(err, "the name is empty");
    if (len > NAME_MAX_LEN)
        return bad(err, "the name is longer than 253 characters");
    if (memchr(in, '\0', len))
        return bad(err, "the name has a NUL character");
    if (in[len - 1] == '.')
        return bad(err, "the name ends with a dot: write it without");
    for (size_t i = 0; i < len; i++)
        out[i] = lower(in[i]);
    out[len] = '\0';
    if ((flags & NAME_WILDCARD) && strncmp(out, "*.", 2) == 0)
        labels += 2;
    if (check_labels(labels, flags, err) != 0) {
        out[0] = '\0';
        return -1;
    }
    return 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);

    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

bool name_in_zone(const char *name, const char *zone)
{
    size_t len, zone_len = strlen(zone);

    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    len = strlen(name);
    return ends_with(name, zone) && (len == zone_len || name[len - zone_len - 1] == '.');
}

bool name_allowed(const char *entry, const char *name)
{
    if (entry[0] == '.')
        return ends_with(name, entry) && strlen(name) > strlen(entry);
    return strcmp(entry, name) == 0;
}

int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
