/*
 * A whole server without HTTP, for tests of core/request: real loop, real store, fake CA and DNS plugins, a folder of its own,
 * and the clock of clock_moved.c. One at a time.
 */
#ifndef FAKES_RIG_H
#define FAKES_RIG_H

#include "command/setup.h"
#include "records/outbox.h"
#include "request/heart.h"
#include "request/request.h"

struct rig {
    char folder[64];
    struct setup setup;
    struct loop *loop;
    struct http_client *client;
    struct instances *instances;
    struct store *store;
    struct keep *keep;
    struct outbox *outbox;
    struct metrics *metrics;
    struct heart *heart;
    bool resumed;
};

/* What came back to a request. Release with rig_answer_free(). */
struct rig_answer {
    bool came;
    enum cs_code code; /* CS_OK: no error */
    char reason[40], text[512];
    char *chain, *problem;
    char job[64], step[32];
    bool running;
};

/* `dns_words` go into the block of fake-dns ("failures = 2;"). A folder that exists already is used again. */
void rig_up(struct rig *rig, const char *dns_words);
void rig_down(struct rig *rig);   /* an orderly stop; the folder stays */
void rig_remove(struct rig *rig); /* the folder */

/* One zone x.example (DNS fake, no visibility) with one subject for it; CN=NAME.x.example may ask for names below x.example. */
void rig_zone(struct rig *rig, const char *zone, int64_t parallel);
void rig_subject(struct rig *rig, const char *subject, const char *zone, const char *names, const char *profile);

/* A CSR for CN and SAN `name` with a new P-256 key, PEM; the caller frees it. */
char *rig_csr(const char *name);
struct request *rig_post(struct rig *rig, const char *csr, struct rig_answer *answer);
struct request *rig_submit(struct rig *rig, const char *csr, int64_t wait_ms, bool detach, bool fresh,
                           struct rig_answer *answer);
struct request *rig_look(struct rig *rig, const char *job, struct rig_answer *answer);
void rig_answer_free(struct rig_answer *answer);

/* Turn the loop until *flag, at most 5 s of real time; fails the test otherwise. */
void rig_until(struct rig *rig, const bool *flag);
void rig_turn(struct rig *rig, int64_t ms); /* for that long */
/* Until nothing is under way any more. */
void rig_rest(struct rig *rig);

/* The lines of the CA's log so far, as one string; the caller frees it. */
char *rig_calls(struct rig *rig);
void rig_assert_calls(struct rig *rig, size_t n); /* there are so many */
bool rig_calls_have(struct rig *rig, const char *word);
/* What fake-dns serves at an owner: lines, or NULL when there is nothing. The caller frees it. */
char *rig_served(struct rig *rig, const char *owner);
/* Rows of the challenge table. */
size_t rig_challenges(struct rig *rig);

#endif
