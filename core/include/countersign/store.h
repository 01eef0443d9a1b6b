/*
 * The `store` role: the records of the server. Plain blocking calls on a connection; one connection for each of the core's
 * threads, so a store plugin holds no threads, no queue and no locks.
 *
 * Row functions: rows and their strings are valid inside the call only; returning non-zero stops the reading, which then
 * returns 0. Strings are never NULL unless said. Every function that fails returns -1 and fills *err: CS_EBUSY when somebody
 * else held the database too long, CS_ECONFLICT for a version or uniqueness clash, CS_EINPUT when a CHECK or trigger
 * refused a row (with its readable message), CS_ENOTFOUND for a row to change or remove that is not there.
 */
#ifndef COUNTERSIGN_STORE_H
#define COUNTERSIGN_STORE_H

#include <countersign/audit.h>
#include <countersign/plugin.h>
#include <countersign/visit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Three places that share no key: the state; the visits; and what analysts may read, published from the visits. */
enum cs_store_use { CS_STATE_WRITER = 1, CS_STATE_READER, CS_VISITS_WRITER, CS_VISITS_READER, CS_ANALYTICS_READER };

enum cs_visible { CS_VISIBLE_REQUIRE = 1, CS_VISIBLE_WARN, CS_VISIBLE_OFF };

/* A DNS zone that certificates are issued in. Names lower case, without trailing dot. */
struct cs_zone {
    uint32_t size;
    const char *zone;
    const char *dns;            /* instance that answers challenges                                    */
    int64_t parallel;           /* orders at a time, 1 to 1000                                         */
    const char *challenge_zone; /* "": the zone itself                                                 */
    const char *servers;        /* "": found by NS; otherwise "ADDRESS[:PORT] …" to ask for visibility */
    enum cs_visible visible;
    bool enabled;
    const char *keys; /* types of key that CSRs may have, words of "rsa2048 rsa3072 rsa4096 p256 p384"; "" or NULL: all */
    bool bind_keys;   /* a key gets certificates for one set of names only */
};

/* A label that clients of a zone may give. */
struct cs_label_rule {
    uint32_t size;
    const char *zone;
    const char *name;    /* 1 to 32 of a-z, 0-9, "_" and "-"                                             */
    const char *allowed; /* values, separated by newlines; "": only those that fit the pattern            */
    const char *pattern; /* as fnmatch(3) has it, at most four "*"; "": only the values of `allowed`      */
    bool enabled;
};

/* What a subject's client must show. 0, also what a store that does not know of access hands over: anybody may ask. */
enum cs_access { CS_ACCESS_OPEN = 0, CS_ACCESS_TOKEN, CS_ACCESS_CERTIFICATE };

/* When `Cache-Control: no-cache` gets a new certificate although the one that is there will do. 0, also what a store that does
 * not know of it hands over: when a third of the life of that one is over. */
enum cs_no_cache { CS_NO_CACHE_AGED = 0, CS_NO_CACHE_NEVER, CS_NO_CACHE_ALWAYS };

/* Who may ask for what. */
struct cs_subject {
    uint32_t size;
    const char *subject; /* RFC 4514, reversed RDNs, as features of the scheme have it     */
    const char *zone;
    const char *names;   /* "": exactly the CN; otherwise words: "a.x", "*.x", or ".x" for any name below x */
    const char *profile; /* "": the CA's default                                           */
    const char *cas;     /* CA instances by rank, separated by spaces; "": the only one    */
    bool enabled;
    enum cs_access access;
    enum cs_no_cache no_cache;
};

enum cs_client_kind { CS_CLIENT_TOKEN = 1, CS_CLIENT_CERTIFICATE };

/* Somebody who can be told from others by what he shows. Hashes: 64 hexadecimal digits in lower case, or "". */
struct cs_client {
    uint32_t size;
    const char *client; /* 1 to 64 of a-z, A-Z, 0-9, ".", "_" and "-" */
    enum cs_client_kind kind;
    const char *token_sha256;     /* of the token's text */
    const char *old_token_sha256; /* that is good, too, until old_token_until_ms; "": none */
    int64_t old_token_until_ms;   /* wall clock, in whole seconds, as expires_ms */
    const char *spki_sha256;      /* of a certificate: its key; or */
    const char *issuer, *name;    /* RFC 4514; the subject likewise, or "DNS:…", "URI:…", "email:…" of its subjectAltName */
    int64_t expires_ms;           /* 0: never */
    bool enabled;
};

