/*
 * An order under way, from the stored intent to the stored chain. A request joins a job and may leave it; the job goes on.
 * Called by request.c; cs_op_save() and cs_op_save_wait() are defined in job_save_step.c, because what they write is the job's
 * row.
 *
 *   looking -> storing -> queued -> signing -> committing -> ended
 *
 * job.c finds and starts jobs, job_revive.c those of an earlier run, job_look.c looks for a chain that will do, job_again.c
 * takes up an order that failed though its CA may have a certificate, job_primes.c compares its key with others, job_waiter.c
 * tells those who wait, job_source.c counts it for its source, job_line.c takes a job to its turn in the zone, job_run.c from
 * there to its chain, with the pauses of job_pause.c, job_commit.c to its end. job_save.c writes it down when it is new and
 * when it has ended, job_save_step.c what its CA plugin saves meanwhile, both by job_write.c.
 */
#ifndef REQUEST_JOB_H
#define REQUEST_JOB_H

#include "engine/op.h"
#include "engine/timer.h"
#include "request/ca_gate.h"
#include "request/certificate.h"
#include "request/grant.h"
#include "request/order_source.h"
#include "request/turn.h"

#define JOB_ID_LEN         26
#define JOB_STEP_MOST      31
#define JOB_FAILED_KEEP_MS (7 * 24 * 3600 * INT64_C(1000)) /* how long /v1/requests/ID answers for a failed one */

enum job_phase { JOB_LOOKING, JOB_STORING, JOB_QUEUED, JOB_SIGNING, JOB_COMMITTING, JOB_ENDED };

struct job;

/* What a request gets to hear. Valid inside the call. */
struct job_news {
    const char *job; /* id of the job that this is of; filled in by job_tell() when NULL */
    const struct cs_error *err; /* NULL: chain, or only stored */
    const char *problem;        /* the CA's own document, or NULL */
    const char *chain;
    size_t chain_len;
    bool running; /* the job goes on */
    bool is_old;  /* the chain is of an earlier order */
    int64_t wait_ms; /* it goes on: when its turn may be expected; 0: nothing known */
};
struct job_waiter {
    struct job *job; /* NULL: not joined */
    struct job_waiter *next, *prev;
    struct visit *visit; /* of the one who waits; NULL: none */
    struct order_source source; /* the same; kept by him */
    bool stored_is_enough; /* wants to hear as soon as the job is stored */
    bool place_is_enough;  /* the job's place is an answer, too, once the deadline has come */
    int64_t deadline_ms;   /* on cs_now_ms() */
    void (*hear)(struct job_waiter *waiter, const struct job_news *news); /* once; the waiter has left before */
};

/* A step of the CA's plugin, with what it keeps for it. */
struct job_step {
    char name[JOB_STEP_MOST + 1];
    void *data;
    size_t data_len;
    uint64_t number; /* grows with each that is asked for */
};

