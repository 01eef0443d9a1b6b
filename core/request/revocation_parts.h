/*
 * Between the files of revocation.h.
 */
#ifndef REQUEST_REVOCATION_PARTS_H
#define REQUEST_REVOCATION_PARTS_H

#include "engine/timer.h"
#include "request/heart.h"
#include "request/revocation.h"
#include "request/revocation_statement.h"

enum revocation_phase { REVOCATION_STORING, REVOCATION_WAITING, REVOCATION_ASKING, REVOCATION_COMMITTING, REVOCATION_OVER };

/* One certificate's, from the intent to its end. */
struct revocation {
    struct revocations *all;
    struct revocation *next, *prev;
    struct revocation_certificate *certificate; /* owned; reason, asker and times are those of this revocation */
    enum revocation_phase phase;
    struct revocation_ask *asks; /* who wait */
    struct timer timer;
    int64_t pause_ms; /* the last one; 0: none yet */
    int64_t again_ms; /* on cs_now_ms(): when the CA is asked again */
    bool op_is_out;   /* the plugin has not finished yet */
    bool writing, sending; /* sending: within the call that hands the write over */
    struct cs_error unsent; /* without memory that call fails at once, and `timer` carries it out of there */
    bool told_unsaved;   /* the log knows that the store takes nothing of it */
    bool done_before;    /* found while the intent was stored: somebody was faster */
    bool failed;         /* COMMITTING: how it ends */
    struct cs_error why; /* it failed, or waits */
    char *problem;       /* the CA's own words */
    char *event;         /* JSON, while its end is written */
    char *stored_problem;
};

struct revocations {
    struct heart *heart;
    struct revocation *first;
    size_t n, n_asking, n_looking;
};

struct revocation_ask {
    struct revocations *all;
    struct revocation *of; /* NULL: not joined yet */
    struct revocation_ask *next, *prev;
    struct revocation_statement statement; /* the holder's */
    bool by_operator, any, dry_run;        /* any: whatever its hash */
    char serial[REVOCATION_SERIAL_MOST + 1];
    uint8_t sha256[32];
    char *ca; /* "": any */
    int reason;
    struct revocation_certificate *found; /* while it is looked up */
    bool is_proven;                       /* the holder's statement, by the key of what was found */
    struct cs_error unproven;
    struct timer deadline;
    bool looking, sending, detached; /* sending: as in struct revocation */
    struct cs_error unsent;
    struct timer later;
    revocation_fn *fn;
    void *arg;
};

/* ---- revocation_rows.c: in the store's threads, but for the freeing ---- */

struct revocation_search {
    const char *serial;
    const uint8_t *sha256; /* NULL: any */
    const char *ca;        /* "": any */
    struct revocation_certificate *found;
    bool no_memory;
};

bool revocation_store_can(const struct store_conn *c);
int revocation_find_certificates(const struct store_conn *c, struct revocation_search *search, struct cs_error *err);
int revocation_write_intent(const struct store_conn *c, void *arg, struct cs_error *err); /* arg: a struct revocation */
int revocation_write_end(const struct store_conn *c, void *arg, struct cs_error *err);
int revocation_read_open(const struct store_conn *c, struct revocation_certificate **open, struct cs_error *err);
char *revocation_event(const struct revocation *r); /* NULL: no memory */
void revocation_certificates_free(struct revocation_certificate *list);

/* ---- revocation_run.c ---- */

/* The revocation of this certificate that is under way, or NULL. */
struct revocation *revocation_under_way(struct revocations *all, const char *job);
/* Takes over the certificate, in any case. `is_stored`: by an earlier run. NULL: no memory. */
struct revocation *revocation_begin(struct revocations *all, struct revocation_certificate *certificate, bool is_stored);
void revocation_attach(struct revocation *r, struct revocation_ask *ask);
void revocation_leave(struct revocation_ask *ask); /* harmless when it has left */
void revocation_free(struct revocation *r);
/* The server stops: who wait hear so, and it stays as it is stored. */
void revocation_suspend(struct revocation *r);
/* That it goes on, and what is in its way. */
void revocation_pending(const struct revocation *r, struct cs_error *err);

/* ---- revocation.c ---- */

/* The ask hears, and is gone. */
void revocation_answer(struct revocation_ask *ask, const struct revocation_answer *answer);

#endif
