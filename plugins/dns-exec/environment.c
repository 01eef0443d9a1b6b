/*
 * What programs find in their environment; see environment.h.
 */
#include "environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { MOST_ENTRIES = 200, HIDDEN_MIN = 4, STARS = 3 };

#define OURS "COUNTERSIGN_"
#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t name_len(const char *entry, size_t len)
{
    size_t n = 0;

    while (n < len && ((entry[n] >= 'A' && entry[n] <= 'Z') || (entry[n] >= 'a' && entry[n] <= 'z') || entry[n] == '_' ||
                       (n > 0 && entry[n] >= '0' && entry[n] <= '9')))
        n++;
    return n > 0 && n < len && entry[n] == '=' ? n : 0;
}

/* The name may be shown, up to where it goes wrong; the value may not. */
static int check_entry(const char *entry, size_t len, const char *setting, size_t number, struct cs_error *err)
{
    const size_t n = name_len(entry, len);

    if (n == 0)
        return cs_fail(err, CS_ECONFIG, "entry %zu of `%s` is not NAME=VALUE, with a NAME of letters, digits and _", number,
                       setting);
    if (n >= strlen(OURS) && strncmp(entry, OURS, strlen(OURS)) == 0)
        return cs_fail(err, CS_ECONFIG, "%.*s in `%s`: variables that begin with " OURS " are set by the server", (int)n, entry,
                       setting);
    return 0;
}

static void wipe(char *entry)
{
    explicit_bzero(entry, strlen(entry));
    free(entry);
}

static void remove_same_name(struct environment *environment, const char *entry, size_t n)
{
    for (size_t i = 0; i < environment->n; i++)
        if (strncmp(environment->v[i], entry, n + 1) == 0) {
            wipe(environment->v[i]);
            memmove(&environment->v[i], &environment->v[i + 1], (environment->n - i) * sizeof *environment->v);
            environment->n--;
            environment->first_secret -= i < environment->first_secret;
            return;
        }
}

static int put(struct environment *environment, const char *entry, size_t len, struct cs_error *err)
{
    char *copy;

    remove_same_name(environment, entry, name_len(entry, len));
    if (environment->n == MOST_ENTRIES)
        return cs_fail(err, CS_ECONFIG, "more than %d variables in `environment` and `secrets`", MOST_ENTRIES);
    copy = text_copy_n(entry, len);
    if (!copy)
        return cs_fail(err, CS_EBUSY, "no memory for the environment");
    environment->v[environment->n++] = copy;
    environment->v[environment->n] = NULL;
    return 0;
}

static int put_checked(struct environment *environment, const char *entry, size_t len, const char *setting, size_t number,
                       struct cs_error *err)
{
    return check_entry(entry, len, setting, number, err) < 0 ? -1 : put(environment, entry, len, err);
}

static int put_secrets(struct environment *environment, const char *secrets, struct cs_error *err)
{
    size_t number = 0;

    environment->first_secret = environment->n;
    for (const char *line = secrets, *end; *line; line = *end ? end + 1 : end) {
        const size_t len = strcspn(line, "\r\n");

        end = line + len;
        number++;
        if (len > 0 && *line != '#' && put_checked(environment, line, len, "secrets", number, err) < 0)
            return -1;
    }
    return 0;
}

static int put_fixed(struct environment *environment, const char *home, struct cs_error *err)
{
    struct text text = TEXT_MAX(4200);
    int rc = -1;

    text_addf(&text, "HOME=%s", home);
    if (text_failed(&text))
        cs_fail(err, CS_EBUSY, "no memory for the environment");
    else if (put(environment, PATH, strlen(PATH), err) == 0 && put(environment, "LC_ALL=C.UTF-8", 14, err) == 0)
        rc = put(environment, text_of(&text), text.len, err);
    text_free(&text);
    return rc;
}

int environment_make(struct environment *environment, const char *home, const struct cs_strings *more, const char *secrets,
                     struct cs_error *err)
{
    int rc = -1;

    *environment = (struct environment){ .v = calloc(MOST_ENTRIES + 1, sizeof *environment->v) };
    if (!environment->v)
        return cs_fail(err, CS_EBUSY, "no memory for the environment");
    if (put_fixed(environment, home, err) < 0)
        goto out;
    for (size_t i = 0; i < more->n; i++)
        if (put_checked(environment, more->v[i], strlen(more->v[i]), "environment", i + 1, err) < 0)
            goto out;
    rc = put_secrets(environment, secrets, err);
out:
    if (rc < 0)
        environment_free(environment);
    return rc;
}

void environment_free(struct environment *environment)
{
    for (size_t i = 0; i < environment->n; i++)
        wipe(environment->v[i]);
    free(environment->v);
    *environment = (struct environment){ 0 };
}

char **environment_with(const struct environment *environment, char *const *extra, size_t n)
{
    char **all = calloc(n + environment->n + 1, sizeof *all);

    if (!all)
        return NULL;
    memcpy(all, extra, n * sizeof *all);
    memcpy(all + n, environment->v, environment->n * sizeof *all);
    return all;
}

static const char *secret_at(const struct environment *environment, size_t i)
{
    return strchr(environment->v[i], '=') + 1;
}

/* Where the values of secrets stand that begin at `at` or before: the end of the last of them, or `until`. */
static const char *end_of_secret(const struct environment *environment, const char *at, const char *until)
{
    for (size_t i = environment->first_secret; i < environment->n; i++) {
        const char *value = secret_at(environment, i);
        const size_t len = strlen(value);

        if (len >= HIDDEN_MIN && strncmp(at, value, len) == 0 && at + len > until)
            until = at + len;
    }
    return until;
}

/* The length of the text before the earliest byte from which on it is the beginning of a secret. */
static size_t len_before_begun_secret(const struct environment *environment, const char *text)
{
    const size_t len = strlen(text);
    size_t at = len;

    for (size_t i = environment->first_secret; i < environment->n; i++) {
        const char *value = secret_at(environment, i);
        size_t from = strlen(value) < len ? len - strlen(value) : 0;

        while (from < at && strncmp(text + from, value, len - from) != 0)
            from++;
        at = from < at ? from : at;
    }
    return at;
}

void environment_hide_secrets(const struct environment *environment, char *text, bool cut)
{
    const char *in = text, *until = text;
    char *out = text; /* never beyond `in`, whose bytes are still compared */
    size_t stars = 0;

    if (cut)
        text[len_before_begun_secret(environment, text)] = '\0';
    for (; *in; in++) {
        until = end_of_secret(environment, in, until);
        if (in >= until) {
            *out++ = *in;
            stars = 0;
        } else if (stars < STARS) {
            *out++ = '*';
            stars++;
        }
    }
    *out = '\0';
}
