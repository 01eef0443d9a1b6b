/*
 * Writes a job down: its row, its saved steps, its end; and cs_op_save() for CA plugins. A write carries a snapshot of what may
 * change; the rest it reads from the job, which lives until its writes are done. See job.h.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log.h"
#include "engine/step.h"
#include "engine/wait.h"
#include "request/job.h"
#include "request/order_limits.h"
#include "request/revoked_keys.h"

#define MAX_STEP      31
#define MAX_DATA      (64 * 1024)
#define SAVE_AGAIN_MS 1000

struct save {
    struct job *job;
    cs_done_fn *done; /* the core's own; NULL: of cs_op_save() */
    int64_t expected_version;
    bool is_end; /* counts, whatever was done to the row meanwhile */
    int64_t found_version; /* of a row that was not as expected; 0: there was none */
    bool was_changed;
    struct cs_job row;
    char step[MAX_STEP + 1];
    void *data;
    char *problem;
    char *event; /* JSON, or NULL */
    const char *event_kind;
    bool with_certificate;
    bool gives_back, counts_again; /* against the limits on orders */
    struct order_limits limits;    /* of now: a reload may change them while the writer looks */
    struct op_ticket *ticket; /* of cs_op_save() */
    cs_done_fn *plugin_done; /* NULL: nobody waits for it */
    bool is_before_issuing;  /* the CA could not have issued yet */
    void *plugin_arg;
    struct timer again;
    struct cs_error refused;
};

static void free_save(struct save *save)
{
    free(save->data);
    free(save->problem);
    free(save->event);
    free(save);
}

static void fill_row(struct save *save, const struct job *job)
{
    save->row = (struct cs_job){
        .size = sizeof save->row,
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
        .step = save->step,
        .data = save->data,
        .data_len = job->data_len,
        .attempts = job->attempts,
        .problem = save->problem ? save->problem : "",
        .created_ms = job->created_ms,
        .updated_ms = cs_wall_ms(),
        .deadline_ms = job->deadline_ms,
        .keep_until_ms = job->keep_until_ms,
        .client = job->client,
    };
    memcpy(save->row.key, job->key, sizeof save->row.key);
    memcpy(save->row.spki_sha256, job->csr.spki_sha256, sizeof save->row.spki_sha256);
}

static int take_snapshot(struct save *save, const struct job *job)
{
    void *data = job->data_len ? malloc(job->data_len) : NULL;

    if (job->data_len && !data)
        return -1;
    if (job->data_len)
        memcpy(data, job->data, job->data_len);
    free(save->data);
    save->data = data;
    memcpy(save->step, job->step, sizeof save->step);
    return 0;
}

/* A snapshot of the job as it is now; NULL without memory. */
static struct save *make_save(struct job *job, cs_done_fn *done)
{
    struct save *save = calloc(1, sizeof *save);

