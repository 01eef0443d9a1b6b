/*
 * One write of a job into the store: its row as it is now, and what is committed together with it. Called by job_save.c (a job
 * that is new, or has ended) and job_save_step.c (a step of one that is under way).
 */
#ifndef REQUEST_JOB_WRITE_H
#define REQUEST_JOB_WRITE_H

#include "request/job.h"
#include "request/order_limits.h"

/* Carries a snapshot of what may change while the store writes; the rest it reads from the job, which lives until its writes
 * are done. */
struct job_write {
    struct job *job;
    void (*written)(struct job_write *write, const struct cs_error *err);
    bool is_step;      /* otherwise the job is new, or has ended */
    bool nobody_waits; /* it may be committed with what others wait for */
    bool is_end;       /* counts, whatever was done to the row meanwhile */
    bool with_certificate;
    bool takes, gives_back, counts_again; /* against the limits on orders */
    const char *event_kind;
    char *event;   /* JSON, or NULL */
    char *problem; /* how it failed, or that an open one was taken up, as JSON; NULL: neither */

    /* ---- job_write.c's own ---- */
    struct cs_job row;
    struct job_step step;
    struct order_limits limits; /* of now: a reload may change them while the writer looks */
    int64_t expected_version;   /* 0: a new row */
    int64_t found_version;      /* of a row that was not as expected; 0: there was none */
    bool was_changed;
};

/* Takes the job's step and its data as they are now, instead of those taken before: of `is_step` what was asked for last,
 * otherwise what is durable. -1: no memory. */
int job_write_snapshot(struct job_write *write);

/* Once for each snapshot. `written` on the loop after the commit, or with what was in its way; the write is the caller's own
 * again from there on. */
void job_write_submit(struct job_write *write);

void job_write_clear(struct job_write *write); /* frees what it holds */

#endif
