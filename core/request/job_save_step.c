/*
 * The steps that a CA plugin saves: cs_op_save() and cs_op_save_wait(), from the call to `done`. One that the store cannot take
 * now is tried again while the order is under way. See job.h; the writing is job_write.c's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/wait.h"
#include "request/job_write.h"
#include "request/revoked_keys.h"

#define MAX_DATA      (64 * 1024)
#define SAVE_AGAIN_MS 1000

struct step_save {
    struct job_write write;
    cs_done_fn *done; /* the plugin's; NULL: nobody waits for it */
    void *arg;
    struct op_ticket *ticket; /* with `done` */
    bool is_before_issuing;   /* the CA could not have issued yet */
    bool inside;              /* the plugin's call */
    struct timer later;
    struct cs_error refused;
};

static void free_save(struct step_save *save)
{
    if (save)
        job_write_clear(&save->write);
    free(save);
}

/* ---- The plugin saves ---- */

/* When the order failed before the plugin came to rest, its row says so, and nobody will resume it. */
static int may_save(const struct job *job, struct cs_error *err)
{
    if (job->state != CS_JOB_OPEN)
        return cs_fail(err, CS_ETIMEDOUT, "the order has ended already");
    return job_check_key(job, err);
}

static int ask_step(struct job *job, const char *step, const void *data, size_t len)
{
    void *copy = len ? malloc(len) : NULL;

    if (len && !copy)
        return -1;
    if (len)
        memcpy(copy, data, len);
    free(job->asked.data);
    job->asked.data = copy;
    job->asked.data_len = len;
    memcpy(job->asked.name, step, strlen(step) + 1);
    job->asked.number++;
    job->was_ordered = true;
    return 0;
}

/* Only now is it what the order goes on from. */
static void take_committed(struct job *job, struct job_step *step)
{
    if (step->number <= job->step_number)
        return;
    free(job->data);
    job->data = step->data;
    job->data_len = step->data_len;
    memcpy(job->step, step->name, sizeof job->step);
    job->step_number = step->number;
    step->data = NULL;
}

/* A write that is still on its way counts no more, either. */
void job_forget_step(struct job *job)
{
    job->step[0] = '\0';
    job->asked.name[0] = '\0';
    job->step_number = ++job->asked.number;
}

static void on_written(struct job_write *write, const struct cs_error *err);

static struct step_save *make_save(struct job *job, struct cs_op *op, cs_done_fn *done, void *arg)
{
    struct step_save *save = calloc(1, sizeof *save);

    if (!save)
        return NULL;
    save->write.job = job;
    save->write.written = on_written;
    save->write.is_step = true;
    save->write.nobody_waits = !done;
    save->done = done;
    save->arg = arg;
    if (job_write_snapshot(&save->write) == 0 && (!done || (save->ticket = op_ticket_new(op))))
        return save;
    free_save(save);
    return NULL;
}

static void tell_plugin(struct step_save *save, const struct cs_error *err);

static void refuse(void *arg)
{
    struct step_save *save = arg;

    save->write.job->writes--;
    tell_plugin(save, &save->refused);
}

/* A callback never runs inside the call that asks for it. */
static void refuse_later(struct step_save *save, const struct cs_error *err)
{
    struct job *job = save->write.job;

    save->refused = *err;
    job->writes++;
    timer_set_in(job->heart->loop, &save->later, 0, refuse, save);
}

void cs_op_save(struct cs_op *op, const char *step, const void *data, size_t len, cs_done_fn *done, void *arg)
{
    struct job *job = op_owner(op);
    struct step_save *save = NULL;
    struct cs_error refused;
    bool may, is_before_issuing;

    assert(on_loop_thread() && job && strlen(step) <= JOB_STEP_MOST && len <= MAX_DATA);
    may = may_save(job, &refused) == 0;
    is_before_issuing = !job_finalize_was_sent(job);
    if (!may || ask_step(job, step, data, len) == 0)
        save = make_save(job, op, done, arg);
    if (!save) {
        op_tell_no_memory(op, done, arg);
        return;
    }
    save->is_before_issuing = is_before_issuing;
    if (!may) {
        refuse_later(save, &refused);
        return;
    }
    save->inside = true;
    job_write_submit(&save->write);
    save->inside = false;
}

