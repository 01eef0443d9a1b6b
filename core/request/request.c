/*
 * A client that waits: CSR out of the body, subject, CSR in full, grant, job, answer; see request.h.
 */
#include "request/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "request/counts.h"
#include "request/outcome.h"
#include "request/refused_keys.h"
#include "request/revoked_keys.h"

struct look;

struct request {
    struct heart *heart;
    struct job_waiter waiter;
    char *front;
    struct asker asker;
    uint8_t *der;
    size_t der_len;
    bool detach, respond_async, fresh;
    struct timer deadline;
    struct cs_error refused; /* for an answer that is sent later */
    struct mail mail;
    bool mailed, looking, detached; /* mail, or a read of the store, is on its way back; nobody wants the answer */
    struct look *look;              /* of request_look() */
    answer_fn *fn;
    void *arg;
};

static void free_look(struct look *look);

static void free_request(struct request *r)
{
    assert(!r->waiter.job);
    timer_clear(&r->deadline);
    free_look(r->look);
    visit_end(r->waiter.visit, VISIT_UNFINISHED, "");
    free(r->front);
    asker_clear(&r->asker);
    order_source_release(&r->waiter.source);
    free(r->der);
    r->heart->in_flight--;
    free(r);
}

/* ---- The answer ---- */

static void answer(struct request *r, const struct answer *a)
{
    if (!r->look)
        counts_request(r->heart->metrics, a->chain != NULL, a->err);
    if (!r->detached)
        r->fn(r->arg, a);
    free_request(r);
}

static struct visit *take_visit(struct request *r)
{
    struct visit *visit = r->waiter.visit;

    r->waiter.visit = NULL;
    return visit;
}

static void refuse(struct request *r, const struct cs_error *err)
{
    outcome_error(take_visit(r), err);
    answer(r, &(struct answer){ .err = err, .job = "", .step = "" });
}

static void refuse_by_mail(struct mail *mail)
{
    struct request *r = (struct request *)((char *)mail - offsetof(struct request, mail));

    refuse(r, &r->refused);
}

static void refuse_later(struct request *r, const struct cs_error *err)
{
    r->refused = *err;
    r->mailed = true;
    r->mail.fn = refuse_by_mail;
    loop_post(r->heart->loop, &r->mail);
}

/* ---- The job ---- */

static void on_heard(struct job_waiter *waiter, const struct job_news *news)
{
    struct request *r = (struct request *)((char *)waiter - offsetof(struct request, waiter));
    const struct answer a = {
        .err = news->err,
        .problem = news->problem,
        .chain = news->chain,
        .chain_len = news->chain_len,
        .job = news->job,
        .step = "",
        .running = news->running,
        .wait_ms = news->wait_ms,
    };
    struct visit *visit = take_visit(r);

    if (news->running && (!news->err || strcmp(news->err->reason, CS_CA_OUT) == 0))
        visit_end(visit, VISIT_LATE, news->err ? CS_CA_OUT : ""); /* unless the job has taken it */
    else
        outcome_news(visit, news);
    answer(r, &a);
}

static void on_deadline(void *arg)
{
    struct request *r = arg;
    const struct job *job = r->waiter.job;
    const bool is_stored = job && job->phase > JOB_STORING;
    struct cs_error err;
    struct answer a = { .err = &err, .job = is_stored ? job->id : "", .step = job ? job_step(job) : "", .running = is_stored };
    char id[JOB_ID_LEN + 1] = "";

    memcpy(id, a.job, strlen(a.job));
    a.job = id;
    cs_fail_as(&err, CS_EBUSY, "still-running", "the certificate is not ready yet; the order goes on: ask again%s",
               is_stored ? " at Location" : "");
    if (job)
        a.wait_ms = err.retry_after_ms = job_wait_ms(job);
    if (is_stored && r->respond_async)
        job_keep_visit(r->waiter.job, &r->waiter);
    visit_end(take_visit(r), VISIT_LATE, error_reason(&err));
    job_leave(&r->waiter);
    if (r->looking) {
        /* The look-up still holds the request: it is answered now and freed when the look-up comes back. */
        counts_request(r->heart->metrics, false, &err);
        if (!r->detached)
            r->fn(r->arg, &a);
        r->detached = true;
        return;
    }
    answer(r, &a);
}

static void join(struct request *r, struct subject_row *row, struct csr *csr)
{
    struct cs_error err;
    struct grant grant;

    if (grant_names(r->heart, &r->asker, row, csr, &grant, &err) < 0) {
        csr_free(csr);
        refuse(r, &err);
        return;
    }
    visit_reached(r->waiter.visit, VISIT_CSR);
    r->waiter.stored_is_enough = r->detach;
    r->waiter.place_is_enough = r->respond_async;
    r->waiter.deadline_ms = r->deadline.at_ms;
    r->waiter.hear = on_heard;
    if (job_join(r->heart, row, &grant, csr, r->fresh, &r->waiter, &err) < 0)
        refuse(r, &err);
}

