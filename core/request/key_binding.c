/*
 * Keys and the names that they are bound to; see key_binding.h.
 */
#include "request/key_binding.h"

#include <string.h>

static int refuse(struct cs_error *err)
{
    return cs_fail_as(err, CS_EDENIED, "key-bound",
                      "this key has a certificate for other names, or is getting one, and in this zone a key is for one set of "
                      "names: make a new key for these (countersign sign --new-key), or ask for the same names as before");
}

struct search {
    const struct job *job;
    bool found;
};

static void look_at(struct job *other, void *arg)
{
    struct search *search = arg;
    const struct job *job = search->job;

    search->found |= other != job && other->phase >= JOB_STORING && strcmp(other->names, job->names) != 0 &&
                     memcmp(other->csr.spki_sha256, job->csr.spki_sha256, sizeof job->csr.spki_sha256) == 0;
}

int key_binding_check_orders(const struct job *job, struct cs_error *err)
{
    struct search search = { .job = job };

    if (job->row->bind_keys)
        jobs_walk(job->heart->jobs, look_at, &search);
    return search.found ? refuse(err) : 0;
}

struct reading {
    const struct cs_job *row;
    bool found;
};

static int look_at_certificate(void *arg, const struct cs_certificate *certificate)
{
    struct reading *reading = arg;

    reading->found =
        certificate->not_after_ms > reading->row->created_ms && strcmp(certificate->names, reading->row->names) != 0;
    return reading->found;
}

int key_binding_check_certificates(const struct store_conn *c, const struct cs_job *row, struct cs_error *err)
{
    struct reading reading = { .row = row };

    if (!c->ops->certificate_by_spki)
        return cs_fail(err, CS_ECONFIG,
                       "the store's plugin cannot tell which certificates a key has: take another store, or add the zone again "
                       "without --bind-keys");
    if (c->ops->certificate_by_spki(c->conn, row->spki_sha256, look_at_certificate, &reading, err) < 0)
        return -1;
    return reading.found ? refuse(err) : 0;
}
