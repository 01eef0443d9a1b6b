/*
 * Finds the client of a token or a certificate; see client.h. Called by subject.c.
 */
#include "request/client.h"

#include <openssl/crypto.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- Rows ---- */

static struct client_row *row_keep(struct client_row *row)
{
    if (row)
        atomic_fetch_add(&row->refs, 1);
    return row;
}

void client_row_release(struct client_row *row)
{
    if (!row || atomic_fetch_sub(&row->refs, 1) > 1)
        return;
    free(row);
}

void standing_clear(struct standing *standing)
{
    client_row_release(standing->by_token);
    standing->by_token = NULL;
    client_row_release(standing->by_certificate);
    standing->by_certificate = NULL;
    standing->is_old_token = standing->token_may = standing->certificate_may = false;
}

struct found {
    struct client_row *row;
    bool came;
};

/* What is longer than the table allows is cut: no hash is found by it. */
static void put_text(char *out, size_t room, const char *from)
{
    memcpy(out, from, strnlen(from, room - 1));
}

static int copy_row(void *arg, const struct cs_client *from)
{
    struct found *found = arg;
    struct client_row *row = found->row = calloc(1, sizeof *row);

    found->came = true;
    if (!row)
        return 1;
    row->refs = 1;
    row->kind = from->kind;
    row->old_token_until_ms = from->old_token_until_ms;
    row->expires_ms = from->expires_ms;
    row->enabled = from->enabled;
    put_text(row->client, sizeof row->client, from->client);
    put_text(row->token_sha256, sizeof row->token_sha256, from->token_sha256);
    put_text(row->old_token_sha256, sizeof row->old_token_sha256, from->old_token_sha256);
    return 1;
}

/* ---- The cache: by the hash of what was shown ---- */

struct client_cache {
    void *tree;
    size_t n;
};

struct cached {
    char hash[CLIENT_HASH_SIZE];
    bool is_token;
    struct client_row *row; /* NULL: nobody's */
};

static int compare_cached(const void *a, const void *b)
{
    const struct cached *one = a, *other = b;

    return one->is_token != other->is_token ? one->is_token - other->is_token : strcmp(one->hash, other->hash);
}

static void free_cached(void *node)
{
    struct cached *cached = node;

    client_row_release(cached->row);
    free(cached);
}

struct client_cache *client_cache_new(void)
{
    return calloc(1, sizeof(struct client_cache));
}

size_t client_cache_count(const struct client_cache *cache)
{
    return cache->n;
}

void client_cache_clear(struct client_cache *cache)
{
    tdestroy(cache->tree, free_cached);
    *cache = (struct client_cache){ 0 };
}

void client_cache_free(struct client_cache *cache)
{
    if (!cache)
        return;
    client_cache_clear(cache);
    free(cache);
}

static struct cached key_of(const char *hash, bool is_token)
{
    struct cached key = { .is_token = is_token };

    memcpy(key.hash, hash, sizeof key.hash);
    return key;
}

static const struct cached *find_cached(const struct client_cache *cache, const char *hash, bool is_token)
{
    const struct cached key = key_of(hash, is_token);
    struct cached **found = tfind(&key, &cache->tree, compare_cached);

    return found ? *found : NULL;
}

/* Without memory it is simply not cached. */
static void add_cached(struct client_cache *cache, const char *hash, bool is_token, struct client_row *row)
{
    struct cached *cached = malloc(sizeof *cached);

    if (!cached)
        return;
    *cached = key_of(hash, is_token);
    if (!tsearch(cached, &cache->tree, compare_cached)) {
        free(cached);
        return;
    }
    cached->row = row_keep(row);
    cache->n++;
}

/* ---- Reading ---- */

static int find_token(const struct store_conn *c, const struct credential *credential, struct found *found,
                      struct cs_error *err)
{
    return c->ops->client_find_token(c->conn, credential->token_sha256, copy_row, found, err);
}

/* By its key first, then by its subject, then by its subjectAltNames as they come: the first row counts. */
static int find_certificate(const struct store_conn *c, const struct credential *credential, struct found *found,
                            struct cs_error *err)
{
    const struct client_certificate *certificate = credential->certificate;

    if (c->ops->client_find_key(c->conn, certificate->spki_sha256, copy_row, found, err) < 0)
        return -1;
    for (size_t i = 0; i < certificate->n_names && !found->came && certificate->issuer[0]; i++)
        if (c->ops->client_find_name(c->conn, certificate->issuer, certificate->names[i], copy_row, found, err) < 0)
            return -1;
    return 0;
}

static int look_up(struct client_cache *cache, const struct store_conn *c, const struct credential *credential, bool is_token,
                   struct client_row **out, struct cs_error *err)
{
    const char *hash = is_token ? credential->token_sha256 : credential->certificate->sha256;
    const struct cached *cached = find_cached(cache, hash, is_token);
    struct found found = { 0 };

    if (cached) {
        *out = row_keep(cached->row);
        return 0;
    }
    if ((is_token ? find_token : find_certificate)(c, credential, &found, err) < 0) {
        client_row_release(found.row);
        return -1;
    }
    if (found.came && !found.row)
        return cs_fail(err, CS_EBUSY, "out of memory");
    add_cached(cache, hash, is_token, found.row);
    *out = found.row;
    return 0;
}

/* See client.h. A row that is found and not the token's is nobody's. */
static void judge_token(const struct credential *credential, struct standing *out)
{
    static const struct client_row nobody = { .token_sha256 = "?", .old_token_sha256 = "?" };
    const struct client_row *row = out->by_token ? out->by_token : &nobody;
    const size_t len = CLIENT_HASH_SIZE - 1;
    const int is_new = CRYPTO_memcmp(row->token_sha256, credential->token_sha256, len) == 0;
    const int is_old = CRYPTO_memcmp(row->old_token_sha256, credential->token_sha256, len) == 0;

    out->is_old_token = is_old & !is_new;
    if (is_new | is_old)
        return;
    client_row_release(out->by_token);
    out->by_token = NULL;
}

static int may(const struct store_conn *c, const struct client_row *row, const char *subject, bool *out, struct cs_error *err)
{
    return row ? c->ops->client_subject_find(c->conn, row->client, subject, out, err) : 0;
}

static int read_all(struct client_cache *cache, const struct store_conn *c, const struct credential *credential,
                    const char *subject, struct standing *out, struct cs_error *err)
{
    if (credential->token == CLIENT_TOKEN) {
        if (look_up(cache, c, credential, true, &out->by_token, err) < 0)
            return -1;
        judge_token(credential, out);
    }
    if (credential->certificate && look_up(cache, c, credential, false, &out->by_certificate, err) < 0)
        return -1;
    if (may(c, out->by_token, subject, &out->token_may, err) < 0)
        return -1;
    return may(c, out->by_certificate, subject, &out->certificate_may, err);
}

/* In a store without such a table nobody is a client. */
static bool knows_clients(const struct cs_store_ops *ops)
{
    return ops->client_find_token && ops->client_find_key && ops->client_find_name && ops->client_subject_find;
}

int client_read(struct client_cache *cache, const struct store_conn *c, const struct credential *credential,
                const char *subject, struct standing *out, struct cs_error *err)
{
    standing_clear(out);
    if (!knows_clients(c->ops) || read_all(cache, c, credential, subject, out, err) == 0)
        return 0;
    standing_clear(out);
    return -1;
}