enum cs_job_state { CS_JOB_OPEN = 1, CS_JOB_DONE, CS_JOB_FAILED };

struct cs_job {
    uint32_t size;
    const char *id;  /* random, 26 characters of base32, lower case */
    uint8_t key[32]; /* SHA-256 of CA, zone, SPKI, sorted names, profile; unique among the open */
    int64_t version; /* of the stored row; every write is compare-and-set on it, and adds one */
    const char *subject, *zone, *ca;
    const char *names; /* separated by spaces, sorted */
    const char *profile;
    const uint8_t *csr; /* DER */
    size_t csr_len;
    uint8_t spki_sha256[32];
    enum cs_job_state state;
    const char *step;    /* "": nothing saved yet */
    const uint8_t *data; /* what the CA plugin saved with the step */
    size_t data_len;
    int64_t attempts;
    const char *problem; /* JSON of how it ended, "" while it has not failed */
    int64_t created_ms, updated_ms, deadline_ms; /* wall clock */
    int64_t keep_until_ms;                       /* /v1/requests/ID answers until then */
    const char *client; /* whose credential it was ordered with; "" or NULL: nobody's */
};

/* A value that a job has, or had, in the DNS. Written before it is asked for. */
struct cs_job_challenge {
    uint32_t size;
    const char *job; /* id */
    const char *name;
    const char *dns;   /* instance */
    const char *owner; /* resolved, absolute, trailing dot */
    const char *zone;  /* absolute, trailing dot, as handed to the DNS plugin */
    const char *value;
    int64_t expires_ms;
};

struct cs_certificate {
    uint32_t size;
    const char *job;
    uint8_t key[32]; /* the job's */
    const char *zone, *subject, *names, *ca, *profile;
    const char *serial; /* hexadecimal, lower case */
    int64_t not_before_ms, not_after_ms, issued_ms;
    const char *pem;
    size_t pem_len;
    const char *url;
    uint8_t spki_sha256[32];
};

enum cs_revocation_state { CS_REVOCATION_OPEN = 1, CS_REVOCATION_DONE, CS_REVOCATION_FAILED };

/* That a certificate shall be revoked, and what became of that. Written before the CA is asked. */
struct cs_revocation {
    uint32_t size;
    const char *job; /* the certificate's */
    int64_t reason;  /* RFC 5280 5.3.1 */
    const char *asker; /* "key-holder" or "operator" */
    enum cs_revocation_state state;
    int64_t asked_ms, ended_ms; /* wall clock; ended_ms 0: it is open */
    const char *problem;        /* JSON of how it failed, "" otherwise */
};

/* What an order counts as, each with a name by which orders are counted together (docs/limits.md). */
enum cs_order_scope {
    CS_ORDERS_OF_SUBJECT = 0, /* the subject, as in its row */
    CS_ORDERS_OF_CLIENT,      /* the client whose credential it came with */
    CS_ORDERS_OF_ZONE,        /* the zone */
    CS_RENEWALS,              /* SHA-256 of zone, subject and names, in hexadecimal; no setting limits them */
    CS_ORDER_SCOPES
};

/* An order that counts in each scope whose name is not NULL. */
struct cs_counted_order {
    uint32_t size;
    const char *job;                   /* id */
    const char *name[CS_ORDER_SCOPES];
    int64_t at_ms;                     /* wall clock */
};

/* A file that lies beside the records, put there by the store or by hand. */
struct cs_aside {
    uint32_t size;
    const char *path;
    bool has_visits; /* it may hold pseudonyms; otherwise certificates and orders */
    int64_t bytes;
    int64_t written_ms; /* when it was written last, wall clock */
};

struct cs_report_value {
    const char *name, *text; /* text NULL: null */
};

