/*
 * A list of keys that others have; see blocked_keys.h. A sorted array of records, searched by halves.
 */
#include "request/blocked_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"

#define HASH_BYTES   15
#define KEY_DIGITS   (2 * HASH_BYTES) /* a badkeys hash */
#define SPKI_DIGITS  64
#define LINE_MOST    1024
#define FIRST_RECORDS 1024

enum kind { OF_NUMBER = 1, OF_SPKI = 2 };

/* 120 bits are enough to tell all keys of the world apart, and are all that badkeys' lists have. */
struct record {
    uint8_t hash[HASH_BYTES];
    uint8_t kind;
};

struct blocked_keys {
    struct record *records;
    size_t n, room;
};

struct reading {
    struct blocked_keys *keys;
    const char *path;
    size_t line;
};

static int complain(const struct reading *r, struct cs_error *err, const char *fault)
{
    return cs_fail(err, CS_ECONFIG, "%s:%zu: %s", r->path, r->line, fault);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct record));
}

static int add(struct reading *r, const struct record *record, struct cs_error *err)
{
    struct blocked_keys *keys = r->keys;

    if (keys->n == BLOCKED_KEYS_MOST)
        return complain(r, err, "there are more than 33554432 blocked keys; the server keeps no more in memory");
    if (keys->n == keys->room) {
        const size_t room = keys->room ? 2 * keys->room : FIRST_RECORDS;
        struct record *more = realloc(keys->records, room * sizeof *more);

        if (!more)
            return cs_fail(err, CS_EINTERNAL, "no memory for the blocked keys of %s", r->path);
        keys->records = more;
        keys->room = room;
    }
    keys->records[keys->n++] = *record;
    return 0;
}

/* One line without its end. */
static int take_line(struct reading *r, const char *line, struct cs_error *err)
{
    struct record record = { .kind = OF_SPKI };
    size_t digits = 0;

    if (line[0] == '\0' || line[0] == '#')
        return 0;
    for (; hex_digit(line[digits]) >= 0; digits++)
        if (digits < KEY_DIGITS)
            record.hash[digits / 2] = (uint8_t)(record.hash[digits / 2] << 4 | hex_digit(line[digits]));
    if (line[digits] != '\0' && line[digits] != ' ' && line[digits] != '\t')
        return complain(r, err, "this is neither a hash in hexadecimal, nor empty, nor a comment that begins with #");
    if (digits != SPKI_DIGITS && digits != KEY_DIGITS)
        return complain(r, err, "a hash has 64 hexadecimal digits (SHA-256 of the SubjectPublicKeyInfo) or 30 (badkeys)");
    if (digits == KEY_DIGITS)
        record.kind = OF_NUMBER;
    return add(r, &record, err);
}

static int read_lines(struct reading *r, FILE *file, struct cs_error *err)
{
    char line[LINE_MOST];

    while (fgets(line, sizeof line, file)) {
        size_t len = strlen(line);

        r->line++;
        if (len == sizeof line - 1 && line[len - 1] != '\n')
            return complain(r, err, "the line has more than 1000 characters");
        while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (take_line(r, line, err) < 0)
            return -1;
    }
    if (ferror(file))
        return cs_fail(err, CS_ECONFIG, "%s: cannot be read: %s", r->path, strerror(errno));
    return 0;
}

static int read_file(struct blocked_keys *keys, const char *path, struct cs_error *err)
{
    struct reading r = { .keys = keys, .path = path };
    FILE *file = fopen(path, "re");
    int rc;

    if (!file)
        return cs_fail(err, CS_ECONFIG, "%s: cannot be opened: %s; the user that the server runs as must be able to", path,
                       strerror(errno));
    rc = read_lines(&r, file, err);
    fclose(file);
    return rc;
}

/* Lists come sorted as a rule; then this is all. */
static void sort(struct blocked_keys *keys)
{
    struct record *shorter;

    for (size_t i = 1; i < keys->n; i++) {
        if (compare(&keys->records[i - 1], &keys->records[i]) > 0) {
            qsort(keys->records, keys->n, sizeof *keys->records, compare);
            break;
        }
    }
    shorter = keys->n ? realloc(keys->records, keys->n * sizeof *shorter) : NULL;
    if (shorter) {
        keys->records = shorter;
        keys->room = keys->n;
    }
}

struct blocked_keys *blocked_keys_read_wait(const char *const *paths, size_t n, struct cs_error *err)
{
    struct blocked_keys *keys = calloc(1, sizeof *keys);
    bool failed = !keys;

    if (!keys)
        cs_fail(err, CS_EINTERNAL, "no memory for the blocked keys");
    for (size_t i = 0; i < n && !failed; i++)
        failed = read_file(keys, paths[i], err) < 0;
    if (failed) {
        blocked_keys_free(keys);
        return NULL;
    }
    sort(keys);
    return keys;
}

size_t blocked_keys_count(const struct blocked_keys *keys)
{
    return keys ? keys->n : 0;
}

static bool has(const struct blocked_keys *keys, const uint8_t *sha256, enum kind kind)
{
    struct record wanted = { .kind = (uint8_t)kind };

    memcpy(wanted.hash, sha256, sizeof wanted.hash);
    return keys->n && bsearch(&wanted, keys->records, keys->n, sizeof wanted, compare);
}

int blocked_keys_check(const struct blocked_keys *keys, const struct csr *csr, struct cs_error *err)
{
    if (!keys || (!has(keys, csr->spki_sha256, OF_SPKI) && !has(keys, csr->number_sha256, OF_NUMBER)))
        return 0;
    return cs_fail_as(err, CS_EINPUT, "compromised-key",
                      "the private key of this CSR is known to others: it leaked, stands in somebody's example, or came from a "
                      "broken generator; make a new one with openssl genpkey, use it nowhere else, and destroy this one");
}

void blocked_keys_free(struct blocked_keys *keys)
{
    if (!keys)
        return;
    free(keys->records);
    free(keys);
}