/* Its subject is known: from here on it is the zone's visit. */
static int read_csr(struct request *r, const struct subject_row *row, struct csr *csr, struct cs_error *err)
{
    visit_zone(r->waiter.visit, row->zone);
    if (grant_access(&r->asker, row, err) < 0)
        return -1;
    visit_reached(r->waiter.visit, VISIT_SUBJECT);
    if (csr_read(csr, r->der, r->der_len, err) < 0)
        return -1;
    if (refused_keys_check(r->heart, r->front, csr, err) < 0) {
        csr_free(csr);
        return -1;
    }
    visit_alg(r->waiter.visit, outcome_alg(csr->key_type));
    free(r->der);
    r->der = NULL;
    return 0;
}

static void on_subject(void *arg, struct subject_row *row, const struct cs_error *err)
{
    struct request *r = arg;
    struct csr csr = { 0 };
    struct cs_error refused;

    r->looking = false;
    if (r->detached) {
        free_request(r);
        return;
    }
    if (r->heart->stopping)
        cs_fail(&refused, CS_ESHUTDOWN, "the server is stopping; try again in a moment");
    else if (err)
        refused = *err;
    else if (grant_subject(&r->asker, row, &refused) == 0 && read_csr(r, row, &csr, &refused) == 0) {
        join(r, row, &csr);
        return;
    }
    refuse(r, &refused);
}

/* ---- From the bytes to the look-up ---- */

static struct request *make(struct heart *heart, const struct submission *s, answer_fn *fn, void *arg)
{
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->heart = heart;
    heart->in_flight++;
    r->fn = fn;
    r->arg = arg;
    r->detach = s->detach;
    r->respond_async = s->respond_async;
    r->fresh = s->fresh;
    r->front = text_copy(s->front);
    r->asker = (struct asker){ .front = r->front, .credential = s->credential, .client = "" };
    client_certificate_keep(s->credential.certificate);
    r->waiter.source = order_source_keep(&s->source);
    if (r->front)
        return r;
    free_request(r);
    return NULL;
}

static int decode(struct request *r, const struct submission *s, struct cs_error *err)
{
    uint8_t *shorter;

    r->der = malloc(CSR_MAX_DER);
    if (!r->der)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (csr_decode(s->body, s->body_len, s->content_type, r->der, &r->der_len, err) < 0)
        return -1;
    shorter = realloc(r->der, r->der_len ? r->der_len : 1);
    if (shorter)
        r->der = shorter;
    return 0;
}

static int start(struct request *r, const struct submission *s, struct cs_error *err)
{
    char *subject;
    int rc;

    if (r->heart->stopping)
        return cs_fail(err, CS_ESHUTDOWN, "the server is stopping; try again in a moment");
    if (r->heart->in_flight > (size_t)r->heart->settings->max_in_flight)
        return cs_fail(err, CS_EBUSY, "too many requests are waiting; try again in a moment");
    if (decode(r, s, err) < 0)
        return -1;
    subject = s->subject ? text_copy(s->subject) : csr_outline(r->der, r->der_len, err);
    if (!subject)
        return -1;
    rc = subjects_find(r->heart->subjects, subject, &r->asker.credential, &r->asker.standing, on_subject, r, err);
    free(subject);
    return rc;
}

struct request *request_submit(struct heart *heart, const struct submission *submission, answer_fn *fn, void *arg)
{
    struct request *r = make(heart, submission, fn, arg);
    struct cs_error err;

    if (!r) {
        visit_end(submission->visit, VISIT_FAILED, error_kind(CS_EBUSY)->slug);
        return NULL;
    }
    r->waiter.visit = submission->visit;
    if (start(r, submission, &err) < 0) {
        refuse_later(r, &err);
        return r;
    }
    r->looking = true;
    timer_set_at(heart->loop, &r->deadline, submission->deadline_ms, on_deadline, r);
    return r;
}

void request_detach(struct request *r)
{
    r->detached = true;
    visit_end(take_visit(r), VISIT_LEFT, "");
    if (r->looking || r->mailed) {
        timer_clear(&r->deadline);
        return;
    }
    job_leave(&r->waiter);
    free_request(r);
}

/* ---- What became of a job ---- */

struct look {
    char job[JOB_ID_LEN + 1];
    bool found;
    enum cs_job_state state;
    int64_t updated_ms;
    char *chain, *problem;
    char *subject, *zone; /* of the chain */
    uint8_t spki_sha256[32];
    bool no_memory, may_have; /* the chain; otherwise why not */
    struct cs_error why_not;
};

