/*
 * Finds and starts jobs; see job.h. One job for each key (zone, SPKI, names, profile) is under way.
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

#define LOG_WHO "job"

struct jobs {
    void *by_id, *by_key;
    size_t n;
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

    if (!tsearch(job, &jobs->by_id, compare_ids))
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (!tsearch(job, &jobs->by_key, compare_keys)) {
        tdelete(job, &jobs->by_id, compare_ids);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    jobs->n++;
    return 0;
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
    job_release(job);
}

void job_leave_lines(struct job *job)
{
    turn_leave(&job->zone_place);
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

/* The order matters to nobody but ourselves; each part ends with a NUL, so that no two lists run together. */
static int compute_key(struct job *job, struct cs_error *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
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
    challenge_places_drop(job);
    subject_row_release(job->row);
    csr_free(&job->csr);
    certificate_free(&job->certificate);
    free(job->names);
    free(job->profile);
    free(job->data);
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

/* ---- From the wish to the lines of its names and its zone ---- */

/* For free(); NULL: no memory. */
static char *names_key(const struct job *job)
{
    struct text key = TEXT_MAX(CSR_MAX_NAMES * (NAME_MAX_LEN + 1) + 200);

    text_addf(&key, "%s %s", job->ca->in.name, job->names);
    return text_take(&key);
}

static void on_deadline(void *arg)
{
    struct cs_error err;

    cs_fail_as(&err, CS_ETIMEDOUT, "queue-timed-out",
               "the orders before this one in its zone, or for its names, took too long; try again");
    job_fail(arg, &err);
}

/* None that has a zone's turn waits for its names': so the two lines never wait for each other. */
static void on_names_turn(void *arg)
{
    struct job *job = arg;
    struct cs_error err;

    if (turn_join(job->heart->zone_turns, job->row->zone, job->row->parallel, &job->zone_place, job_turn, job, &err) < 0)
        job_fail(job, &err);
}

/* CAs hand the same order to whoever asks for the same names on one account while that is open: with two keys at once, one of
 * them would get the other's certificate. */
int job_queue(struct job *job, struct cs_error *err)
{
    char *key = names_key(job);
    int rc;

    step_reached(STEP_QUEUED, job->id);
    if (!key)
        return cs_fail(err, CS_EBUSY, "out of memory");
    timer_set_at(job->heart->loop, &job->timer, job->end_by_ms, on_deadline, job);
    rc = turn_join(job->heart->name_turns, key, 1, &job->names_place, on_names_turn, job, err);
    free(key);
    return rc;
}

/* The server stops: the job stays as it is stored, and those who wait are told to come back. */
void job_suspend(struct job *job)
{
    struct cs_error err;

    challenges_abandon(job->heart->challenges, job);
    cs_fail(&err, CS_ESHUTDOWN, "the server is stopping; the order goes on when it is back");
    job_tell(job, &(struct job_news){ .err = &err, .running = job->phase > JOB_STORING });
    job_end(job);
}

static void end_unstored(struct job *job, const struct cs_error *err)
{
    job_tell(job, &(struct job_news){ .err = err });
    job_end(job);
}

static void on_stored(void *arg, const struct cs_error *err)
{
    struct job *job = arg;
    struct cs_error failure;

    if (err) {
        end_unstored(job, err);
        return;
    }
    job->phase = JOB_QUEUED;
    counts_step(job, NULL);
    if (job->heart->stopping)
        job_suspend(job);
    else if (job_queue(job, &failure) < 0)
        job_fail(job, &failure);
    else
        job_tell_stored(job);
}

static void store(struct job *job)
{
    const struct settings *settings = job->heart->settings;

    step_reached(STEP_STORING, job->id);
    job->phase = JOB_STORING;
    job->created_ms = cs_wall_ms();
    job->deadline_ms = job->created_ms + settings->job_deadline_ms;
    job->began_ms = cs_now_ms();
    job->end_by_ms = job->began_ms + settings->job_deadline_ms;
    job_save_new(job, on_stored);
}

/* A chain that was issued before for the same wish, by the same CA: a staging CA's chain is no answer for production. */
struct look {
    struct job *job;
    const char *ca;
    uint8_t key[32];
    char *pem;
    size_t pem_len;
    char id[JOB_ID_LEN + 1];
    int64_t not_before_ms, not_after_ms;
};

static int keep_chain(void *arg, const struct cs_certificate *row)
{
    struct look *look = arg;

    if (strcmp(row->ca, look->ca) != 0)
        return 1;
    look->pem = text_copy_n(row->pem, row->pem_len);
    look->pem_len = look->pem ? strlen(look->pem) : 0;
    look->not_before_ms = row->not_before_ms;
    look->not_after_ms = row->not_after_ms;
    memcpy(look->id, row->job, strnlen(row->job, JOB_ID_LEN));
    return 1;
}

static int read_newest(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;

    return c->ops->certificate_newest(c->conn, look->key, keep_chain, look, err);
}

/* Good for an answer while more than a third of its life is left. */
static bool is_good(const struct look *look)
{
    const int64_t life_ms = look->not_after_ms - look->not_before_ms;

    return look->pem && look->not_after_ms - cs_wall_ms() > life_ms / 3;
}

static void on_looked(void *arg, const struct cs_error *err)
{
    struct look *look = arg;
    struct job *job = look->job;

    job->writes--;
    if (err) {
        end_unstored(job, err);
    } else if (!job->fresh && is_good(look)) {
        job_tell(job, &(struct job_news){ .job = look->id, .chain = look->pem, .chain_len = look->pem_len, .is_old = true });
        job_end(job);
    } else if (job->heart->stopping) {
        job_suspend(job);
    } else {
        store(job);
    }
    free(look->pem);
    free(look);
}

static int look_for_chain(struct job *job, struct cs_error *err)
{
    struct look *look = calloc(1, sizeof *look);

    if (!look)
        return cs_fail(err, CS_EBUSY, "out of memory");
    look->job = job;
    look->ca = job->ca->in.name;
    memcpy(look->key, job->key, sizeof look->key);
    step_reached(STEP_LOOKING, job->id);
    job->phase = JOB_LOOKING;
    job->writes++;
    store_read(job->heart->store, read_newest, look, on_looked, look);
    return 0;
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
        return 0;
    }
    if (random_id(made->id, err) < 0 || job_add(made, err) < 0) {
        job_free(made);
        return -1;
    }
    made->fresh = fresh;
    job_attach(made, waiter);
    if (look_for_chain(made, err) < 0) {
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
