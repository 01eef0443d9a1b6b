/* The tables subject and subject_ca: see store.h. */
#include "db.h"

#include <string.h>

static const char *const access_words[] = {
    [CS_ACCESS_OPEN] = "open", [CS_ACCESS_TOKEN] = "token", [CS_ACCESS_CERTIFICATE] = "certificate"
};

static const char *const no_cache_words[] = {
    [CS_NO_CACHE_AGED] = "aged", [CS_NO_CACHE_NEVER] = "never", [CS_NO_CACHE_ALWAYS] = "always"
};

/* A word that nobody can have written past the triggers lets nobody in who shows no certificate. */
static enum cs_access access_of(const char *word)
{
    if (!strcmp(word, "open"))
        return CS_ACCESS_OPEN;
    return !strcmp(word, "token") ? CS_ACCESS_TOKEN : CS_ACCESS_CERTIFICATE;
}

/* Such a word costs no certificate, either. */
static enum cs_no_cache no_cache_of(const char *word)
{
    if (!strcmp(word, "aged"))
        return CS_NO_CACHE_AGED;
    return !strcmp(word, "always") ? CS_NO_CACHE_ALWAYS : CS_NO_CACHE_NEVER;
}

/* The list of CAs is put word by word, with rank 1, 2, … */
static int put_cas(struct conn *c, const struct cs_subject *subject, struct cs_error *err)
{
    const char *at = subject->cas + strspn(subject->cas, " ");

    for (int64_t rank = 1; *at; rank++) {
        struct query q = query_on(c, c->s.subject_ca_put);
        char ca[256] = { 0 };
        size_t len = strcspn(at, " ");

        if (len >= sizeof ca)
            return cs_fail(err, CS_EINPUT, "the name of a CA instance is longer than %zu bytes", sizeof ca - 1);
        memcpy(ca, at, len);
        query_text(&q, subject->subject);
        query_int(&q, rank);
        query_text(&q, ca);
        if (query_run(&q, err) < 0)
            return -1;
        at += len;
        at += strspn(at, " ");
    }
    return 0;
}

static int clear_cas(struct conn *c, const char *subject, struct cs_error *err)
{
    struct query q = query_on(c, c->s.subject_ca_clear);

    query_text(&q, subject);
    return query_run(&q, err);
}

static int put_row(struct conn *c, const struct cs_subject *subject, struct cs_error *err)
{
    struct query q = query_on(c, c->s.subject_put);

    if (subject->access > CS_ACCESS_CERTIFICATE)
        return cs_fail(err, CS_EINPUT, "access must be open, token or certificate");
    if (subject->no_cache > CS_NO_CACHE_ALWAYS)
        return cs_fail(err, CS_EINPUT, "no_cache must be aged, never or always");
    query_text(&q, subject->subject);
    query_text(&q, subject->zone);
    query_text(&q, subject->names);
    query_text(&q, subject->profile);
    query_int(&q, subject->enabled);
    query_text(&q, access_words[subject->access]);
    query_text(&q, no_cache_words[subject->no_cache]);
    return query_run(&q, err);
}

static int step(struct conn *c, sqlite3_stmt *s, struct cs_error *err)
{
    struct query q = query_on(c, s);

    return query_run(&q, err);
}

/* Row and list together or not at all, also when the caller began no transaction. */
int db_subject_put(void *conn, const struct cs_subject *subject, struct cs_error *err)
{
    struct conn *c = conn;

    if (step(c, c->s.put_set, err) < 0)
        return -1;
    if (put_row(c, subject, err) < 0 || clear_cas(c, subject->subject, err) < 0 || put_cas(c, subject, err) < 0) {
        step(c, c->s.put_rollback, NULL);
        step(c, c->s.put_release, NULL);
        return -1;
    }
    return step(c, c->s.put_release, err);
}

int db_subject_remove(void *conn, const char *subject, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.subject_remove);

    query_text(&q, subject);
    if (query_run(&q, err) < 0)
        return -1;
    if (!query_changed(c))
        return cs_fail(err, CS_ENOTFOUND, "there is no subject %s", subject);
    return 0;
}

static int each(struct query *q, cs_subject_fn *fn, void *arg, struct cs_error *err)
{
    int got;

    while ((got = query_next(q, err)) == 1) {
        struct cs_subject subject = {
            .size = sizeof subject,
            .subject = row_text(q, 0),
            .zone = row_text(q, 1),
            .names = row_text(q, 2),
            .profile = row_text(q, 3),
            .enabled = row_int(q, 4) != 0,
            .access = access_of(row_text(q, 5)),
            .no_cache = no_cache_of(row_text(q, 6)),
            .cas = row_text(q, 7),
        };

        if (fn(arg, &subject)) {
            query_end(q);
            return 0;
        }
    }
    return got;
}

int db_subject_list(void *conn, cs_subject_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.subject_list);

    return each(&q, fn, arg, err);
}

int db_subject_find(void *conn, const char *subject, cs_subject_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.subject_find);

    query_text(&q, subject);
    return each(&q, fn, arg, err);
}
