/*
 * Writes a job's row, and with it its certificate, its audit event and its place in the limits on orders; see job_write.h.
 */
#include "request/job_write.h"

#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/step.h"
#include "request/key_binding.h"

/* ---- On the loop: what is written ---- */

/* What an open row has to say of its order besides the step. A finalize that is saved is this job's own. */
static int take_note(struct job_write *write)
{
    const struct job *job = write->job;
    const bool finalizes = write->is_step && strncmp(job->asked.name, "finalize", strlen("finalize")) == 0;

    free(write->problem);
    write->problem = NULL;
    if (job->state != CS_JOB_OPEN || !job->again || finalizes)
        return 0;
    write->problem = job_problem_write_open(job->bad_since_ms);
    return write->problem ? 0 : -1;
}

int job_write_snapshot(struct job_write *write)
{
    const struct job *job = write->job;
    const struct job_step saved = { .data = job->data, .data_len = job->data_len, .number = job->step_number };
    struct job_step step = write->is_step ? job->asked : saved;
    void *data = step.data_len ? malloc(step.data_len) : NULL;

    if ((step.data_len && !data) || take_note(write) < 0) {
        free(data);
        return -1;
    }
    if (step.data_len)
        memcpy(data, step.data, step.data_len);
    if (!write->is_step)
        memcpy(step.name, job->step, sizeof step.name);
    free(write->step.data);
    write->step = step;
    write->step.data = data;
    return 0;
}

static void fill_row(struct job_write *write)
{
    const struct job *job = write->job;

    write->row = (struct cs_job){
        .size = sizeof write->row,
        .id = job->id,
        .version = job->version,
        .subject = job->row->subject,
        .zone = job->row->zone,
        .ca = job->ca_name,
        .names = job->names,
        .profile = job->profile,
        .csr = job->csr.der,
        .csr_len = job->csr.len,
        .state = job->state,
        .step = write->step.name,
        .data = write->step.data,
        .data_len = write->step.data_len,
        .attempts = job->attempts,
        .problem = write->problem ? write->problem : "",
        .created_ms = job->created_ms,
        .updated_ms = cs_wall_ms(),
        .deadline_ms = job->deadline_ms,
        .keep_until_ms = job->keep_until_ms,
        .client = job->client,
    };
    memcpy(write->row.key, job->key, sizeof write->row.key);
    memcpy(write->row.spki_sha256, job->csr.spki_sha256, sizeof write->row.spki_sha256);
}

static int write_down(const struct store_conn *c, void *arg, struct cs_error *err);
static void on_written(void *arg, const struct cs_error *err);

void job_write_submit(struct job_write *write)
{
    struct job *job = write->job;

    write->limits = job->heart->settings->limits.orders;
    write->expected_version = job->version++;
    fill_row(write);
    job->writes++;
    if (write->nobody_waits)
        store_write_lazily(job->heart->store, write_down, write, on_written, write);
    else
        store_write(job->heart->store, write_down, write, on_written, write);
}

/* ---- In the writer's thread: one transaction ---- */

static int count(const struct store_conn *c, const struct job_write *write, struct cs_error *err)
{
    if (write->takes)
        return order_limits_take(c, &write->limits, &write->row, err);
    if (write->gives_back)
        return order_limits_give_back(c, &write->row, err);
    return write->counts_again ? order_limits_count(c, &write->row, err) : 0;
}

static int find_version(void *arg, const struct cs_job *row)
{
    struct job_write *write = arg;

    write->found_version = row->version;
    return 1;
}

/* An operator may have edited or removed the row, or a commit was reported as failed and was none: an end is stored all the
 * same, or the order would try for ever. */
static int put_row(const struct store_conn *c, struct job_write *write, struct cs_error *err)
{
    write->found_version = 0;
    write->was_changed = false;
    if (c->ops->job_put(c->conn, &write->row, write->expected_version, err) == 0)
        return 0;
    if (!write->is_end || (err->code != CS_ECONFLICT && err->code != CS_ENOTFOUND))
        return -1;
    write->was_changed = true;
    if (c->ops->job_find(c->conn, write->row.id, find_version, write, err) < 0)
        return -1;
    return c->ops->job_put(c->conn, &write->row, write->found_version, err);
}

static void certificate_row(const struct job *job, struct cs_certificate *out)
{
    *out = (struct cs_certificate){
        .size = sizeof *out,
        .job = job->id,
        .zone = job->row->zone,
        .subject = job->row->subject,
        .names = job->names,
        .ca = job->ca_name,
        .profile = job->profile,
        .serial = job->certificate.serial,
        .not_before_ms = job->certificate.not_before_ms,
        .not_after_ms = job->certificate.not_after_ms,
        .issued_ms = cs_wall_ms(),
        .pem = job->certificate.pem,
        .pem_len = job->certificate.pem_len,
        .url = job->url,
    };
    memcpy(out->key, job->key, sizeof out->key);
    memcpy(out->spki_sha256, job->csr.spki_sha256, sizeof out->spki_sha256);
}

/* CS_ECONFLICT: the certificate of this job, whose id nobody else has, is there already. */
static int put_certificate(const struct store_conn *c, const struct job_write *write, struct cs_error *err)
{
    struct cs_certificate certificate;

    certificate_row(write->job, &certificate);
    return c->ops->certificate_put(c->conn, &certificate, err) < 0 && err->code != CS_ECONFLICT ? -1 : 0;
}

static void tell_step(const struct job_write *write)
{
    if (write->is_step)
        step_saved(write->row.id, write->step.name);
    else if (write->with_certificate)
        step_written(STEP_SAVED_CHAIN, write->row.id);
    else
        step_written(write->is_end ? STEP_SAVED_FAILURE : STEP_SAVED_JOB, write->row.id);
}

static int write_down(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct job_write *write = arg;

    if ((write->takes || write->expected_version == 0) && c->ops->room && c->ops->room(c->conn, err) < 0)
        return -1; /* a new order: better none than one that cannot end */
    if (write->expected_version == 0 && write->job->row->bind_keys &&
        key_binding_check_certificates(c, &write->row, err) < 0)
        return -1;
    if (count(c, write, err) < 0)
        return -1;
    if (put_row(c, write, err) < 0)
        return -1;
    if (write->with_certificate && put_certificate(c, write, err) < 0)
        return -1;
    if (write->event && outbox_add(c, write->event_kind, write->event, strlen(write->event), err) < 0)
        return -1;
    tell_step(write);
    return 0;
}

/* ---- On the loop again ---- */

/* The version goes back with each write that failed, so that it is the row's when the last one is done. */
static void on_written(void *arg, const struct cs_error *err)
{
    struct job_write *write = arg;
    struct job *job = write->job;

    job->writes--;
    if (err)
        job->version--;
    else if (write->was_changed)
        job->version = write->found_version + 1;
    job->told_unsaved &= err != NULL;
    write->written(write, err);
}

/* What is wrong with the store is the store's to say. */
void job_log_unsaved(struct job *job, enum cs_log_level level, const char *what, const char *name, const struct cs_error *err)
{
    if (!job->told_unsaved)
        log_line(level, "job", job->id, "the store takes nothing of this order, trying again %s=%s: %s", what, name, err->text);
    job->told_unsaved = true;
}

void job_write_clear(struct job_write *write)
{
    free(write->step.data);
    free(write->problem);
    free(write->event);
}
