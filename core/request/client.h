/*
 * Who asks: what a request shows (a token, a certificate), and which row of the table `client` that is. Looked up by subject.c
 * together with the subject, in a reader's thread; grant.c judges what was found.
 *
 * A token is looked for by its SHA-256, as text of 64 digits. Which rows that search passes may show in its time, but that
 * tells nothing of a token: nobody can aim a SHA-256 at a stored one. Whether the hash is the row's is decided by
 * CRYPTO_memcmp(), on the same path for a token that nobody has: it is compared with a row that is nobody's.
 */
#ifndef REQUEST_CLIENT_H
#define REQUEST_CLIENT_H

#include "request/client_certificate.h"
#include "records/store.h"

#define CLIENT_NAME_SIZE (64 + 1)

enum client_token {
    CLIENT_NO_TOKEN = 0,
    CLIENT_TOKEN,           /* token_sha256 is set */
    CLIENT_MALFORMED_TOKEN, /* no token could look like that (RFC 6750 2.1) */
    CLIENT_BAD_FIELD,       /* Authorization cannot be read, or stands there several times */
    CLIENT_OTHER_SCHEME     /* not Bearer */
};

/* What a request shows. */
struct credential {
    enum client_token token;
    char token_sha256[CLIENT_HASH_SIZE];
    struct client_certificate *certificate; /* verified; NULL: none */
    bool bad_certificate;                   /* one came, but could not be verified */
};

/* Immutable and counted. */
struct client_row {
    char client[CLIENT_NAME_SIZE];
    enum cs_client_kind kind;
    char token_sha256[CLIENT_HASH_SIZE], old_token_sha256[CLIENT_HASH_SIZE];
    int64_t old_token_until_ms, expires_ms;
    bool enabled;
    _Atomic int refs;
};
void client_row_release(struct client_row *row); /* NULL is allowed */

/* Whose that is. */
struct standing {
    struct client_row *by_token, *by_certificate; /* NULL: nobody's */
    bool is_old_token;
    bool token_may, certificate_may; /* the subject stands on the client's list */
};
void standing_clear(struct standing *standing);

/* What was read of the table, as long as its owner says that it stands. */
struct client_cache;
struct client_cache *client_cache_new(void); /* NULL without memory */
size_t client_cache_count(const struct client_cache *cache);
void client_cache_clear(struct client_cache *cache);
void client_cache_free(struct client_cache *cache); /* NULL is allowed */

/* In a reader's thread. `subject` is the row's, which is there. On failure *out is as it was cleared. */
int client_read(struct client_cache *cache, const struct store_conn *c, const struct credential *credential,
                const char *subject, struct standing *out, struct cs_error *err);

#endif
