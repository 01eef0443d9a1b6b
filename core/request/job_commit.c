/*
 * The end of a job: it is stored, however long that takes; then those who wait hear, and the challenge values are taken away.
 * See job.h. Called when job_run.c has a chain, and by whoever gives a job up.
 */
#include <inttypes.h>

#include "base/error.h"
#include "engine/log.h"
#include "engine/step.h"
#include "request/challenge.h"
#include "request/counts.h"
#include "request/job.h"
#include "request/revoked_keys.h"

#define LOG_WHO        "job"
#define STORE_AGAIN_MS 1000

static void on_done_saved(void *arg, const struct cs_error *err);
static void on_failed_saved(void *arg, const struct cs_error *err);

static void store_end(void *arg)
{
    struct job *job = arg;

    timer_clear(&job->timer);
    if (job->state == CS_JOB_DONE)
        job_save_done(job, on_done_saved);
    else
        job_save_failed(job, on_failed_saved);
}

void job_commit_chain(struct job *job)
{
    job->state = CS_JOB_DONE;
    job->keep_until_ms = job->certificate.not_after_ms;
    store_end(job);
}

void job_fail(struct job *job, const struct cs_error *err)
{
    step_reached(STEP_FAILING, job->id);
    job->error = *err;
    job->phase = JOB_COMMITTING;
    job->state = CS_JOB_FAILED;
    job->keep_until_ms = cs_wall_ms() + JOB_FAILED_KEEP_MS;
    if (!job->zone_place.running)
        job_leave_lines(job); /* its turn shall not come any more */
    log_line(err->code == CS_ECONFIG || err->code == CS_EINTERNAL ? CS_LOG_ERROR : CS_LOG_WARN, LOG_WHO, job->id,
             "order failed zone=%s ca=%s reason=%s: %s", job->row->zone, job->ca_name, error_reason(err), err->text);
    counts_order(job, err);
    store_end(job);
}

/* ---- It is stored, or not yet ---- */

/* Its zone is free for the next one. Harmless when it was left already. */
static void leave_zone(struct job *job, const char *how)
{
    if (job->zone_place.running)
        log_line(CS_LOG_INFO, LOG_WHO, job->id, "order ended zone=%s outcome=%s ms=%" PRId64, job->row->zone, how,
                 cs_now_ms() - job->began_ms);
    job_leave_lines(job);
    challenges_release(job->heart->challenges, job);
}

static void end(struct job *job, const char *how)
{
    timer_clear(&job->timer);
    leave_zone(job, how);
    job_end(job);
}

/* A row that stayed open would block its key until the next start. The zone need not wait for the disk. */
static void store_end_again(struct job *job, const char *how)
{
    leave_zone(job, how);
    timer_set_in(job->heart->loop, &job->timer, STORE_AGAIN_MS, store_end, job);
}

/* The server stops, and the store takes nothing: the row stays as it is. */
static void give_end_up(struct job *job)
{
    if (job->phase == JOB_ENDED)
        job_release(job);
    else
        job_suspend(job);
}

/* ---- It worked ---- */

/* The key was refused when the CA had the finalize already. */
static void warn_of_refused_key(const struct job *job)
{
    if (revoked_keys_have(job->heart->revoked_keys, job->csr.spki_sha256))
        log_line(CS_LOG_WARN, LOG_WHO, job->id,
                 "the certificate has a key that was revoked meanwhile, and is not handed out: revoke it, too, with "
                 "`countersign revoke %s` zone=%s ca=%s serial=%s",
                 job->certificate.serial, job->row->zone, job->ca_name, job->certificate.serial);
}

/* Subject or zone were removed or disabled over a restart: resume.c. */
static void warn_of_no_permission(const struct job *job)
{
    if (!job->row->enabled)
        log_line(CS_LOG_WARN, LOG_WHO, job->id,
                 "the certificate is of a subject that may have none any more: if nobody shall use it, revoke it with "
                 "`countersign revoke %s` zone=%s ca=%s serial=%s",
                 job->certificate.serial, job->row->zone, job->ca_name, job->certificate.serial);
}

static void on_done_saved(void *arg, const struct cs_error *err)
{
    struct job *job = arg;
    const bool is_late = job->phase == JOB_ENDED;

    if (err && !job->heart->stopping) {
        job_log_unsaved(job, CS_LOG_ERROR, "serial", job->certificate.serial, err);
        store_end_again(job, "storing");
        return;
    }
    if (err) {
        log_line(CS_LOG_ERROR, LOG_WHO, job->id, "a chain could not be stored before the end, serial=%s: %s",
                 job->certificate.serial, err->text);
        give_end_up(job);
        return;
    }
    log_line(CS_LOG_INFO, LOG_WHO, job->id, "certificate issued zone=%s ca=%s serial=%s names=%zu ms=%" PRId64, job->row->zone,
             job->ca_name, job->certificate.serial, job->csr.n_names, cs_now_ms() - job->began_ms);
    job_keep_primes(job);
    counts_step(job, is_late ? NULL : "storing");
    counts_order(job, NULL);
    warn_of_refused_key(job);
    warn_of_no_permission(job);
    outbox_wake(job->heart->outbox);
    if (is_late) {
        job_release(job);
        return;
    }
    step_reached(STEP_ANSWERING, job->id);
    job_tell(job, &(struct job_news){ .chain = job->certificate.pem, .chain_len = job->certificate.pem_len });
    end(job, "issued");
}

/* ---- It did not ---- */

static void on_failed_saved(void *arg, const struct cs_error *err)
{
    struct job *job = arg;

    if (job->state == CS_JOB_DONE)
        return; /* a chain came meanwhile, and is on its way into the store */
    if (err && job->heart->stopping) {
        log_line(CS_LOG_ERROR, LOG_WHO, job->id, "how the order failed could not be stored before the end: %s", err->text);
        give_end_up(job);
        return;
    }
    job_tell(job, &(struct job_news){ .err = &job->error, .problem = job->problem });
    if (err) {
        job_log_unsaved(job, CS_LOG_ERROR, "failure", error_reason(&job->error), err);
        store_end_again(job, error_reason(&job->error));
        return;
    }
    outbox_wake(job->heart->outbox);
    end(job, error_reason(&job->error));
}
