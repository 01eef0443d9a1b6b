/*
 * A small lexer for libconfig's language; see config_scan.h. It only tells strings, comments, names and numbers apart: all
 * else is libconfig's to judge.
 */
#include "plugin/config_scan.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { FILE_MOST = 1 << 20, INCLUDE_DEPTH = 10 /* libconfig's own limit */, NUMBER_MOST = 64 };

struct scan {
    const char *include_dir;
    config_scan_fn *fn;
    void *arg;
};

struct place {
    const char *file;
    const char *p;
    unsigned line;
    int depth;
};

/* The whole file as a string; NULL and *err otherwise. */
static char *read_whole(const char *path, struct cs_error *err)
{
    struct stat st;
    char *text = NULL;
    ssize_t n = 0;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) < 0) {
        cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", path, strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
        cs_fail(err, CS_ECONFIG, "%s: is not a regular file of at most 1 MiB", path);
        goto out;
    }
    text = malloc(FILE_MOST + 1);
    while (text && len < FILE_MOST && (n = read(fd, text + len, FILE_MOST - len)) > 0)
        len += (size_t)n;
    if (!text || n < 0) {
        cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", path, strerror(errno));
        free(text);
        text = NULL;
        goto out;
    }
    text[len] = '\0';
    if (memchr(text, '\0', len)) {
        cs_fail(err, CS_ECONFIG, "%s: contains a NUL byte: it is not a text file", path);
        free(text);
        text = NULL;
    }
out:
    if (fd >= 0)
        close(fd);
    return text;
}

static void skip_to(struct place *at, const char *end)
{
    for (; at->p < end; at->p++)
        at->line += *at->p == '\n';
}

static void skip_string(struct place *at)
{
    const char *p = at->p + 1;

    while (*p && *p != '"')
        p += *p == '\\' && p[1] ? 2 : 1;
    skip_to(at, *p ? p + 1 : p);
}

/* True when there was a whole comment at this place. */
static bool skip_comment(struct place *at)
{
    const char *end;

    if (*at->p == '#' || strncmp(at->p, "//", 2) == 0) {
        skip_to(at, at->p + strcspn(at->p, "\n"));
        return true;
    }
    if (strncmp(at->p, "/*", 2) != 0)
        return false;
    end = strstr(at->p + 2, "*/");
    if (!end)
        return false;
    skip_to(at, end + 2);
    return true;
}

static bool begins_number(const char *p)
{
    if (*p == '+' || *p == '-')
        p++;
    if (*p == '.')
        p++;
    return isdigit((unsigned char)*p);
}

/* libconfig keeps a whole number in 32 bits unless an L follows it. */
static void check_number(const struct scan *scan, const struct place *at, const char *number, size_t len)
{
    bool is_long = len && number[len - 1] == 'L';
    char fix[NUMBER_MOST + 40];
    char *end;
    long long value;

    errno = 0;
    value = strtoll(number, &end, strncasecmp(number, "0x", 2) == 0 ? 16 : 10);
    if (strspn(end, "L") != strlen(end))
        return; /* a float, or what libconfig calls a syntax error */
    if (errno == ERANGE)
        scan->fn(scan->arg, at->file, at->line, number, "it does not fit 64 bits");
    else if (!is_long && (value > INT32_MAX || value < INT32_MIN)) {
        snprintf(fix, sizeof fix, "write %sL", number);
        scan->fn(scan->arg, at->file, at->line, number, fix);
    }
}

static void scan_number(const struct scan *scan, struct place *at)
{
    const char *end = at->p + 1;
    char number[NUMBER_MOST];

    while (isalnum((unsigned char)*end) || *end == '.' ||
           ((*end == '+' || *end == '-') && (end[-1] == 'e' || end[-1] == 'E') && strncasecmp(at->p, "0x", 2) != 0))
        end++;
    if ((size_t)(end - at->p) < sizeof number) {
        memcpy(number, at->p, (size_t)(end - at->p));
        number[end - at->p] = '\0';
        check_number(scan, at, number, (size_t)(end - at->p));
    } else {
        scan->fn(scan->arg, at->file, at->line, "a number", "it has too many digits");
    }
    skip_to(at, end);
}

static void skip_name(struct place *at)
{
    const char *end = at->p + 1;

    while (isalnum((unsigned char)*end) || *end == '_' || *end == '-' || *end == '*')
        end++;
    skip_to(at, end);
}

static int scan_file(const struct scan *scan, const char *path, int depth, struct cs_error *err);

/* At "@include". */
static int scan_include(const struct scan *scan, struct place *at, struct cs_error *err)
{
    const char *open = strchr(at->p, '"'), *line_end = at->p + strcspn(at->p, "\n"), *close;
    struct text path = TEXT_MAX(PATH_MAX);
    int rc = 0;

    if (!open || open > line_end || !(close = strchr(open + 1, '"')) || close > line_end)
        return cs_fail(err, CS_ECONFIG, "%s:%u: @include needs a file name in double quotes", at->file, at->line);
    if (open[1] != '/') {
        text_add(&path, scan->include_dir);
        text_add(&path, "/");
    }
    text_add_n(&path, open + 1, (size_t)(close - open - 1));
    if (text_failed(&path) || at->depth >= INCLUDE_DEPTH)
        rc = cs_fail(err, CS_ECONFIG, "%s:%u: files include each other, or too deep", at->file, at->line);
    else if (scan_file(scan, text_of(&path), at->depth + 1, err) < 0)
        rc = at->depth ? -1 : cs_fail_in(err, "%s:%u: @include", at->file, at->line);
    text_free(&path);
    skip_to(at, close + 1);
    return rc;
}

static int scan_token(const struct scan *scan, struct place *at, struct cs_error *err)
{
    if (strncmp(at->p, "@include", 8) == 0)
        return scan_include(scan, at, err);
    if (skip_comment(at))
        return 0;
    if (strncmp(at->p, "/*", 2) == 0) /* libconfig would take the rest of the file for a comment */
        return cs_fail(err, CS_ECONFIG, "%s:%u: a comment begins here that never ends", at->file, at->line);
    if (*at->p == '"')
        skip_string(at);
    else if (begins_number(at->p))
        scan_number(scan, at);
    else if (isalpha((unsigned char)*at->p) || *at->p == '*')
        skip_name(at);
    else
        skip_to(at, at->p + 1);
    return 0;
}

static int scan_file(const struct scan *scan, const char *path, int depth, struct cs_error *err)
{
    char *whole = read_whole(path, err);
    struct place at = { .file = path, .p = whole, .line = 1, .depth = depth };
    int rc = 0;

    if (!whole)
        return -1;
    while (rc == 0 && *at.p)
        rc = scan_token(scan, &at, err);
    free(whole);
    return rc;
}

int config_scan(const char *path, const char *include_dir, config_scan_fn *fn, void *arg, struct cs_error *err)
{
    struct scan scan = { .include_dir = include_dir, .fn = fn, .arg = arg };

    return scan_file(&scan, path, 0, err);
}
