/*
 * Revocation (docs/revoke.md): who asks, is it his to ask, and then what has to be done until the CA has confirmed it. The
 * holder of the key asks through http/revoke.c, the operator through http/control_revoke.c.
 *
 *   looking -> storing -> asking -> committing -> ended
 *                 ^         |
 *                 +- waiting
 *
 * revocation.c has those who ask, revocation_run.c a revocation from the stored intent to its end, revocation_rows.c what is
 * read and written. From the stored intent on the key is refused (revoked_keys.h), and the revocation goes on until its end,
 * over restarts, whoever waits for it. Loop thread only.
 */
#ifndef REQUEST_REVOCATION_H
#define REQUEST_REVOCATION_H

#include <countersign/store.h>

struct heart;

/* A certificate of ours, copied from the store, with what is known of its revocation. */
struct revocation_certificate {
    struct revocation_certificate *next;
    char *job, *zone, *subject, *names, *ca, *serial, *pem;
    uint8_t *der; /* the leaf */
    size_t der_len;
    uint8_t spki_sha256[32];
    int64_t not_after_ms;
    enum cs_revocation_state state; /* 0: nobody asked for its revocation */
    int reason;
    int64_t asked_ms, ended_ms;
    bool by_operator;
};

/* Exactly one of `err`, `certificates` and neither: it is revoked. Valid inside the call. */
struct revocation_answer {
    const struct cs_error *err;                        /* "revocation-pending": it goes on */
    const char *problem;                               /* the CA's own document, or NULL */
    const struct revocation_certificate *certificates; /* to the operator: several, or one and a dry run */
    const char *serial;
    int reason;
    int64_t revoked_ms;
    bool again; /* it was revoked before */
};
typedef void revocation_fn(void *arg, const struct revocation_answer *answer);

struct revocation_ask;

/* What the key's holder signed. NULL and *err: that is the answer; otherwise `fn` is called later, once, at `deadline_ms` (on
 * cs_now_ms()) at the latest. */
struct revocation_ask *revocation_by_holder(struct heart *heart, const void *body, size_t len, int64_t deadline_ms,
                                            revocation_fn *fn, void *arg, struct cs_error *err);

struct revocation_wish {
    const char *serial;    /* as revocation_serial() writes it */
    const uint8_t *sha256; /* of the certificate's DER, 32 bytes; NULL: any with that number */
    const char *ca;        /* instance; "": any */
    int reason;
    bool dry_run;
};
struct revocation_ask *revocation_by_operator(struct heart *heart, const struct revocation_wish *wish, int64_t deadline_ms,
                                              revocation_fn *fn, void *arg, struct cs_error *err);

/* Nobody wants the answer any more: `fn` is not called. What was asked goes on. */
void revocation_detach(struct revocation_ask *ask);

struct revocations;
struct revocations *revocations_new(struct heart *heart); /* NULL: no memory */
void revocations_free(struct revocations *all);           /* after the store has closed; NULL is allowed */

/* After a start: the refused keys, and what an earlier run left open; then `done`. Before any job is taken up. */
void revocations_resume(struct revocations *all, cs_done_fn *done, void *arg);

/* The server stops: what waits stays as it is stored. */
void revocations_stop(struct revocations *all);

size_t revocations_busy(const struct revocations *all); /* under way and not just waiting, or looked up */
size_t revocations_open(const struct revocations *all); /* not confirmed yet */

#endif
