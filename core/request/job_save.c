/*
 * What is written of a job that is new, that orders anew, that has its certificate, or that has failed; see job.h. The writing
 * is job_write.c's.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"
#include "request/job_write.h"

struct save {
    struct job_write write;
    cs_done_fn *done; /* of the job */
};

static void free_save(struct save *save)
{
    if (save)
        job_write_clear(&save->write);
    free(save);
}

static void on_written(struct job_write *write, const struct cs_error *err)
{
    struct save *save = (struct save *)write;

    save->done(write->job, err);
    free_save(save);
}

/* Of the job as it is now; NULL without memory. */
static struct save *make_save(struct job *job, cs_done_fn *done)
{
    struct save *save = calloc(1, sizeof *save);

    if (!save)
        return NULL;
    save->write.job = job;
    save->write.written = on_written;
    save->done = done;
    if (job_write_snapshot(&save->write) == 0)
        return save;
    free_save(save);
    return NULL;
}

/* Without memory for a snapshot nothing can be written; the job's own timer carries the bad news. */
static void tell_no_memory(void *arg)
{
    const struct cs_error err = { .code = CS_EBUSY, .text = "out of memory" };
    struct job *job = arg;

    job->unsaved(job, &err);
}

static void no_memory(struct job *job, cs_done_fn *done)
{
    job->unsaved = done;
    timer_set_in(job->heart->loop, &job->timer, 0, tell_no_memory, job);
}

/* ---- New ---- */

/* One that only asks for an order that there is already takes nothing from the limits. */
void job_save_new(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (!save) {
        no_memory(job, done);
        return;
    }
    save->write.takes = !job->again;
    job_write_submit(&save->write);
}

void job_save_anew(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (!save) {
        no_memory(job, done);
        return;
    }
    save->write.step.name[0] = '\0';
    free(save->write.problem); /* nor was it taken up any more */
    save->write.problem = NULL;
    save->write.takes = true;
    job_write_submit(&save->write);
}

/* ---- Done, failed ---- */

static char *event_json(const struct job *job)
{
    json_t *names = json_array(), *event;
    char *text;

    for (size_t i = 0; i < job->csr.n_names; i++)
        json_array_append_new(names, json_string(job->csr.names[i]));
    event = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:I}", "job", job->id, "zone", job->row->zone, "subject",
                      job->row->subject, "names", names, "ca", job->ca_name, "key_type", job->csr.key_type, "ms",
                      (json_int_t)(cs_now_ms() - job->began_ms));
    if (event && job->state == CS_JOB_DONE) {
        json_object_set_new(event, "serial", json_string(job->certificate.serial));
        json_object_set_new(event, "not_after_ms", json_integer(job->certificate.not_after_ms));
    } else if (event) {
        json_object_set_new(event, "reason", json_string(error_reason(&job->error)));
        json_object_set_new(event, "step", json_string(job_step(job)));
    }
    text = event ? json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(event);
    return text;
}

void job_save_done(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (save)
        save->write.event = event_json(job);
    if (!save || !save->write.event) {
        free_save(save);
        no_memory(job, done);
        return;
    }
    save->write.event_kind = "issued";
    save->write.is_end = save->write.with_certificate = true;
    save->write.counts_again = job->given_back;
    job_write_submit(&save->write);
}

void job_save_failed(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (save) {
        save->write.problem = job_problem_write(&job->error, job->problem, job->bad_since_ms);
        save->write.event = event_json(job);
    }
    if (!save || !save->write.problem || !save->write.event) {
        free_save(save);
        no_memory(job, done);
        return;
    }
    save->write.event_kind = "failed";
    save->write.is_end = true;
    save->write.gives_back = job->given_back = !job->was_ordered;
    job_write_submit(&save->write);
}