static void free_look(struct look *look)
{
    if (!look)
        return;
    free(look->chain);
    free(look->problem);
    free(look->subject);
    free(look->zone);
    free(look);
}

static int keep_job(void *arg, const struct cs_job *row)
{
    struct look *look = arg;

    look->found = true;
    look->state = row->state;
    look->updated_ms = row->updated_ms;
    look->problem = text_copy(row->problem);
    return 1;
}

static int keep_chain(void *arg, const struct cs_certificate *row)
{
    struct look *look = arg;

    look->chain = text_copy_n(row->pem, row->pem_len);
    look->subject = text_copy(row->subject);
    look->zone = text_copy(row->zone);
    look->no_memory = !look->chain || !look->subject || !look->zone;
    memcpy(look->spki_sha256, row->spki_sha256, sizeof look->spki_sha256);
    return 1;
}

/* Its subject may have lost its permission meanwhile: the ID is told to who had it then. */
static int read_permission(const struct store_conn *c, struct look *look, struct cs_error *err)
{
    struct subject_row *row;

    if (subject_row_read(c, look->subject, &row, err) < 0)
        return -1;
    look->may_have = grant_holds(row, look->zone, &look->why_not) == 0;
    subject_row_release(row);
    return 0;
}

static int read_job(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;

    if (c->ops->job_find(c->conn, look->job, keep_job, look, err) < 0)
        return -1;
    if (!look->found || look->state != CS_JOB_DONE)
        return 0;
    if (c->ops->certificate_find(c->conn, look->job, keep_chain, look, err) < 0)
        return -1;
    if (look->no_memory)
        return cs_fail(err, CS_EBUSY, "out of memory");
    return look->chain ? read_permission(c, look, err) : 0;
}

static void answer_failed(struct request *r)
{
    struct cs_error err = { 0 };
    char *upstream = NULL;

    job_problem_read(r->look->problem ? r->look->problem : "", cs_wall_ms() - r->look->updated_ms, &err, &upstream);
    answer(r, &(struct answer){ .err = &err, .problem = upstream, .job = r->look->job, .step = "" });
    free(upstream);
}

static void answer_revoked(struct request *r)
{
    struct cs_error err;

    cs_fail_as(&err, CS_ENOTFOUND, "certificate-revoked",
               "the certificate was revoked, or another one with its key; make a new key and a new CSR");
    answer(r, &(struct answer){ .err = &err, .job = r->look->job, .step = "" });
}

static void answer_not_granted(struct request *r)
{
    struct cs_error err = r->look->why_not;

    cs_fail_in(&err, "the certificate is not handed out");
    answer(r, &(struct answer){ .err = &err, .job = r->look->job, .step = "" });
}

static void on_job_read(void *arg, const struct cs_error *err)
{
    struct request *r = arg;
    struct look *look = r->look;
    struct cs_error none;

    r->looking = false;
    cs_fail_as(&none, CS_ENOTFOUND, "no-such-request", "there is no such request, or its time is over");
    if (err)
        answer(r, &(struct answer){ .err = err, .job = "", .step = "" });
    else if (look->found && look->state == CS_JOB_OPEN)
        answer(r, &(struct answer){ .job = look->job, .step = "suspended", .running = true });
    else if (look->found && look->state == CS_JOB_FAILED)
        answer_failed(r);
    else if (look->chain && revoked_keys_have(r->heart->revoked_keys, look->spki_sha256))
        answer_revoked(r);
    else if (look->chain && !look->may_have)
        answer_not_granted(r);
    else if (look->chain)
        answer(r, &(struct answer){ .chain = look->chain, .chain_len = strlen(look->chain), .job = look->job, .step = "" });
    else
        answer(r, &(struct answer){ .err = &none, .job = "", .step = "" });
}

static void answer_running(struct mail *mail)
{
    struct request *r = (struct request *)((char *)mail - offsetof(struct request, mail));
    const struct job *job = job_find(r->heart, r->look->job);

    r->mailed = false;
    if (job) {
        answer(r, &(struct answer){ .job = job->id, .step = job_step(job), .running = true, .wait_ms = job_wait_ms(job) });
        return;
    }
    r->looking = true;
    store_read(r->heart->store, read_job, r->look, on_job_read, r);
}

struct request *request_look(struct heart *heart, const char *job, answer_fn *fn, void *arg)
{
    const struct submission none = { .front = "" };
    struct request *r = make(heart, &none, fn, arg);

    if (!r)
        return NULL;
    r->look = calloc(1, sizeof *r->look);
    if (!r->look) {
        free_request(r);
        return NULL;
    }
    memcpy(r->look->job, job, strnlen(job, JOB_ID_LEN));
    r->mailed = true;
    r->mail.fn = answer_running;
    loop_post(heart->loop, &r->mail);
    return r;
}
