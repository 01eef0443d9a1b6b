/* The table job: see store.h. Every write is compare-and-set on the version of the row. */
#include "db.h"

#include <string.h>

static const char *const state_words[] = { [CS_JOB_OPEN] = "open", [CS_JOB_DONE] = "done", [CS_JOB_FAILED] = "failed" };

static enum cs_job_state state_of(const char *word)
{
    if (!strcmp(word, "open"))
        return CS_JOB_OPEN;
    return !strcmp(word, "done") ? CS_JOB_DONE : CS_JOB_FAILED;
}

static bool exists(struct conn *c, const char *id)
{
    struct query q = query_on(c, c->s.job_find);
    int got;

    query_text(&q, id);
    got = query_next(&q, NULL);
    query_end(&q);
    return got == 1;
}

/* The number of rows that were written; -1 and *err. The client is set with the first write only. */
static int64_t write_row(struct conn *c, sqlite3_stmt *how, const struct cs_job *job, int64_t expected_version,
                         struct cs_error *err)
{
    struct query q = query_on(c, how);

    query_text(&q, job->subject);
    query_text(&q, job->zone);
    query_text(&q, job->ca);
    query_text(&q, job->names);
    query_text(&q, job->profile);
    query_blob(&q, job->csr, job->csr_len);
    query_blob(&q, job->spki_sha256, sizeof job->spki_sha256);
    query_text(&q, state_words[job->state]);
    query_text(&q, job->step);
    query_blob(&q, job->data, job->data_len);
    query_int(&q, job->attempts);
    query_text(&q, job->problem);
    query_int(&q, job->created_ms);
    query_int(&q, job->updated_ms);
    query_int(&q, job->deadline_ms);
    query_int(&q, job->keep_until_ms);
    query_blob(&q, job->key, sizeof job->key);
    query_text(&q, job->id);
    query_int(&q, expected_version);
    if (!expected_version)
        query_text(&q, job->client ? job->client : "");
    return query_run(&q, err) < 0 ? -1 : query_changed(c);
}

/* A step of an open job, which is most of what is written, leaves the indexes alone. */
int db_job_put(void *conn, const struct cs_job *job, int64_t expected_version, struct cs_error *err)
{
    struct conn *c = conn;
    int64_t n = 0;

    if (job->state < CS_JOB_OPEN || job->state > CS_JOB_FAILED)
        return cs_fail(err, CS_EINTERNAL, "a job is open, done or failed");
    if (expected_version && job->state == CS_JOB_OPEN)
        n = write_row(c, c->s.job_save, job, expected_version, err);
    if (n == 0)
        n = write_row(c, expected_version ? c->s.job_update : c->s.job_insert, job, expected_version, err);
    if (n != 0)
        return n < 0 ? -1 : 0;
    if (exists(c, job->id))
        return cs_fail(err, CS_ECONFLICT, "job %s was changed by somebody else meanwhile", job->id);
    return cs_fail(err, CS_ENOTFOUND, "there is no job %s", job->id);
}

/* 1: the row function wants no more, 0: go on, -1: *err. */
static int hand_over(const struct query *q, cs_job_fn *fn, void *arg, struct cs_error *err)
{
    struct cs_job job = {
        .size = sizeof job,
        .id = row_text(q, 0),
        .version = row_int(q, 2),
        .subject = row_text(q, 3),
        .zone = row_text(q, 4),
        .ca = row_text(q, 5),
        .names = row_text(q, 6),
        .profile = row_text(q, 7),
        .state = state_of(row_text(q, 10)),
        .step = row_text(q, 11),
        .attempts = row_int(q, 13),
        .problem = row_text(q, 14),
        .created_ms = row_int(q, 15),
        .updated_ms = row_int(q, 16),
        .deadline_ms = row_int(q, 17),
        .keep_until_ms = row_int(q, 18),
        .client = row_text(q, 19),
    };

    job.csr = row_blob(q, 8, &job.csr_len);
    job.data = row_blob(q, 12, &job.data_len);
    if (row_hash(q, 1, job.key, err) < 0 || row_hash(q, 9, job.spki_sha256, err) < 0)
        return -1;
    return fn(arg, &job) ? 1 : 0;
}

static int each(struct query *q, cs_job_fn *fn, void *arg, struct cs_error *err)
{
    int got = 0, end = 0;

    while (end == 0 && (got = query_next(q, err)) == 1)
        end = hand_over(q, fn, arg, err);
    query_end(q);
    return got < 0 || end < 0 ? -1 : 0;
}

int db_job_find(void *conn, const char *id, cs_job_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.job_find);

    query_text(&q, id);
    return each(&q, fn, arg, err);
}

int db_job_find_open(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.job_find_open);

    query_blob(&q, key, 32);
    return each(&q, fn, arg, err);
}

int db_job_find_failed(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.job_find_failed);

    query_blob(&q, key, 32);
    return each(&q, fn, arg, err);
}

int db_job_list_open(void *conn, cs_job_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.job_list_open);

    return each(&q, fn, arg, err);
}

/* A job whose challenge may still stand in the DNS stays until that is taken away. */
int db_job_purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.job_purge);

    query_int(&q, now_ms);
    query_int(&q, most);
    if (query_run(&q, err) < 0)
        return -1;
    *n = query_changed(c);
    return 0;
}
