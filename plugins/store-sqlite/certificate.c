/* The table certificate: see store.h. */
#include "db.h"


int db_certificate_put(void *conn, const struct cs_certificate *certificate, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_put);

    query_text(&q, certificate->job);
    query_blob(&q, certificate->key, sizeof certificate->key);
    query_text(&q, certificate->zone);
    query_text(&q, certificate->subject);
    query_text(&q, certificate->names);
    query_text(&q, certificate->ca);
    query_text(&q, certificate->profile);
    query_text(&q, certificate->serial);
    query_int(&q, certificate->not_before_ms);
    query_int(&q, certificate->not_after_ms);
    query_int(&q, certificate->issued_ms);
    query_text_n(&q, certificate->pem, certificate->pem_len);
    query_text(&q, certificate->url);
    query_blob(&q, certificate->spki_sha256, sizeof certificate->spki_sha256);
    return query_run(&q, err);
}

/* 1: the row function wants no more, 0: go on, -1: *err. */
static int hand_over(const struct query *q, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct cs_certificate certificate = {
        .size = sizeof certificate,
        .job = row_text(q, 0),
        .zone = row_text(q, 2),
        .subject = row_text(q, 3),
        .names = row_text(q, 4),
        .ca = row_text(q, 5),
        .profile = row_text(q, 6),
        .serial = row_text(q, 7),
        .not_before_ms = row_int(q, 8),
        .not_after_ms = row_int(q, 9),
        .issued_ms = row_int(q, 10),
        .pem = row_text(q, 11),
        .pem_len = row_len(q, 11),
        .url = row_text(q, 12),
    };

    if (row_hash(q, 1, certificate.key, err) < 0 || row_hash(q, 13, certificate.spki_sha256, err) < 0)
        return -1;
    return fn(arg, &certificate) ? 1 : 0;
}

static int each(struct query *q, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    int got = 0, end = 0;

    while (end == 0 && (got = query_next(q, err)) == 1)
        end = hand_over(q, fn, arg, err);
    query_end(q);
    return got < 0 || end < 0 ? -1 : 0;
}

int db_certificate_find(void *conn, const char *job, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_find);

    query_text(&q, job);
    return each(&q, fn, arg, err);
}

int db_certificate_newest(void *conn, const uint8_t key[32], cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_newest);

    query_blob(&q, key, 32);
    return each(&q, fn, arg, err);
}

int db_certificate_by_serial(void *conn, const char *serial, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_by_serial);

    query_text(&q, serial);
    return each(&q, fn, arg, err);
}

int db_certificate_of_names(void *conn, const char *zone, const char *subject, const char *names, cs_certificate_fn *fn,
                            void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_of_names);

    query_text(&q, zone);
    query_text(&q, subject);
    query_text(&q, names);
    return each(&q, fn, arg, err);
}

int db_certificate_list(void *conn, int64_t most, cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_list);

    query_int(&q, most);
    return each(&q, fn, arg, err);
}

int db_certificate_by_spki(void *conn, const uint8_t spki_sha256[32], cs_certificate_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_by_spki);

    query_blob(&q, spki_sha256, 32);
    return each(&q, fn, arg, err);
}

int db_certificate_purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.certificate_purge);

    query_int(&q, now_ms);
    query_int(&q, most);
    if (query_run(&q, err) < 0)
        return -1;
    *n = query_changed(c);
    return 0;
}
