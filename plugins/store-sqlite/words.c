/*
 * Words, labels and label sets by their ids. Ids are drawn at random, so that no order of ids tells what came first. The writer
 * remembers those it has met. Called by visit.c, latency.c and the files that fold and erase.
 */
#include "visits.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    BUCKETS = 4096,
    WORDS_MOST = 50000,    /* remembered; about 10 MB */
    FIRST_FREE = 128,      /* ids below are the schema's own  */
    SHORT_IDS = 0x7fff,    /* those up to here take two bytes */
    LONG_IDS = 0x7fffffff, /* … four                          */
    SHORT_TRIES = 8,
    TRIES = 64
};

enum kind { WORD, LABEL, SET };

struct word {
    struct word *next, *next_by_id; /* of the same bucket; the second for sets only */
    enum kind kind;
    struct label_set set; /* of a word or label the id only */
    size_t len;
    char text[];
};

struct words {
    uint32_t seed;
    size_t n;
    struct word *by_text[BUCKETS], *by_id[BUCKETS];
};

/* ---- what is remembered */

struct words *words_new(void)
{
    struct words *words = calloc(1, sizeof *words);

    if (words)
        sqlite3_randomness(sizeof words->seed, &words->seed);
    return words;
}

void words_forget(struct words *words)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct word *w = words->by_text[i], *next; w; w = next) {
            next = w->next;
            free(w);
        }
        words->by_text[i] = words->by_id[i] = NULL;
    }
    words->n = 0;
}

void words_free(struct words *words)
{
    if (!words)
        return;
    words_forget(words);
    free(words);
}

bool words_are_many(const struct words *words)
{
    return words->n > WORDS_MOST;
}

/* FNV-1a, from a start that nobody outside can know. */
static size_t bucket_of_text(const struct words *words, enum kind kind, const char *text, size_t len)
{
    uint32_t hash = words->seed ^ 2166136261u ^ (uint32_t)kind;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return (hash ^ hash >> 15) % BUCKETS;
}

static size_t bucket_of_id(int64_t id)
{
    return (size_t)id % BUCKETS;
}

static struct word *known(const struct words *words, enum kind kind, const char *text, size_t len)
{
    struct word *w = words->by_text[bucket_of_text(words, kind, text, len)];

    while (w && (w->kind != kind || w->len != len || memcmp(w->text, text, len) != 0))
        w = w->next;
    return w;
}

static struct word *remember(struct words *words, enum kind kind, const char *text, size_t len, const struct label_set *set,
                             struct cs_error *err)
{
    struct word *w = calloc(1, sizeof *w + len + 1);
    struct word **bucket = &words->by_text[bucket_of_text(words, kind, text, len)];

    if (!w) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    w->kind = kind;
    w->set = *set;
    w->len = len;
    memcpy(w->text, text, len);
    w->next = *bucket;
    *bucket = w;
    if (kind == SET) {
        bucket = &words->by_id[bucket_of_id(set->id)];
        w->next_by_id = *bucket;
        *bucket = w;
    }
    words->n++;
    return w;
}

/* ---- finding and adding in the file */

/* There are few words, but they stand in every row of visits: theirs are short while there is room. */
static int64_t draw(enum kind kind, int tries)
{
    uint32_t random;
    int64_t most = kind == WORD && tries < SHORT_TRIES ? SHORT_IDS : LONG_IDS;

    sqlite3_randomness(sizeof random, &random);
    return FIRST_FREE + (int64_t)random % (most - FIRST_FREE + 1);
}

static sqlite3_stmt *find_of(const struct conn *c, enum kind kind)
{
    return kind == WORD ? c->v.word_find : kind == LABEL ? c->v.label_find : c->v.set_find;
}

static sqlite3_stmt *put_of(const struct conn *c, enum kind kind)
{
    return kind == WORD ? c->v.word_put : kind == LABEL ? c->v.label_put : c->v.set_put;
}

/* The text of a label is "name=value", and its name has no "=". */
static void bind(struct query *q, enum kind kind, const char *text, size_t len)
{
    const char *equals = kind == LABEL ? memchr(text, '=', len) : NULL;
    size_t name = equals ? (size_t)(equals - text) : len;

    query_text_n(q, text, name);
    if (equals)
        query_text_n(q, equals + 1, len - name - 1);
}

static int add(struct conn *c, enum kind kind, const char *text, size_t len, int64_t *id, struct cs_error *err)
{
    for (int tries = 0; tries < TRIES; tries++) {
        struct query q = query_on(c, put_of(c, kind));

        *id = draw(kind, tries);
        query_int(&q, *id);
        bind(&q, kind, text, len);
        if (query_run(&q, err) < 0)
            return -1;
        if (query_changed(c) == 1)
            return 0;
    }
    return cs_fail(err, CS_EINTERNAL, "%s: no number is free for one word more", c->file->path);
}

static int find_or_add(struct conn *c, enum kind kind, const char *text, size_t len, int64_t *id, struct cs_error *err)
{
    struct query q = query_on(c, find_of(c, kind));
    int got;

    bind(&q, kind, text, len);
    got = query_next(&q, err);
    if (got == 1)
        *id = row_int(&q, 0);
    query_end(&q);
    return got ? (got < 0 ? -1 : 0) : add(c, kind, text, len, id, err);
}

/* ---- words */

int words_word(struct conn *c, const char *word, int64_t *id, struct cs_error *err)
{
    struct words *words = c->visits->words;
    struct word *w = known(words, WORD, word, strlen(word));
    struct label_set entry = { 0 };

    if (!w) {
        if (find_or_add(c, WORD, word, strlen(word), &entry.id, err) < 0)
            return -1;
        w = remember(words, WORD, word, strlen(word), &entry, err);
    }
    if (w)
        *id = w->set.id;
    return w ? 0 : -1;
}

