/*
 * Which sets have a label, and what they are without it. Called by erase.c.
 */
#include "visits.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct stripped {
    struct stripped *next;
    int64_t old; /* id */
    char text[]; /* the labels of the old one */
};

static const char tables[] = "CREATE TEMP TABLE gone_label (id INTEGER PRIMARY KEY);"
                             "CREATE TEMP TABLE strip (old INTEGER PRIMARY KEY, new INTEGER NOT NULL);";

static int find_labels(struct conn *c, const char *name, const char *value, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int rc;

    if (day_prepare(
            c, "INSERT INTO temp.gone_label SELECT id FROM label WHERE id > 0 AND name = ?1 AND coalesce(?2, value) = value", 0,
            &s, err) < 0)
        return -1;
    q = query_on(c, s);
    query_text(&q, name);
    if (value)
        query_text(&q, value);
    rc = query_run(&q, err);
    sqlite3_finalize(s);
    return rc;
}

static void free_all(struct stripped *first)
{
    for (struct stripped *next; first; first = next) {
        next = first->next;
        free(first);
    }
}

/* They are read to the end first, because looking up what is left of one may add a set. */
static int read_sets(struct conn *c, struct stripped **first, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    struct query q;
    int got;

    if (day_prepare(c,
                    "SELECT DISTINCT id, labels FROM label_set AS l WHERE id IN (SELECT labels FROM set_label "
                    "WHERE label IN (SELECT id FROM temp.gone_label))",
                    0, &s, err) < 0)
        return -1;
    q = query_on(c, s);
    while ((got = query_next(&q, err)) == 1) {
        size_t len = row_len(&q, 1);
        struct stripped *one = calloc(1, sizeof *one + len + 1);

        if (!one) {
            got = cs_fail(err, CS_EBUSY, "no memory");
            break;
        }
        one->old = row_int(&q, 0);
        memcpy(one->text, row_text(&q, 1), len);
        one->next = *first;
        *first = one;
    }
    sqlite3_finalize(s);
    return got;
}

static bool is_label(const char *text, size_t len, const char *name, const char *value)
{
    size_t name_len = strlen(name);

    if (len <= name_len || memcmp(text, name, name_len) != 0 || text[name_len] != '=')
        return false;
    return !value || (strlen(value) == len - name_len - 1 && memcmp(value, text + name_len + 1, len - name_len - 1) == 0);
}

static int without(struct conn *c, struct stripped *one, const char *name, const char *value, struct cs_error *err)
{
    struct text left = TEXT_MAX(4000);
    const struct label_set *set;
    int rc = -1;

    for (const char *at = one->text; *at;) {
        size_t len = strcspn(at, "\n");

        if (!is_label(at, len, name, value)) {
            if (left.len)
                text_add_char(&left, '\n');
            text_add_n(&left, at, len);
        }
        at += len + (at[len] == '\n');
    }
    if (text_failed(&left))
        cs_fail(err, CS_EBUSY, "no memory");
    else
        rc = words_set_of_text(c, text_of(&left), left.len, &set, err);
    if (rc == 0)
        rc = day_run(c, "INSERT INTO temp.strip VALUES (?1, ?2)", 0, NUMBERS(one->old, set->id), err);
    text_free(&left);
    return rc;
}

int strip_prepare(struct conn *c, const char *name, const char *value, struct cs_error *err)
{
    struct stripped *first = NULL;
    int rc = -1;

    if (visits_run(c, tables, err) < 0)
        return -1;
    if (!name)
        return 0;
    if (find_labels(c, name, value, err) == 0 && read_sets(c, &first, err) == 0)
        rc = 0;
    for (struct stripped *one = first; one && rc == 0; one = one->next)
        rc = without(c, one, name, value, err);
    free_all(first);
    return rc;
}
