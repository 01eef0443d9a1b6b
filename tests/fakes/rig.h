/*
 * A whole server without HTTP, for tests of core/request: real loop, real store, fake CA and DNS plugins, a folder of its own,
 * and the clock of clock_moved.c. One at a time.
 */
#ifndef FAKES_RIG_H
#define FAKES_RIG_H

#include <openssl/evp.h>

#include "command/setup.h"
#include "records/outbox.h"
#include "request/heart.h"
#include "request/job.h"
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
    const char *ca; /* the CA plugin, a file in tests/fakes, which is then the DNS instance "both", too; NULL: fake-ca */
    struct visit *visit; /* of the next request; it is handed over */
    bool respond_async;  /* of all requests */
    struct credential credential; /* of all requests */
    struct order_source source;   /* the same */
    const char *resolver; /* who is asked for name servers; NULL: nobody who answers */
    struct sqlite3 *lock;
};

/* What came back to a request. Release with rig_answer_free(). */
struct rig_answer {
    bool came;
    enum cs_code code; /* CS_OK: no error */
    char reason[40], text[512];
    char *chain, *problem;
    char job[64], step[32];
    bool running;
    int64_t retry_after_ms; /* of the error, or of the job's place */
};

/* `dns_words` go into the block of fake-dns ("failures = 2;"). A folder that exists already is used again. */
void rig_up(struct rig *rig, const char *dns_words);
void rig_up_stopped(struct rig *rig); /* as when SIGTERM comes while the open jobs are still being read */
void rig_down(struct rig *rig);   /* an orderly stop; the folder stays */
void rig_remove(struct rig *rig); /* the folder */

/* One zone x.example (DNS fake, no visibility) with one subject for it; CN=NAME.x.example may ask for names below x.example. */
void rig_zone(struct rig *rig, const char *zone, int64_t parallel);
void rig_subject(struct rig *rig, const char *subject, const char *zone, const char *names, const char *profile);

/* The same zone with another DNS instance ("fake", "other"), or with visibility. */
void rig_zone_as(struct rig *rig, const char *zone, const char *dns, enum cs_visible visible, const char *servers);

/* What an operator may do to state.db while the server runs. */
void rig_sql(struct rig *rig, const char *sql);
/* Hold the database, as a shell after BEGIN: writes fail as busy after 50 ms. */
void rig_lock(struct rig *rig);
void rig_unlock(struct rig *rig);

/* A CSR for CN and SAN `name` with a new P-256 key, PEM; the caller frees it. */
char *rig_csr(const char *name);
char *rig_csr_for(const char *cn, const char *san);
char *rig_csr_of(EVP_PKEY *key, const char *cn, const char *san); /* with that key */
struct request *rig_post(struct rig *rig, const char *csr, struct rig_answer *answer);
struct request *rig_submit(struct rig *rig, const char *csr, int64_t wait_ms, bool detach, bool fresh,
                           struct rig_answer *answer);
struct request *rig_look(struct rig *rig, const char *job, struct rig_answer *answer);
void rig_answer_free(struct rig_answer *answer);

/*
 * Waiting is for a condition, never for a time: the loop turns until the condition holds, at most RIG_PATIENCE_MS of real time,
 * which only a fault uses up; then the test fails.
 */
#define RIG_PATIENCE_MS 20000
#define rig_until_true(rig, condition)                                                                                         \
    do {                                                                                                                       \
        const int64_t rig_end_ms = rig_real_ms() + RIG_PATIENCE_MS;                                                            \
                                                                                                                               \
        while (!(condition))                                                                                                   \
            rig_wait_on(rig, rig_end_ms, #condition);                                                                          \
    } while (0)
/* The same with a clock that runs faster: `step_ms` every 10 ms. */
#define rig_hurry_until(rig, step_ms, condition)                                                                               \
    do {                                                                                                                       \
        const int64_t rig_end_ms = rig_real_ms() + RIG_PATIENCE_MS;                                                            \
                                                                                                                               \
        while (!(condition))                                                                                                   \
            rig_hurry_on(rig, rig_end_ms, step_ms, #condition);                                                                \
    } while (0)
void rig_until(struct rig *rig, const bool *flag);
void rig_hurry(struct rig *rig, int64_t step_ms, const bool *flag);
/* Until nothing is under way any more. */
void rig_rest(struct rig *rig);
/* Some turns, before a test says that something has not happened, where no condition tells that it might have. */
void rig_settle(struct rig *rig);
int64_t rig_real_ms(void); /* no test moves it */
void rig_wait_on(struct rig *rig, int64_t end_ms, const char *condition);
void rig_hurry_on(struct rig *rig, int64_t end_ms, int64_t step_ms, const char *condition);

/* fake-ca holds an order at the word gate:NAME until this. */
void rig_open_gate(struct rig *rig, const char *name);
void rig_close_gate(struct rig *rig, const char *name); /* that was opened */

/* Orders under way whose CA plugin is at that word, that are in that phase or state, or have a place in their zone. */
size_t rig_at_step(struct rig *rig, const char *word);
size_t rig_in_phase(struct rig *rig, enum job_phase phase);
size_t rig_in_state(struct rig *rig, enum cs_job_state state);
size_t rig_in_zone(struct rig *rig);
size_t rig_waiters(struct rig *rig); /* requests that wait for any of them */

/* The lines of the CA's log so far, as one string; the caller frees it. */
char *rig_calls(struct rig *rig);
void rig_assert_calls(struct rig *rig, size_t n); /* there are so many */
bool rig_calls_have(struct rig *rig, const char *word);
/* What the instance "other" serves. */
char *rig_served_other(struct rig *rig, const char *owner);
/* What fake-dns serves at an owner: lines, or NULL when there is nothing. The caller frees it. */
char *rig_served(struct rig *rig, const char *owner);
bool rig_serves(struct rig *rig, const char *owner, const char *lines); /* exactly these; NULL: nothing */
size_t rig_dns_calls(struct rig *rig); /* of fake-dns */
size_t rig_count(struct rig *rig, const char *table); /* rows */
/* Rows of the challenge table. */
size_t rig_challenges(struct rig *rig);

#endif