    if (!save)
        return NULL;
    save->job = job;
    save->done = done;
    save->limits = job->heart->settings->limits.orders;
    if (take_snapshot(save, job) == 0)
        return save;
    free_save(save);
    return NULL;
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

static int find_version(void *arg, const struct cs_job *row)
{
    struct save *save = arg;

    save->found_version = row->version;
    return 1;
}

/* An operator may have edited or removed the row, or a commit was reported as failed and was none: an end is stored all the
 * same, or the order would try for ever. */
static int put_row(const struct store_conn *c, struct save *save, struct cs_error *err)
{
    save->found_version = 0;
    save->was_changed = false;
    if (c->ops->job_put(c->conn, &save->row, save->expected_version, err) == 0)
        return 0;
    if (!save->is_end || (err->code != CS_ECONFLICT && err->code != CS_ENOTFOUND))
        return -1;
    save->was_changed = true;
    if (c->ops->job_find(c->conn, save->row.id, find_version, save, err) < 0)
        return -1;
    return c->ops->job_put(c->conn, &save->row, save->found_version, err);
}

/* CS_ECONFLICT: the certificate of this job, whose id nobody else has, is there already. */
static int put_certificate(const struct store_conn *c, const struct save *save, struct cs_error *err)
{
    struct cs_certificate certificate;

    certificate_row(save->job, &certificate);
    return c->ops->certificate_put(c->conn, &certificate, err) < 0 && err->code != CS_ECONFLICT ? -1 : 0;
}

static void tell_step(const struct save *save)
{
    if (!save->done)
        step_saved(save->row.id, save->step);
    else if (save->with_certificate)
        step_written(STEP_SAVED_CHAIN, save->row.id);
    else
        step_written(save->is_end ? STEP_SAVED_FAILURE : STEP_SAVED_JOB, save->row.id);
}

static int count(const struct store_conn *c, const struct save *save, struct cs_error *err)
{
    if (save->expected_version == 0)
        return order_limits_take(c, &save->limits, &save->row, err);
    if (save->gives_back)
        return order_limits_give_back(c, &save->row, err);
    return save->counts_again ? order_limits_count(c, &save->row, err) : 0;
}

/* In the writer's thread. */
static int write_down(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct save *save = arg;

    if (save->expected_version == 0 && c->ops->room && c->ops->room(c->conn, err) < 0)
        return -1; /* a new order: better none than one that cannot end */
    if (count(c, save, err) < 0)
        return -1;
    if (put_row(c, save, err) < 0)
        return -1;
    if (save->with_certificate && put_certificate(c, save, err) < 0)
        return -1;
    if (save->event && outbox_add(c, save->event_kind, save->event, strlen(save->event), err) < 0)
        return -1;
    tell_step(save);
    return 0;
}

static void tell_plugin(struct save *save, const struct cs_error *err)
{
    struct job *job = save->job;

    if (!save->plugin_done) {
        if (err)
            log_line(CS_LOG_WARN, "job", job->id, "a step was not saved step=%s: %s", save->step, err->text);
    } else if (op_ticket_use(save->ticket)) {
        /* the key may have been refused while this was written */
        if (!err && save->is_before_issuing &&
            revoked_keys_check(job->heart->revoked_keys, job->csr.spki_sha256, &save->refused) < 0)
            err = &save->refused;
        save->plugin_done(save->plugin_arg, err);
    }
    free_save(save);
    job_release(job);
}

/* Once for each order: what is wrong with the store is the store's to say. */
void job_log_unsaved(struct job *job, enum cs_log_level level, const char *what, const char *name, const struct cs_error *err)
{
    if (!job->told_unsaved)
        log_line(level, "job", job->id, "the store takes nothing of this order, trying again %s=%s: %s", what, name, err->text);
    job->told_unsaved = true;
}

static void save_again(void *arg);

/* While the order is under way it waits for a store that is locked or full; its own deadline bounds that. */
static bool is_worth_waiting(const struct job *job, const struct cs_error *err)
{
    return err->code == CS_EBUSY && job->phase == JOB_SIGNING && !job->heart->stopping;
}

static void on_step_written(struct save *save, const struct cs_error *err)
{
    struct job *job = save->job;

    if (!err || !is_worth_waiting(job, err)) {
        tell_plugin(save, err);
        return;
    }
    job_log_unsaved(job, CS_LOG_WARN, "step", save->step, err);
    save->refused = *err;
    job->writes++;
    if (!save->plugin_done)
        job->postponed = save;
    timer_set_in(job->heart->loop, &save->again, SAVE_AGAIN_MS, save_again, save);
}

/* The version goes back with each write that failed, so that it is the row's when the last one is done. */
static void on_written(void *arg, const struct cs_error *err)
{
    struct save *save = arg;
    struct job *job = save->job;

    job->writes--;
    if (err)
        job->version--;
    else if (save->was_changed)
        job->version = save->found_version + 1;
    job->told_unsaved &= err != NULL;
    if (!save->done) {
        on_step_written(save, err);
        return;
    }
    save->done(job, err);
    free_save(save);
}

static void submit(struct save *save)
{
    struct job *job = save->job;

    save->expected_version = job->version++;
    fill_row(save, job);
    job->writes++;
    if (save->done || save->plugin_done)
        store_write(job->heart->store, write_down, save, on_written, save);
    else
        store_write_lazily(job->heart->store, write_down, save, on_written, save);
}

/* A step that was saved since then counts: the snapshot is taken anew. */
static void save_again(void *arg)
{
    struct save *save = arg;
    struct job *job = save->job;

    if (job->postponed == save)
        job->postponed = NULL;
    job->writes--;
    if (is_worth_waiting(job, &save->refused) && take_snapshot(save, job) == 0)
        submit(save);
    else
        tell_plugin(save, &save->refused);
}

void job_save_postponed(struct job *job)
{
    struct save *save = job->postponed;

    if (!save)
        return;
    timer_clear(&save->again);
    save_again(save);
}

/* ---- New, done, failed ---- */

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

void job_save_new(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (save)
        submit(save);
    else
        no_memory(job, done);
}

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
        save->event = event_json(job);
    if (!save || !save->event) {
        if (save)
            free_save(save);
        no_memory(job, done);
        return;
    }
    save->event_kind = "issued";
    save->is_end = save->with_certificate = true;
    save->counts_again = job->given_back;
    submit(save);
}