struct job {
    struct heart *heart;
    char id[JOB_ID_LEN + 1];
    uint8_t key[32];
    char client[CLIENT_NAME_SIZE]; /* with whose credential it was ordered; "": nobody's */
    struct order_source source;    /* who ordered it */
    uint64_t number; /* in the order in which they came */
    int64_t version; /* that the stored row has, or will have once the writes on their way are done */
    struct subject_row *row;
    struct instance *ca; /* another one, of that name, when its block is changed meanwhile: the loop's */
    const char *ca_name; /* for ever: for the store's threads, too */
    struct ca_gate *gate; /* before it */
    struct csr csr;
    struct prime_claim *claim; /* on the primes of its RSA key; NULL: it has none, or not yet */
    char *names; /* separated by spaces */
    char *profile;
    enum job_phase phase;
    enum cs_job_state state;
    char step[JOB_STEP_MOST + 1]; /* saved: durable, as far as the loop knows */
    void *data;
    size_t data_len;
    uint64_t step_number;         /* of the save that they are of, or of asked.number when they were forgotten */
    struct job_step asked;        /* what the plugin wanted to be saved last, durable or not */
    char progress[32]; /* what cs_op_step() said last, for the client that waits */
    int64_t step_began_ms; /* on cs_now_ms(): for counts.c */
    int64_t attempts;
    int returns; /* to the line before its CA after it was let go */
    bool ca_was_asked;     /* the plugin was called for it, in this run or maybe an earlier one */
    bool was_ordered;      /* a step was saved: the CA has, or had, an order of it */
    bool given_back;       /* it failed before the CA had it, so it does not count against limits */
    bool pausing;          /* in JOB_QUEUED, without a place in any line: see job_give_up() */
    bool is_counted;       /* among the open orders of its source */
    bool fresh;            /* a stored chain will not do */
    bool again;            /* it looks at an order that failed before, whose CA may have a certificate: job_again.c */
    bool challenge_seen;   /* all values that the CA asked for were visible at once */
    bool op_is_out;        /* the plugin has not finished yet */
    bool told_unsaved;     /* the log knows that the store takes nothing of it now */
    int64_t pause_ms;      /* what the last one was drawn from; 0: none yet */
    int64_t pause_ends_ms; /* of `pausing`, on cs_now_ms() */
    int64_t created_ms, deadline_ms, keep_until_ms; /* wall clock: only for what is stored */
    int64_t began_ms, end_by_ms;                    /* the same on cs_now_ms(), which nobody sets: what counts while it runs */
    int64_t bad_since_ms;  /* wall clock: since when the chain is not what was asked for; 0: it is not known to be bad */
    struct job_waiter *first, *last;
    struct job_visit *visits; /* of those who were told that it is stored, and wait no more: they end with it */
    size_t n_visits;
    size_t unseen;            /* challenge values that are not visible yet, or failed to be, in this call of the plugin */
    int64_t signing_since_ms; /* on cs_now_ms(); 0: the call began with a later step */
    struct ca_place ca_place;
    struct turn_place names_place, zone_place;
    struct challenge_place *places; /* of its challenges, as far as they were looked for */
    struct timer timer; /* the deadline while it has no op; later: when its end is stored again */
    struct cs_op *op;
    int writes;            /* on their way */
    struct step_save *postponed; /* the last step that nobody waits for, while it waits to be tried again */
    cs_done_fn *unsaved;   /* whom to tell that there was no memory for a write */
    struct certificate certificate;
    char *url;             /* where the CA serves the chain */
    struct cs_error error; /* how it failed */
    char *problem;         /* the CA's own words */
};

struct jobs;
struct jobs *jobs_new(struct heart *heart);
void jobs_free(struct jobs *jobs); /* NULL is allowed */
size_t jobs_count(const struct jobs *jobs);
void jobs_each(struct jobs *jobs, void (*fn)(struct job *job, void *arg), void *arg);
/* The same without memory, for a function that releases none. */
void jobs_walk(const struct jobs *jobs, void (*fn)(struct job *job, void *arg), void *arg);

/* Join the job of these names and key, or make one. Takes over `csr` in any case. The waiter hears later, once. */
int job_join(struct heart *heart, struct subject_row *row, const struct grant *grant, struct csr *csr, bool fresh,
             struct job_waiter *waiter, struct cs_error *err);
void job_leave(struct job_waiter *waiter); /* harmless when it has left */
struct job *job_find(struct heart *heart, const char *id); /* under way only */
const char *job_step(const struct job *job);               /* where it is, in a word for the client */

/* Go on with a job of an earlier run. Copies the row. */
int job_revive(struct heart *heart, const struct cs_job *stored, struct subject_row *row, struct cs_error *err);

/* ---- Between the files of the job ---- */

/* A job that is not known yet: job_add() makes it known, job_free() is for one that is not. Takes over what `csr` holds. */
struct job *job_make(struct heart *heart, struct subject_row *row, struct instance *ca, const char *profile, struct csr *csr,
                     struct cs_error *err);