/* ---- The store has it, or cannot take it now ---- */

/* While the order is under way it waits for a store that is locked or full; its own deadline bounds that. */
static bool is_worth_waiting(const struct job *job, const struct cs_error *err)
{
    return err->code == CS_EBUSY && job->phase == JOB_SIGNING && !job->heart->stopping;
}

/* A step that was saved since then counts: the snapshot is taken anew. */
static void save_again(void *arg)
{
    struct step_save *save = arg;
    struct job *job = save->write.job;

    if (job->postponed == save)
        job->postponed = NULL;
    job->writes--;
    if (is_worth_waiting(job, &save->refused) && job_write_snapshot(&save->write) == 0)
        job_write_submit(&save->write);
    else
        tell_plugin(save, &save->refused);
}

static void postpone(struct step_save *save, const struct cs_error *why)
{
    struct job *job = save->write.job;

    job_log_unsaved(job, CS_LOG_WARN, "step", save->write.step.name, why);
    save->refused = *why;
    job->writes++;
    if (!save->done)
        job->postponed = save;
    timer_set_in(job->heart->loop, &save->later, SAVE_AGAIN_MS, save_again, save);
}

static void on_written(struct job_write *write, const struct cs_error *err)
{
    struct step_save *save = (struct step_save *)write;

    if (!err)
        take_committed(write->job, &write->step);
    if (!err && job_finalize_was_sent(write->job))
        write->job->again = false; /* it is this job's own finalize */
    if (err && is_worth_waiting(write->job, err))
        postpone(save, err);
    else if (err && save->inside)
        refuse_later(save, err); /* the store has no memory even to take it */
    else
        tell_plugin(save, err);
}

void job_save_postponed(struct job *job)
{
    struct step_save *save = job->postponed;

    if (!save)
        return;
    timer_clear(&save->later);
    save_again(save);
}

/* ---- The plugin hears ---- */

static void tell_plugin(struct step_save *save, const struct cs_error *err)
{
    struct job *job = save->write.job;

    if (!save->done) {
        if (err)
            log_line(CS_LOG_WARN, "job", job->id, "a step was not saved step=%s: %s", save->write.step.name, err->text);
    } else if (op_ticket_use(save->ticket)) {
        /* the key may have been refused while this was written */
        if (!err && job->state != CS_JOB_OPEN && may_save(job, &save->refused) < 0)
            err = &save->refused; /* its end, which is written next, knows nothing of this step */
        if (!err && save->is_before_issuing &&
            revoked_keys_check(job->heart->revoked_keys, job->csr.spki_sha256, &save->refused) < 0)
            err = &save->refused;
        save->done(save->arg, err);
    }
    free_save(save);
    job_release(job);
}

/* ---- The same for a plugin that blocks ---- */

struct save_wait {
    struct cs_op *op;
    char step[JOB_STEP_MOST + 1];
    size_t len;
    uint8_t data[];
};

static void start_save(void *arg, struct wait *wait)
{
    struct save_wait *args = arg;

    cs_op_save(args->op, args->step, args->data, args->len, wait_done, wait);
}

int cs_op_save_wait(struct cs_op *op, const char *step, const void *data, size_t len, struct cs_error *err)
{
    struct save_wait *args;

    assert(!on_loop_thread() && strlen(step) <= JOB_STEP_MOST && len <= MAX_DATA);
    args = calloc(1, sizeof *args + len);
    if (!args)
        return cs_fail(err, CS_EBUSY, "out of memory");
    args->op = op;
    memcpy(args->step, step, strlen(step) + 1);
    args->len = len;
    if (len)
        memcpy(args->data, data, len);
    return wait_for(op_loop(op), op, start_save, args, free, err);
}
