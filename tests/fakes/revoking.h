/*
 * A whole core without HTTP (rig.h) with certificates in its store whose keys the test has, and those who ask for their
 * revocation. For the tests of request/revocation.h. What the CA does is told in the words of fake_ca.c.
 */
#ifndef FAKES_REVOKING_H
#define FAKES_REVOKING_H

#include "rig.h"
#include "statement_maker.h"

#include "request/revocation_parts.h"

#define REVOKING_HOLDERS 6
#define REVOKING_WAIT_MS (60 * 1000) /* as long as http/revoke.c waits */

/* What was answered, at once or later. Release with revoking_answer_free(). */
struct revoking_answer {
    bool came;
    enum cs_code code; /* CS_OK: no error */
    char reason[40], text[512];
    int64_t retry_after_ms;
    char *problem;
    size_t n_certificates;
    char serial[REVOCATION_SERIAL_MOST + 1];
    int why;
    int64_t revoked_ms;
    bool again;
};

struct revoking {
    struct rig rig;
    struct holder holders[REVOKING_HOLDERS]; /* their certificates have the numbers 0100, 0101, … */
    struct holder stranger;                  /* the first one's number, another key */
    int64_t wait_ms; /* of who asks; REVOKING_WAIT_MS at first */
    struct revoking_answer one, two;
};

void revoking_up(struct revoking *r);
void revoking_down(struct revoking *r);

/* The certificate of a holder, in the store as that of `job`. */
void revoking_store(struct revoking *r, size_t holder, const char *job, const char *ca, int64_t not_after_ms);
/* The same with what matters seldom: as of the CA "fake", valid for a day. */
void revoking_store_usual(struct revoking *r, size_t holder);

/* A message about a holder's certificate is posted; `signer` NULL: its own. Returns NULL when *answer has come already. */
struct revocation_ask *revoking_post(struct revoking *r, size_t holder, const struct holder *signer, const char *reason,
                                     struct revoking_answer *answer);
/* The operator asks. `ca` "": any. */
struct revocation_ask *revoking_operate(struct revoking *r, const char *serial, const char *ca, bool dry_run,
                                        struct revoking_answer *answer);
void revoking_answer_free(struct revoking_answer *answer);

/* Post and wait for the answer. */
void revoking_ask(struct revoking *r, size_t holder, struct revoking_answer *answer);

/* What the CA does from now on; NULL: it revokes. */
void revoking_ca(struct revoking *r, const char *words);
size_t revoking_calls(struct revoking *r); /* of the CA */
/* Of those under way: how many are in this phase. */
size_t revoking_in_phase(struct revoking *r, enum revocation_phase phase);
/* Rows of the table with this state ("open", "done", "failed"), and keys that the server refuses. */
size_t revoking_rows(struct revoking *r, const char *state);
size_t revoking_keys(struct revoking *r);

#endif