typedef int cs_zone_fn(void *arg, const struct cs_zone *row);
typedef int cs_label_rule_fn(void *arg, const struct cs_label_rule *row);
typedef int cs_subject_fn(void *arg, const struct cs_subject *row);
typedef int cs_client_fn(void *arg, const struct cs_client *row);
typedef int cs_client_subject_fn(void *arg, const char *subject);
typedef int cs_job_fn(void *arg, const struct cs_job *row);
typedef int cs_job_challenge_fn(void *arg, const struct cs_job_challenge *row);
typedef int cs_certificate_fn(void *arg, const struct cs_certificate *row);
typedef void cs_backup_fn(void *arg, const char *name, int64_t schema);
/* Makes `to`, which is not there, of the backup's file `name`: 0600, synced, each byte compared with what was backed up. */
typedef int cs_restore_copy_fn(void *arg, const char *name, const char *to, struct cs_error *err);
typedef int cs_revocation_fn(void *arg, const struct cs_revocation *row);
typedef int cs_blob_fn(void *arg, const void *data, size_t len);
typedef int cs_event_fn(void *arg, const struct cs_event *row);
typedef void cs_finding_fn(void *arg, const char *text);
typedef int cs_aside_fn(void *arg, const struct cs_aside *file);
typedef int cs_release_fn(void *arg, const char *zone, const char *week);
typedef int cs_report_fn(void *arg, const struct cs_report_value *values, size_t n);

/* What a backup has of the visits: nothing; counts of the days that are closed, and what was released; all. */
enum cs_backup_visits { CS_BACKUP_NO_VISITS = 1, CS_BACKUP_TOTALS, CS_BACKUP_ALL_VISITS };

/* ROLLBACK undoes what was done since SET, and forgets the savepoint, as RELEASE does. They are not nested. */
enum cs_savepoint { CS_SAVEPOINT_SET = 1, CS_SAVEPOINT_RELEASE, CS_SAVEPOINT_ROLLBACK };

struct cs_store_ops {
    uint32_t size;
    bool blocking; /* always true */

    /* Bring the schema up to date; `may_change` false: refuse a schema that is not exactly the known one. */
    int (*migrate)(void *self, bool may_change, struct cs_error *err);

    int (*connect)(void *self, enum cs_store_use use, void **conn, struct cs_error *err);
    void (*disconnect)(void *self, void *conn);

    int (*begin)(void *conn, struct cs_error *err); /* a writer's begins as a writer, a reader's is a snapshot */
    int (*commit)(void *conn, struct cs_error *err);
    void (*rollback)(void *conn); /* harmless without begin */
    int (*savepoint)(void *conn, enum cs_savepoint what, struct cs_error *err);

    /* A number that changes when anybody, another process too, changed a table since the last call on this connection. */
    int (*version)(void *conn, int64_t *version, struct cs_error *err);

    /* Every row function is called once for each row, in the order of the table's key unless said. */
    int (*zone_put)(void *conn, const struct cs_zone *zone, struct cs_error *err); /* adds or replaces */
    int (*zone_remove)(void *conn, const char *zone, struct cs_error *err);
    int (*zone_list)(void *conn, cs_zone_fn *fn, void *arg, struct cs_error *err);
    int (*zone_find)(void *conn, const char *zone, cs_zone_fn *fn, void *arg, struct cs_error *err); /* exactly that */

    int (*subject_put)(void *conn, const struct cs_subject *subject, struct cs_error *err);
    int (*subject_remove)(void *conn, const char *subject, struct cs_error *err);
    int (*subject_list)(void *conn, cs_subject_fn *fn, void *arg, struct cs_error *err);
    int (*subject_find)(void *conn, const char *subject, cs_subject_fn *fn, void *arg, struct cs_error *err);

    /* expected_version 0: a new row. Otherwise the row has that version, or CS_ECONFLICT. Afterwards it is one more. */
    int (*job_put)(void *conn, const struct cs_job *job, int64_t expected_version, struct cs_error *err);
    int (*job_find)(void *conn, const char *id, cs_job_fn *fn, void *arg, struct cs_error *err);
    int (*job_find_open)(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err);
    int (*job_list_open)(void *conn, cs_job_fn *fn, void *arg, struct cs_error *err); /* oldest first */