/* ---- labels */

static int label_of_text(struct conn *c, const char *text, size_t len, int64_t *id, struct cs_error *err)
{
    struct words *words = c->visits->words;
    struct word *w = known(words, LABEL, text, len);
    struct label_set entry = { 0 };

    if (!w) {
        if (find_or_add(c, LABEL, text, len, &entry.id, err) < 0)
            return -1;
        w = remember(words, LABEL, text, len, &entry, err);
    }
    if (w)
        *id = w->set.id;
    return w ? 0 : -1;
}

static int check_label(const char *name, const char *value, struct cs_error *err)
{
    size_t name_len = strlen(name), value_len = strlen(value);

    if (!name_len || name_len > 32 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") < name_len)
        return cs_fail(err, CS_EINPUT, "a label's name must be 1 to 32 of a-z, 0-9, _ and -");
    if (!value_len || value_len > 64)
        return cs_fail(err, CS_EINPUT, "a label's value must have 1 to 64 bytes");
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return cs_fail(err, CS_EINPUT, "a label's value must have no control characters");
    return 0;
}

static void add_label(struct text *text, const char *name, const char *value)
{
    text_add(text, name);
    text_add_char(text, '=');
    text_add(text, value);
}

int words_label(struct conn *c, const char *name, const char *value, int64_t *id, struct cs_error *err)
{
    struct text text = TEXT_MAX(128);
    int rc = -1;

    if (check_label(name, value, err) < 0)
        return -1;
    add_label(&text, name, value);
    if (text_failed(&text))
        cs_fail(err, CS_EBUSY, "no memory");
    else
        rc = label_of_text(c, text_of(&text), text.len, id, err);
    text_free(&text);
    return rc;
}

/* ---- label sets */

/* The canonical text, by name and each name once. */
static int canonical(const struct cs_visit_label *labels, size_t n, struct text *text, struct cs_error *err)
{
    if (n > LABELS_MOST)
        return cs_fail(err, CS_EINPUT, "a visit has %zu labels, at most %d are allowed", n, LABELS_MOST);
    for (size_t i = 0; i < n; i++) {
        if (check_label(labels[i].name, labels[i].value, err) < 0)
            return -1;
        if (i > 0 && strcmp(labels[i - 1].name, labels[i].name) >= 0)
            return cs_fail(err, CS_EINPUT, "labels must be in the order of their names, each once");
        if (i > 0)
            text_add_char(text, '\n');
        add_label(text, labels[i].name, labels[i].value);
    }
    return text_failed(text) ? cs_fail(err, CS_EBUSY, "no memory") : 0;
}

/* The ids of the labels that a canonical text names. */
static int labels_of_text(struct conn *c, const char *text, size_t len, struct label_set *set, struct cs_error *err)
{
    for (const char *at = text, *end = text + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t one = (size_t)((newline ? newline : end) - at);

        if (set->n == LABELS_MOST || !memchr(at, '=', one))
            return cs_fail(err, CS_ECONFIG, "%s is damaged: the label set %lld cannot be read", c->file->path,
                           (long long)set->id);
        if (label_of_text(c, at, one, &set->labels[set->n++], err) < 0)
            return -1;
        at += one + 1;
    }
    return 0;
}

int words_set_of_text(struct conn *c, const char *text, size_t len, const struct label_set **out, struct cs_error *err)
{
    struct words *words = c->visits->words;
    struct word *w = known(words, SET, text, len);
    struct label_set set = { 0 };

    if (!w) {
        if (find_or_add(c, SET, text, len, &set.id, err) < 0 || labels_of_text(c, text, len, &set, err) < 0)
            return -1;
        w = remember(words, SET, text, len, &set, err);
    }
    *out = w ? &w->set : NULL;
    return w ? 0 : -1;
}

int words_set(struct conn *c, const struct cs_visit_label *labels, size_t n, const struct label_set **set, struct cs_error *err)
{
    struct text text = TEXT_MAX(LABELS_MOST * 98);
    int rc = canonical(labels, n, &text, err);

    if (rc == 0)
        rc = words_set_of_text(c, text_of(&text), text.len, set, err);
    text_free(&text);
    return rc;
}

/* From the file: a set that an earlier run of the server stored. */
static int read_set(struct conn *c, int64_t id, const struct label_set **set, struct cs_error *err)
{
    struct query q = query_on(c, c->v.set_labels);
    char *text = NULL;
    int rc;

    query_int(&q, id);
    rc = query_next(&q, err);
    if (rc == 1)
        text = text_copy(row_text(&q, 0));
    query_end(&q);
    if (rc == 0)
        rc = cs_fail(err, CS_ECONFIG, "%s is damaged: there is no label set %lld", c->file->path, (long long)id);
    else if (rc == 1)
        rc = text ? words_set_of_text(c, text, strlen(text), set, err) : cs_fail(err, CS_EBUSY, "no memory");
    free(text);
    return rc;
}

int words_set_by_id(struct conn *c, int64_t id, const struct label_set **set, struct cs_error *err)
{
    static const struct label_set other = { .id = LABELS_OTHER };
    struct word *w = c->visits->words->by_id[bucket_of_id(id)];

    if (id == LABELS_OTHER) {
        *set = &other;
        return 0;
    }
    while (w && w->set.id != id)
        w = w->next_by_id;
    if (w) {
        *set = &w->set;
        return 0;
    }
    return read_set(c, id, set, err);
}
