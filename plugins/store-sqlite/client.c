/* The tables client and client_subject: see store.h. */
#include "db.h"

#include <string.h>

static const char *const kind_words[] = { [CS_CLIENT_TOKEN] = "token", [CS_CLIENT_CERTIFICATE] = "certificate" };

int db_client_put(void *conn, const struct cs_client *client, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.client_put);

    if (client->kind < CS_CLIENT_TOKEN || client->kind > CS_CLIENT_CERTIFICATE)
        return cs_fail(err, CS_EINPUT, "kind must be token or certificate");
    query_text(&q, client->client);
    query_text(&q, kind_words[client->kind]);
    query_text(&q, client->token_sha256);
    query_text(&q, client->old_token_sha256);
    query_int(&q, client->old_token_until_ms);
    query_text(&q, client->spki_sha256);
    query_text(&q, client->issuer);
    query_text(&q, client->name);
    query_int(&q, client->expires_ms);
    query_int(&q, client->enabled);
    return query_run(&q, err);
}

int db_client_remove(void *conn, const char *client, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.client_remove);

    query_text(&q, client);
    if (query_run(&q, err) < 0)
        return -1;
    if (!query_changed(c))
        return cs_fail(err, CS_ENOTFOUND, "there is no client %s", client);
    return 0;
}

static int each(struct query *q, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    int got;

    while ((got = query_next(q, err)) == 1) {
        const struct cs_client client = {
            .size = sizeof client,
            .client = row_text(q, 0),
            .kind = strcmp(row_text(q, 1), "token") == 0 ? CS_CLIENT_TOKEN : CS_CLIENT_CERTIFICATE,
            .token_sha256 = row_text(q, 2),
            .old_token_sha256 = row_text(q, 3),
            .old_token_until_ms = row_int(q, 4),
            .spki_sha256 = row_text(q, 5),
            .issuer = row_text(q, 6),
            .name = row_text(q, 7),
            .expires_ms = row_int(q, 8),
            .enabled = row_int(q, 9) != 0,
        };

        if (fn(arg, &client)) {
            query_end(q);
            return 0;
        }
    }
    return got;
}

int db_client_list(void *conn, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.client_list);

    return each(&q, fn, arg, err);
}

static int find(struct conn *c, sqlite3_stmt *how, const char *what, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct query q = query_on(c, how);

    query_text(&q, what);
    return each(&q, fn, arg, err);
}

int db_client_find(void *conn, const char *client, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;

    return find(c, c->s.client_find, client, fn, arg, err);
}

int db_client_find_token(void *conn, const char *sha256, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;

    return find(c, c->s.client_find_token, sha256, fn, arg, err);
}

int db_client_find_key(void *conn, const char *spki_sha256, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;

    return find(c, c->s.client_find_key, spki_sha256, fn, arg, err);
}

int db_client_find_name(void *conn, const char *issuer, const char *name, cs_client_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.client_find_name);

    query_text(&q, issuer);
    query_text(&q, name);
    return each(&q, fn, arg, err);
}

/* ---- the subjects of a client ------------------------------------------------------------------------------------- */

static struct query query_pair(struct conn *c, sqlite3_stmt *how, const char *client, const char *subject)
{
    struct query q = query_on(c, how);

    query_text(&q, client);
    query_text(&q, subject);
    return q;
}

int db_client_subject_put(void *conn, const char *client, const char *subject, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_pair(c, c->s.client_subject_put, client, subject);

    return query_run(&q, err);
}

int db_client_subject_remove(void *conn, const char *client, const char *subject, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_pair(c, c->s.client_subject_remove, client, subject);

    if (query_run(&q, err) < 0)
        return -1;
    if (!query_changed(c))
        return cs_fail(err, CS_ENOTFOUND, "client %s has no subject %s", client, subject);
    return 0;
}

int db_client_subject_list(void *conn, const char *client, cs_client_subject_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.client_subject_list);
    int got;

    query_text(&q, client);
    while ((got = query_next(&q, err)) == 1)
        if (fn(arg, row_text(&q, 0))) {
            query_end(&q);
            return 0;
        }
    return got;
}

int db_client_subject_find(void *conn, const char *client, const char *subject, bool *found, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_pair(c, c->s.client_subject_find, client, subject);
    const int got = query_next(&q, err);

    query_end(&q);
    *found = got == 1;
    return got < 0 ? -1 : 0;
}
