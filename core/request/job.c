/*
 * Finds and starts jobs; see job.h. One job for each key (CA, zone, SPKI, names, profile) is under way.
 */
#include "request/job.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "engine/log.h"
#include "engine/step.h"
#include "request/challenge.h"
#include "request/challenge_place.h"
#include "request/counts.h"
#include "request/key_binding.h"
#include "request/order_limits.h"
#include "request/shared_primes.h"

#define LOG_WHO "job"

struct jobs {
    void *by_id, *by_key;
    size_t n;
    uint64_t made;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct job *)a)->id, ((const struct job *)b)->id);
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(((const struct job *)a)->key, ((const struct job *)b)->key, sizeof((const struct job *)a)->key);
}

/* ---- The jobs that are under way ---- */

int job_add(struct job *job, struct cs_error *err)
{
    struct jobs *jobs = job->heart->jobs;

    job->number = ++jobs->made;
    if (!tsearch(job, &jobs->by_id, compare_ids))
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (!tsearch(job, &jobs->by_key, compare_keys)) {
        tdelete(job, &jobs->by_id, compare_ids);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    jobs->n++;
    return 0;
}

void job_go_behind(struct job *job)
{
    job->number = ++job->heart->jobs->made;
}

static void take_off_trees(struct jobs *jobs, struct job *job)
{
    tdelete(job, &jobs->by_id, compare_ids);
    if (job->phase != JOB_ENDED)
        tdelete(job, &jobs->by_key, compare_keys);
    jobs->n--;
}

void job_end(struct job *job)
{
    assert(job->phase != JOB_ENDED && !job->first);
    tdelete(job, &job->heart->jobs->by_key, compare_keys);
    job->phase = JOB_ENDED;
    timer_clear(&job->timer);
    job_leave_lines(job);
    job_leave_source(job);
    job_release(job);
}

void job_leave_lines(struct job *job)
{
    ca_gate_leave(&job->ca_place);
    turn_leave(&job->zone_place);
    turn_leave(&job->names_place);
}

void job_step_aside(struct job *job)
{
    ca_gate_leave(&job->ca_place);
    turn_leave(&job->zone_place);
    if (!job->names_place.running || !job_finalize_was_sent(job))
        turn_leave(&job->names_place);
}

struct job *job_find(struct heart *heart, const char *id)
{
    struct job probe, **found;

    if (strlen(id) != JOB_ID_LEN)
        return NULL;
    memcpy(probe.id, id, sizeof probe.id);
    found = tfind(&probe, &heart->jobs->by_id, compare_ids);
    return found && (*found)->phase != JOB_ENDED ? *found : NULL;
}

static struct job *find_by_key(struct heart *heart, const uint8_t key[32])
{
    struct job probe, **found;

    memcpy(probe.key, key, sizeof probe.key);
    found = tfind(&probe, &heart->jobs->by_key, compare_keys);
    return found ? *found : NULL;
}

/* ---- Making one ---- */

static int random_id(char out[JOB_ID_LEN + 1], struct cs_error *err)
{
    uint8_t bytes[16];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return cs_fail(err, CS_EINTERNAL, "no random bytes");
    base32_encode(out, bytes, sizeof bytes);
    return 0;
}

/* With the CA: a subject that was moved to another one waits for none of the old CA's orders, and gets none of its chains. The
 * order matters to nobody but ourselves; each part of varying length ends with a NUL, so that no two lists run together. */
static int compute_key(struct job *job, struct cs_error *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
             EVP_DigestUpdate(md, job->ca_name, strlen(job->ca_name) + 1) == 1 &&
             EVP_DigestUpdate(md, job->row->zone, strlen(job->row->zone) + 1) == 1 &&
             EVP_DigestUpdate(md, job->csr.spki_sha256, sizeof job->csr.spki_sha256) == 1 &&
             EVP_DigestUpdate(md, job->names, strlen(job->names) + 1) == 1 &&
             EVP_DigestUpdate(md, job->profile, strlen(job->profile) + 1) == 1 && EVP_DigestFinal_ex(md, job->key, NULL) == 1;

    EVP_MD_CTX_free(md);
    return ok ? 0 : cs_fail(err, CS_EINTERNAL, "cannot compute SHA-256");
}

static char *join_names(const struct csr *csr)
{
    struct text names = TEXT_MAX(CSR_MAX_NAMES * (NAME_MAX_LEN + 1));

    for (size_t i = 0; i < csr->n_names; i++) {
        if (i)
            text_add_char(&names, ' ');
        text_add(&names, csr->names[i]);
    }
    return text_take(&names);
}

void job_free(struct job *job)
{
    assert(!job->first);
    job_drop_visits(job);
    timer_clear(&job->timer);
    job_leave_lines(job);
    job_leave_source(job);
    challenge_places_drop(job);
    prime_claim_drop(job->claim);
    subject_row_release(job->row);
    csr_free(&job->csr);
    certificate_free(&job->certificate);
    free(job->names);
    free(job->profile);
    free(job->data);
    free(job->asked.data);
    free(job->url);
    free(job->problem);
    free(job);
}

void job_release(struct job *job)
{
    if (job->phase != JOB_ENDED || job->op_is_out || job->writes || timer_is_set(&job->timer))
        return;
    take_off_trees(job->heart->jobs, job);
    job_free(job);
}

struct job *job_make(struct heart *heart, struct subject_row *row, struct instance *ca, const char *profile, struct csr *csr,
                     struct cs_error *err)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job) {
        csr_free(csr);
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    job->heart = heart;
    job->row = subject_row_keep(row);
    job->ca = ca;
    job->ca_name = ca->in.name;
    job->gate = ca_gates_find(heart->gates, ca);
    job->csr = *csr;
    *csr = (struct csr){ 0 };
    job->names = join_names(&job->csr);
    job->profile = text_copy(profile);
    job->state = CS_JOB_OPEN;
    if (!job->names || !job->profile)
        cs_fail(err, CS_EBUSY, "out of memory");
    else if (compute_key(job, err) == 0)
        return job;
    job_free(job);
    return NULL;
}