    int (*challenge_put)(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err); /* repeat: no harm */
    int (*challenge_remove)(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err); /* no row: no harm */
    int (*challenge_list)(void *conn, cs_job_challenge_fn *fn, void *arg, struct cs_error *err);

    int (*certificate_put)(void *conn, const struct cs_certificate *certificate, struct cs_error *err);
    int (*certificate_find)(void *conn, const char *job, cs_certificate_fn *fn, void *arg, struct cs_error *err);
    /* The newest of a job key, if any. */
    int (*certificate_newest)(void *conn, const uint8_t key[32], cs_certificate_fn *fn, void *arg, struct cs_error *err);

    int (*keep_put)(void *conn, const char *role, const char *instance, const char *key, const void *data, size_t len,
                    struct cs_error *err); /* data NULL: remove */
    int (*keep_get)(void *conn, const char *role, const char *instance, const char *key, cs_blob_fn *fn, void *arg,
                    struct cs_error *err);

    /* The outbox: number is given by the store, rising by one, never used again. */
    int (*outbox_put)(void *conn, const struct cs_event *event, struct cs_error *err); /* event->number is ignored */
    int (*outbox_read)(void *conn, int64_t after, int64_t most, cs_event_fn *fn, void *arg, struct cs_error *err);
    int (*outbox_trim)(void *conn, int64_t up_to, struct cs_error *err); /* forget events with number <= up_to */
    int (*outbox_range)(void *conn, int64_t *first, int64_t *last, struct cs_error *err); /* 0, last when empty */
    int (*cursor_put)(void *conn, const char *sink, int64_t number, struct cs_error *err);
    int (*cursor_get)(void *conn, const char *sink, int64_t *number, struct cs_error *err); /* 0: none */

    /* Forget jobs whose time has passed (keep_until_ms), and certificates 30 days after their end. `most` bounds one call; *n
     * says how many went. */
    int (*purge)(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err);

    /* A named query for `countersign report`, on a CS_ANALYTICS_READER; CS_ENOTFOUND for an unknown name. Optional. */
    int (*report)(void *conn, const char *name, const struct cs_report_value *args, size_t n_args, cs_report_fn *fn,
                  void *arg, struct cs_error *err);

    /* ---- Since ABI 1.1, all optional; the server records no visits with a store that lacks one of them. */

    /* Labels that a zone declares: on a state connection. By zone, then by name. */
    int (*label_put)(void *conn, const struct cs_label_rule *rule, struct cs_error *err); /* adds or replaces */
    int (*label_remove)(void *conn, const char *zone, const char *name, struct cs_error *err);
    int (*label_list)(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err);

    /* Everything below: on a visits connection, the writer's unless said, inside a transaction unless said. */

    /* The 64-bit id of a zone's name for its pseudonyms: random, replaced when its visits are erased, never used again. */
    int (*zone_id_put)(void *conn, const char *zone, uint64_t id, struct cs_error *err);
    int (*zone_id_list)(void *conn, cs_zone_id_fn *fn, void *arg, struct cs_error *err); /* a reader will do */

    int (*visit_add)(void *conn, const struct cs_visit *visit, struct cs_error *err); /* with all totals of it */
    int (*latency_add)(void *conn, const struct cs_latency *latency, struct cs_error *err);

    /* `recorded` and CS_DAY_AT_LEAST are the store's own: put ignores the one and never takes back the other. CS_DAY_CLOSED is
     * day_close()'s alone. */
    int (*day_put)(void *conn, const struct cs_day *day, struct cs_error *err);
    int (*day_list)(void *conn, cs_day_fn *fn, void *arg, struct cs_error *err); /* oldest first; a reader will do */
    /* Label sets with less than `k` sources become "other", and the day is CS_DAY_CLOSED. Repeating it is harmless. */
    int (*day_close)(void *conn, int64_t day, int64_t k, struct cs_error *err);
    /* The labels that visits of the day have so far; a reader will do. */
    int (*day_labels)(void *conn, int64_t day, cs_visit_label_fn *fn, void *arg, struct cs_error *err);