void job_save_failed(struct job *job, cs_done_fn *done)
{
    struct save *save = make_save(job, done);

    if (save) {
        save->problem = job_problem_write(&job->error, job->problem);
        save->event = event_json(job);
    }
    if (!save || !save->problem || !save->event) {
        if (save)
            free_save(save);
        no_memory(job, done);
        return;
    }
    save->event_kind = "failed";
    save->is_end = true;
    save->gives_back = job->given_back = !job->was_ordered;
    submit(save);
}

/* ---- cs_op_save ---- */

static int take_step(struct job *job, const char *step, const void *data, size_t len)
{
    void *copy = NULL;

    if (len) {
        copy = malloc(len);
        if (!copy)
            return -1;
        memcpy(copy, data, len);
    }
    free(job->data);
    job->data = copy;
    job->data_len = len;
    memcpy(job->step, step, strlen(step) + 1);
    job->was_ordered = true;
    return 0;
}

static void refuse_save(void *arg)
{
    struct save *save = arg;

    save->job->writes--;
    tell_plugin(save, &save->refused);
}

/* When the order failed before the plugin came to rest, its row says so, and nobody will resume it. */
static int may_save(const struct job *job, struct cs_error *err)
{
    if (job->state != CS_JOB_OPEN)
        return cs_fail(err, CS_ETIMEDOUT, "the order has ended already");
    return job_check_key(job, err);
}

void cs_op_save(struct cs_op *op, const char *step, const void *data, size_t len, cs_done_fn *done, void *arg)
{
    struct job *job = op_owner(op);
    struct cs_error refused;
    struct save *save = NULL;
    bool taken, is_before_issuing;

    assert(on_loop_thread() && job && strlen(step) <= MAX_STEP && len <= MAX_DATA);
    taken = may_save(job, &refused) == 0;
    is_before_issuing = !job_finalize_was_sent(job);
    if (!taken || take_step(job, step, data, len) == 0)
        save = make_save(job, NULL);
    if (save && done)
        save->ticket = op_ticket_new(op);
    if (!save || (done && !save->ticket)) {
        const struct cs_error err = { .code = CS_EBUSY, .text = "out of memory" };

        if (save)
            free_save(save);
        if (done)
            done(arg, &err);
        return;
    }
    save->plugin_done = done;
    save->plugin_arg = arg;
    save->is_before_issuing = is_before_issuing;
    if (taken) {
        submit(save);
    } else {
        save->refused = refused;
        job->writes++;
        timer_set_in(job->heart->loop, &save->again, 0, refuse_save, save);
    }
}

struct save_wait {
    struct cs_op *op;
    char step[MAX_STEP + 1];
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

    assert(!on_loop_thread() && strlen(step) <= MAX_STEP && len <= MAX_DATA);
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