/* ---- From the wish to the stored job ---- */

/* The server stops: the job stays as it is stored, and those who wait are told to come back. */
void job_suspend(struct job *job)
{
    struct cs_error err;

    challenges_abandon(job->heart->challenges, job);
    cs_fail(&err, CS_ESHUTDOWN, "the server is stopping; the order goes on when it is back");
    job_tell(job, &(struct job_news){ .err = &err, .running = job->phase > JOB_STORING });
    job_end(job);
}

void job_end_unstored(struct job *job, const struct cs_error *err)
{
    job_tell(job, &(struct job_news){ .err = err });
    job_end(job);
}

static void on_stored(void *arg, const struct cs_error *err)
{
    struct job *job = arg;
    struct cs_error failure;

    if (err) {
        counts_limit(job->heart->metrics, order_limits_word(err));
        job_end_unstored(job, err);
        return;
    }
    job->phase = JOB_QUEUED;
    counts_step(job, NULL);
    if (job->heart->stopping)
        job_suspend(job);
    else if (job_line_join(job, &failure) < 0)
        job_fail(job, &failure);
    else
        job_tell_stored(job);
}

void job_store(struct job *job)
{
    const struct settings *settings = job->heart->settings;
    struct cs_error err;

    if (key_binding_check_orders(job, &err) < 0) {
        job_end_unstored(job, &err);
        return;
    }
    if (!job_line_has_room(job) || (!job->again && !job_source_has_room(job))) {
        job_end(job);
        return;
    }
    step_reached(STEP_STORING, job->id);
    job->phase = JOB_STORING;
    job->created_ms = cs_wall_ms();
    job->deadline_ms = job->created_ms + settings->job_deadline_ms;
    job->began_ms = cs_now_ms();
    job->end_by_ms = job->began_ms + settings->job_deadline_ms;
    job_save_new(job, on_stored);
}

int job_join(struct heart *heart, struct subject_row *row, const struct grant *grant, struct csr *csr, bool fresh,
             struct job_waiter *waiter, struct cs_error *err)
{
    struct job *made = job_make(heart, row, grant->ca, grant->profile, csr, err), *job;

    if (!made)
        return -1;
    job = find_by_key(heart, made->key);
    if (job) {
        job_free(made);
        job->fresh |= fresh;
        job_attach(job, waiter);
        if (job->phase > JOB_STORING)
            job_tell_stored(job);
        if (job->phase == JOB_QUEUED || job->phase == JOB_SIGNING)
            job_tell_hopeless(job);
        return 0;
    }
    if (random_id(made->id, err) < 0 || job_add(made, err) < 0) {
        job_free(made);
        return -1;
    }
    made->fresh = fresh;
    made->source = order_source_keep(&waiter->source);
    memcpy(made->client, grant->client, strnlen(grant->client, sizeof made->client - 1));
    job_attach(made, waiter);
    if (job_look(made, err) < 0) {
        job_leave(waiter);
        take_off_trees(heart->jobs, made);
        job_free(made);
        return -1;
    }
    return 0;
}

/* ---- All of them ---- */

struct jobs *jobs_new(struct heart *heart)
{
    (void)heart;
    return calloc(1, sizeof(struct jobs));
}

size_t jobs_count(const struct jobs *jobs)
{
    return jobs->n;
}

struct list {
    struct job **at;
    size_t n;
};

static void collect(const void *node, VISIT visit, void *arg)
{
    struct list *list = arg;

    if (visit == preorder || visit == leaf)
        list->at[list->n++] = *(struct job *const *)node;
}

/* `fn` may release the job it is given, but no other. */
void jobs_each(struct jobs *jobs, void (*fn)(struct job *job, void *arg), void *arg)
{
    struct list list = { .at = calloc(jobs->n ? jobs->n : 1, sizeof *list.at) };

    if (!list.at)
        return;
    twalk_r(jobs->by_id, collect, &list);
    for (size_t i = 0; i < list.n; i++)
        fn(list.at[i], arg);
    free(list.at);
}

struct walk {
    void (*fn)(struct job *job, void *arg);
    void *arg;
};

static void pass_by(const void *node, VISIT visit, void *arg)
{
    const struct walk *walk = arg;

    if (visit == preorder || visit == leaf)
        walk->fn(*(struct job *const *)node, walk->arg);
}

void jobs_walk(const struct jobs *jobs, void (*fn)(struct job *job, void *arg), void *arg)
{
    struct walk walk = { .fn = fn, .arg = arg };

    twalk_r(jobs->by_id, pass_by, &walk);
}

static void drop(struct job *job, void *arg)
{
    struct jobs *jobs = arg;

    while (job->first)
        job_leave(job->first);
    take_off_trees(jobs, job);
    job_free(job);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    jobs_each(jobs, drop, jobs);
    free(jobs);
}