    /* Requests of a source on a day in a zone by outcome, rows {outcome, requests}; a reader will do. */
    int (*visits_of)(void *conn, int64_t day, const char *zone, uint64_t src, cs_report_fn *fn, void *arg,
                     struct cs_error *err);
    /* *n: requests that were taken away, or of which a label was. Totals follow in the same transaction. */
    int (*visits_erase)(void *conn, const struct cs_visits_erasure *what, int64_t *n, struct cs_error *err);
    /* *n: days whose table of visits went. */
    int (*visits_purge)(void *conn, const struct cs_visits_retention *keep, int64_t *n, struct cs_error *err);
    /* Outside a transaction: leave no byte of what was erased, purged or overwritten in any file. *done false: a reader still
     * holds a snapshot; ask again later. Also at every start. On a state writer: of what spki_erase() erased. */
    int (*scrub)(void *conn, bool *done, struct cs_error *err);

    /* Outside a transaction, a reader's connection: write what analysts may read anew, as a whole. */
    int (*publish)(void *conn, struct cs_error *err);

    /* Releases to the public, frozen when first made: get calls fn once or not at all; put is refused (CS_ECONFLICT) when there
     * is one. `week` as "2026-W47". */
    int (*release_put)(void *conn, const char *zone, const char *week, const void *data, size_t len, struct cs_error *err);
    int (*release_get)(void *conn, const char *zone, const char *week, cs_blob_fn *fn, void *arg, struct cs_error *err);
    int (*release_list)(void *conn, cs_release_fn *fn, void *arg, struct cs_error *err); /* by zone, then by week */

    /* What is held about a key, on a state connection: forget the jobs and certificates with it that are over. */
    int (*spki_erase)(void *conn, const uint8_t spki_sha256[32], int64_t *n, struct cs_error *err);

    /* Is there room for what one more order will write until its end, beside those under way? Asked before an order is taken,
     * on a state writer, inside a transaction or outside. CS_EBUSY with "storage-unavailable" when there is none. */
    int (*room)(void *conn, struct cs_error *err);

    /* For `countersign check`: what would keep the server from working with its files, beside a running server or without one?
     * Changes nothing; calls fn for each, with what to do. */
    int (*inspect)(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err);

    /* Clients, and the subjects that each may ask for: on a state connection. With a store that lacks one of them every subject
     * is open, and who shows a credential is refused. */
    int (*client_put)(void *conn, const struct cs_client *client, struct cs_error *err); /* adds or replaces */
    int (*client_remove)(void *conn, const char *client, struct cs_error *err);          /* with its list of subjects */
    int (*client_list)(void *conn, cs_client_fn *fn, void *arg, struct cs_error *err);
    int (*client_find)(void *conn, const char *client, cs_client_fn *fn, void *arg, struct cs_error *err);
    /* Whose is it, whatever else the row says: a token, an old one too; a certificate by its key, or by issuer and name. */
    int (*client_find_token)(void *conn, const char *sha256, cs_client_fn *fn, void *arg, struct cs_error *err);
    int (*client_find_key)(void *conn, const char *spki_sha256, cs_client_fn *fn, void *arg, struct cs_error *err);
    int (*client_find_name)(void *conn, const char *issuer, const char *name, cs_client_fn *fn, void *arg,
                            struct cs_error *err);
    int (*client_subject_put)(void *conn, const char *client, const char *subject, struct cs_error *err); /* repeat: no harm */
    int (*client_subject_remove)(void *conn, const char *client, const char *subject, struct cs_error *err);
    int (*client_subject_list)(void *conn, const char *client, cs_client_subject_fn *fn, void *arg, struct cs_error *err);
    int (*client_subject_find)(void *conn, const char *client, const char *subject, bool *found, struct cs_error *err);

    /* ---- For `countersign backup` and `countersign restore`, optional: with restore_prepare and _drop, all or none. */

