/*
 * Could a label's value be a person's, or a machine's? See label_looks_personal() in label.h. It rather takes a harmless value
 * for a personal one than the other way round: what it takes is counted as "other". Called by label.c and command/label.c.
 * Pure.
 */
#include "records/label.h"

#include <string.h>

#include "records/label_fold.h"

enum { MOST_BYTES = 1024, MOST_LEVELS = 16 };

/* In text that label_fold() made. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static size_t run(const char *s, bool (*is)(char c))
{
    size_t n = 0;

    while (s[n] && is(s[n]))
        n++;
    return n;
}

/* ---- mail addresses, telephone numbers ---- */

static bool is_beside_mail_sign(char c)
{
    return c && c != ' ' && c != '@';
}

static bool has_mail_address(const char *s)
{
    static const char *const signs[] = { "@", "(at)", "[at]", "{at}", "<at>" };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        for (const char *at = s; (at = strstr(at, signs[i])); at++)
            if (at > s && is_beside_mail_sign(at[-1]) && is_beside_mail_sign(at[strlen(signs[i])]))
                return true;
    return false;
}

static bool has_telephone_number(const char *s)
{
    for (const char *plus = s; (plus = strchr(plus, '+')); plus++) {
        size_t digits = 0;

        for (const char *at = plus + 1; *at && (is_digit(*at) || strchr(" -./()", *at)); at++)
            digits += is_digit(*at);
        if (digits >= 7)
            return true;
    }
    return false;
}

static bool has_digits(const char *s)
{
    for (; *s; s++)
        if (run(s, is_digit) >= 6)
            return true;
    return false;
}

/* ---- addresses in groups: IPv4, IPv6 in full, MAC ---- */

/* The length of a group at `s`; 0: none. */
typedef size_t group_fn(const char *s);

static size_t pair(const char *s)
{
    return run(s, is_hex) == 2 ? 2 : 0;
}

static size_t four(const char *s)
{
    return run(s, is_hex) == 4 ? 4 : 0;
}

static size_t nibble(const char *s)
{
    return run(s, is_hex) == 1 ? 1 : 0;
}

static size_t up_to_four(const char *s)
{
    size_t n = run(s, is_hex);

    return n <= 4 ? n : 0;
}

static unsigned number(const char *s, size_t n, unsigned base)
{
    unsigned number = 0;

    for (size_t i = 0; i < n; i++)
        number = number * base + (unsigned)(is_digit(s[i]) ? s[i] - '0' : s[i] - 'a' + 10);
    return number;
}

/* A number up to 255: decimal, or as inet_aton(3) takes it, octal or hexadecimal. */
static size_t octet(const char *s)
{
    bool is_0x = s[0] == '0' && s[1] == 'x';
    const char *digits = s + (is_0x ? 2 : 0);
    size_t n = run(digits, is_0x ? is_hex : is_digit);

    if (n == 0 || n > 4)
        return 0;
    if (number(digits, n, is_0x ? 16 : s[0] == '0' && n == 4 ? 8 : 10) <= 255)
        return n + (size_t)(digits - s);
    return 0;
}

static bool has_groups(const char *s, char separator, group_fn *group, size_t least)
{
    for (size_t i = 0; s[i]; i++) {
        size_t groups = 0, len, at = i;

        if (i > 0 && is_digit(s[i - 1]) && is_digit(s[i]))
            continue;
        while ((len = group(s + at))) {
            groups++;
            at += len;
            if (s[at] != separator)
                break;
            at++;
        }
        if (groups >= least)
            return true;
    }
    return false;
}

/* "::" beside a whole group: "2001:db8::", "::1", but not "std::string". */
static bool has_short_v6(const char *s)
{
    for (const char *at = s; (at = strstr(at, "::")); at++) {
        size_t left = 0, right = run(at + 2, is_hex);

        while (at - left > s && is_hex(at[-1 - (ptrdiff_t)left]))
            left++;
        if (left >= 1 && left <= 4 && (at - left == s || !is_alnum(at[-1 - (ptrdiff_t)left])))
            return true;
        if (right >= 1 && right <= 4 && !is_alnum(at[2 + right]))
            return true;
    }
    return false;
}

static bool has_address(const char *s)
{
    return has_groups(s, '.', octet, 4) || has_groups(s, '-', octet, 4) || has_groups(s, '_', octet, 4) ||
           has_groups(s, ':', up_to_four, 6) || has_groups(s, '-', up_to_four, 8) || has_groups(s, '-', pair, 6) ||
           has_groups(s, '.', four, 3) || has_groups(s, '.', nibble, 8) || has_short_v6(s);
}

/* ---- long hexadecimal numbers: a UUID with or without hyphens, an IPv6 or IPv4 address as a number ---- */

static bool has_hex_number(const char *s)
{
    size_t digits = 0;

    for (; *s; s++) {
        if (s[0] == '0' && s[1] == 'x' && run(s + 2, is_hex) >= 6)
            return true;
        if (is_hex(*s))
            digits++;
        else if (*s != '-' && *s != '_')
            digits = 0;
        if (digits >= 32)
            return true;
    }
    return false;
}

static bool is_personal(const char *s)
{
    return has_mail_address(s) || has_digits(s) || has_address(s) || has_hex_number(s) || has_telephone_number(s);
}

/* Each level of percent-encoding is looked at, because a decoder on the way may have taken off any number of them. */
bool label_looks_personal(const char *value)
{
    char folded[MOST_BYTES + 1];
    size_t len = strlen(value);

    if (len > MOST_BYTES)
        return true;
    len = label_fold(value, len, folded);
    for (int level = 0; level < MOST_LEVELS; level++) {
        if (is_personal(folded))
            return true;
        if (!label_fold_percent(folded, &len))
            return false;
        len = label_fold(folded, len, folded);
    }
    return true;
}