int job_add(struct job *job, struct cs_error *err);
void job_free(struct job *job);
void job_go_behind(struct job *job); /* from now on its number is that of a newcomer */
void job_attach(struct job *job, struct job_waiter *waiter);
void job_tell(struct job *job, const struct job_news *news); /* every waiter hears, and leaves */
void job_tell_stored(struct job *job);                       /* those hear for whom stored_is_enough */
void job_keep_visit(struct job *job, struct job_waiter *waiter); /* who leaves with the job's id: his visit ends with the job */
void job_see_challenge(struct job *job);                     /* the visits of all who wait have come that far */
void job_tell_hopeless(struct job *job);                     /* those hear whose deadline ends before its CA is asked again */
int64_t job_wait_ms(const struct job *job);                  /* until its turn may be expected; 0: nothing known */
void job_drop_visits(struct job *job);                       /* unfinished: nobody tells them more */
int job_look(struct job *job, struct cs_error *err);         /* job_look.c: for a stored chain; else job_examine() */
void job_examine(struct job *job);                           /* job_primes.c: there is none that will do; then job_store() */
int job_hold_primes(struct job *job, struct cs_error *err);  /* of an earlier run; its key was examined then */
void job_keep_primes(struct job *job);                       /* its certificate is stored */
void job_store(struct job *job);                             /* job.c: nothing speaks against an order */
void job_end_unstored(struct job *job, const struct cs_error *err);
int job_source_take(struct job *job, struct cs_error *err);  /* job_source.c: it counts for its source, or may not */
bool job_source_has_room(struct job *job);                   /* the same; false: those who wait have heard why not */
void job_leave_source(struct job *job);                      /* it counts no more; harmless twice */
bool job_line_has_room(struct job *job);                     /* job_line.c: false: those who wait have heard why not */
int job_line_join(struct job *job, struct cs_error *err);    /* to its turn: the CA's gate, its names, its zone */
int job_line_rejoin(struct job *job, struct cs_error *err);  /* one of an earlier run; that the CA knows does not wait */
void job_line_return(struct job *job);                       /* its CA is out: it waits where its number says */
void job_line_out(struct heart *heart, const struct ca_gate *gate); /* for the jobs of a CA that is out */
void job_turn(void *arg);                                    /* job_run.c: the zone is ours */
void job_commit_chain(struct job *job);                      /* job_commit.c: it ends with its certificate */
void job_fail(struct job *job, const struct cs_error *err);  /* job_commit.c: it ends with this */
/* job_run.c: the same, unless finalize was sent and what came in its way may pass: then the CA is asked again after a pause. */
void job_give_up(struct job *job, const struct cs_error *err);
bool job_stays_open(struct job *job, const struct cs_error *err); /* job_pause.c: it does, for now: see job_give_up() */
bool job_may_pass(const struct cs_error *err); /* job_pause.c: another call may end otherwise */
/* job_run.c: or is about to be, which is on the disk: the CA may have issued. */
bool job_finalize_was_sent(const struct job *job);
/* job_run.c: CS_EINPUT "revoked-key" when the key was refused meanwhile, and the CA cannot have issued yet. */
int job_check_key(const struct job *job, struct cs_error *err);
void job_suspend(struct job *job);                           /* the server stops: it stays as it is stored */
void job_end(struct job *job);                               /* gives its turn back; frees it when nothing needs it any more */
void job_leave_lines(struct job *job);                       /* its names and its zone are free for the next; harmless twice */
/* It waits for its CA: its zone is free. Not so its names once its finalize was sent: the CA would hand the order to the next
 * one for them, who would finalize it with another key. */
void job_step_aside(struct job *job);
void job_release(struct job *job);                           /* frees it when it has ended and nothing needs it any more */

/* job_save.c. `done` on the loop after the commit. */
void job_save_new(struct job *job, cs_done_fn *done);
void job_save_anew(struct job *job, cs_done_fn *done); /* at its beginning, and counted as an order: from now on it is one */
void job_save_done(struct job *job, cs_done_fn *done);   /* chain, job and event in one transaction */
void job_save_failed(struct job *job, cs_done_fn *done);
/* job_save_step.c. What is written next must not become durable before the steps that were saved: one that the store did not
 * take goes first. */
void job_save_postponed(struct job *job);
void job_forget_step(struct job *job); /* what was saved is of an order that is over */
/* job_write.c. In the log, once until the store takes something again: it does not, and `what` (its `name`) is tried again. */
void job_log_unsaved(struct job *job, enum cs_log_level level, const char *what, const char *name, const struct cs_error *err);
/* job_again.c. A new job goes on with the order of one that failed, of which the row is; takes over nothing. -1: no memory. */
int job_take_up(struct job *job, const struct cs_job *failed, struct cs_error *err);
/* Its finalize was sent, and its CA did not refuse it; or it was told to come back later. */
bool job_may_be_taken_up(const struct cs_job *failed);
/* What an order that was taken up ended with: may the same names be ordered anew for that? */
bool job_again_is_over(const struct job *job, const struct cs_error *err);
void job_refuse_chain(struct job *job, const struct cs_error *err); /* it was checked, and is not what was asked for */
void job_start_anew(struct job *job, const struct cs_error *why);   /* job_run.c */
/* job_again.c. The order was another job's, and its CA has no certificate of it that would do: what comes is an order of its
 * own, if the limits on orders let it. Then job_start_anew(), or it fails. */
void job_order_anew(struct job *job, const struct cs_error *why);

/* job_problem.c. The stored form of how a job failed, and back. `bad_since_ms`: of struct job. */
char *job_problem_write(const struct cs_error *err, const char *upstream, int64_t bad_since_ms);
int64_t job_problem_bad_since(const char *json);
/* The same of an open one: that it was taken up (job_again.c), and `bad_since_ms`. NULL: no memory. */
char *job_problem_write_open(int64_t bad_since_ms);
bool job_problem_again(const char *json);
/* `age_ms` after it was written: so much of its Retry-After is over. */
void job_problem_read(const char *json, int64_t age_ms, struct cs_error *err, char **upstream);

#endif