    /* The records as of one moment, each of its files by itself, as files in `folder`, which is empty: whole, checked, synced.
     * Beside a running server or without one; what is copied does not change, its schema neither. Calls fn for each file. */
    int (*backup)(void *self, const char *folder, enum cs_backup_visits visits, cs_backup_fn *fn, void *arg,
                  struct cs_error *err);
    /* What restore_prepare() has made takes the place that the settings name; nobody has the records open. State that is there
     * is renamed. Calls fn for what the operator should know; after a failure, for where that state lies. The schema may be an
     * older one: migrate() comes next. */
    int (*restore)(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err);

    /* Revocation, on a state connection; all of them or none: then nothing can be revoked. A revocation goes when its
     * certificate does, which purge() and spki_erase() leave while one is open. */
    int (*certificate_by_serial)(void *conn, const char *serial, cs_certificate_fn *fn, void *arg, struct cs_error *err);
    int (*revocation_put)(void *conn, const struct cs_revocation *revocation, struct cs_error *err); /* adds or replaces */
    int (*revocation_find)(void *conn, const char *job, cs_revocation_fn *fn, void *arg, struct cs_error *err);
    int (*revocation_list_open)(void *conn, cs_revocation_fn *fn, void *arg, struct cs_error *err); /* oldest first */
    /* Keys that no certificate may be asked for with again: kept without end. */
    int (*revoked_key_put)(void *conn, const uint8_t spki_sha256[32], struct cs_error *err); /* repeat: no harm */
    int (*revoked_key_list)(void *conn, cs_blob_fn *fn, void *arg, struct cs_error *err);

    /* Orders that count against limits, on a state writer, inside a transaction; without them there are no such limits. They
     * are kept until `purge` finds them eight days old. */
    int (*order_count)(void *conn, const struct cs_counted_order *order, struct cs_error *err);   /* repeat: no harm */
    int (*order_uncount)(void *conn, const struct cs_counted_order *order, struct cs_error *err); /* not counted: no harm */
    /* When the `nth` newest of a scope was, counting those after `after_ms` and up to `until_ms`; *at_ms 0: they are fewer. */
    int (*order_nth)(void *conn, enum cs_order_scope scope, const char *name, int64_t nth, int64_t after_ms, int64_t until_ms,
                     int64_t *at_ms, struct cs_error *err);
    /* The newest certificate that a subject has for exactly these names, if any; whatever its key. */
    int (*certificate_of_names)(void *conn, const char *zone, const char *subject, const char *names, cs_certificate_fn *fn,
                                void *arg, struct cs_error *err);

    /* Makes copies of the files of a backup, which lie in `folder`, beside their place, with `copy` and `arg`, and finds what
     * would refuse them: restore() only renames. Nothing that is there is touched. CS_ECONFLICT: there is state, and not
     * `replace`. Visits that are there stay. Numbers of the outbox go on far above those that may have been used since. What
     * an earlier call left is made anew. */
    int (*restore_prepare)(void *self, const char *folder, bool replace, cs_restore_copy_fn *copy, void *arg,
                           struct cs_error *err);
    /* Removes those copies, after restore_prepare() or restore() failed. */
    void (*restore_drop)(void *self);

    /* Optional: the job of that key that failed last, if any has. Without it an order that failed after its finalize is never
     * looked at again. */
    int (*job_find_failed)(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err);

    /* Optional: `most` certificates, those that end last first. Without it RSA keys are compared with this run's only. */
    int (*certificate_list)(void *conn, int64_t most, cs_certificate_fn *fn, void *arg, struct cs_error *err);

    /* Optional, in any thread: files that hold records and that neither purging nor erasing reaches, as they lie aside: damaged
     * ones, those that a restore replaced, copies under such names. By their paths. */
    int (*list_aside)(void *self, cs_aside_fn *fn, void *arg, struct cs_error *err);

    /* Optional: all certificates with a key, in any order. Without it no order is made in a zone with bind_keys. */
    int (*certificate_by_spki)(void *conn, const uint8_t spki_sha256[32], cs_certificate_fn *fn, void *arg,
                               struct cs_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
