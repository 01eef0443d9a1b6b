/*
 * Before an order is made: does its RSA key share a prime with another one that is known here? The client hears that it does,
 * and nothing of whose the other is; the operator hears that, once, in the log and in the issuance ledger. See job.h, and
 * shared_primes.h for who looks.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "request/job.h"
#include "request/shared_primes.h"

#define LOG_WHO "keys"

/* ---- The operator hears whose the other key is ---- */

struct telling {
    struct heart *heart;
    char job[MODULI_OWNER_SIZE];
    char *ca, *serial; /* of its certificate; NULL: there is none yet, or no more */
    char *event;
};

static char *write_event(const char *job, const char *zone, const char *subject, const char *names, const char *ca,
                         const char *serial)
{
    json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:s}", "job", job, "zone", zone, "subject", subject, "ca", ca, "serial",
                              serial);
    json_t *list = json_array();
    char *text = NULL;

    for (const char *at = names; *at; at += strspn(at, " ")) {
        const size_t len = strcspn(at, " ");

        json_array_append_new(list, json_stringn(at, len));
        at += len;
    }
    if (event && json_object_set_new(event, "names", list) == 0)
        text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(event);
    return text;
}

static int take_certificate(void *arg, const struct cs_certificate *row)
{
    struct telling *telling = arg;

    free(telling->ca);
    free(telling->serial);
    free(telling->event);
    telling->ca = text_copy(row->ca);
    telling->serial = text_copy(row->serial);
    telling->event = write_event(row->job, row->zone, row->subject, row->names, row->ca, row->serial);
    return 1;
}

static int write_down(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct telling *telling = arg;

    if (c->ops->certificate_find(c->conn, telling->job, take_certificate, telling, err) < 0)
        return -1;
    return telling->event ? outbox_add(c, "shared-prime", telling->event, strlen(telling->event), err) : 0;
}

static void log_it(const struct telling *telling)
{
    if (telling->serial && telling->ca)
        log_line(CS_LOG_WARN, LOG_WHO, telling->job,
                 "a CSR was refused whose RSA key shares a prime with this order's: both private keys can be computed; revoke "
                 "the certificate with `countersign revoke %s --reason keyCompromise` ca=%s serial=%s",
                 telling->serial, telling->ca, telling->serial);
    else
        log_line(CS_LOG_WARN, LOG_WHO, telling->job,
                 "a CSR was refused whose RSA key shares a prime with this order's: both private keys can be computed; revoke "
                 "the certificate as soon as it is issued");
}

static void on_written(void *arg, const struct cs_error *err)
{
    struct telling *telling = arg;

    log_it(telling);
    if (err)
        log_line(CS_LOG_WARN, LOG_WHO, telling->job, "that could not be written into the ledger: %s", err->text);
    else
        outbox_wake(telling->heart->outbox);
    free(telling->ca);
    free(telling->serial);
    free(telling->event);
    free(telling);
}

static void tell_operator(struct heart *heart, const struct moduli_other *other)
{
    struct telling *telling = calloc(1, sizeof *telling);
    const struct job *job = job_find(heart, other->owner);

    if (!telling) {
        log_line(CS_LOG_WARN, LOG_WHO, other->owner, "a CSR was refused whose RSA key shares a prime with this order's");
        return;
    }
    telling->heart = heart;
    memcpy(telling->job, other->owner, sizeof telling->job);
    if (job) /* unless it has its certificate by then */
        telling->event = write_event(job->id, job->row->zone, job->row->subject, job->names, job->ca_name, "");
    store_write(heart->store, write_down, telling, on_written, telling);
}

/* ---- The order ---- */

static void refuse(struct job *job)
{
    struct cs_error err;

    cs_fail_as(&err, CS_EINPUT, "rsa-shared-prime",
               "the RSA key shares a prime with another key, so whoever sees both can compute this private key: the machine "
               "that made it had too little randomness, as copies of one virtual machine do; make a new one with openssl "
               "genpkey once it has been running for a while, and destroy this one");
    job_end_unstored(job, &err);
}

static void on_examined(void *arg, const struct moduli_other *other, const struct cs_error *err)
{
    struct job *job = arg;

    job->writes--;
    if (err) {
        job_end_unstored(job, err);
        return;
    }
    if (other && other->is_news)
        tell_operator(job->heart, other);
    if (other)
        refuse(job);
    else if (job->heart->stopping)
        job_suspend(job);
    else
        job_store(job);
}

static bool make_claim(struct job *job)
{
    if (!job->claim)
        job->claim = prime_claim_new(job->heart->shared_primes, job->csr.modulus, job->id);
    return job->claim;
}

void job_examine(struct job *job)
{
    const struct cs_error err = { .code = CS_EBUSY, .text = "out of memory" };

    if (!job->csr.modulus.len) {
        job_store(job);
    } else if (!make_claim(job)) {
        job_end_unstored(job, &err);
    } else {
        job->writes++;
        prime_claim_check(job->claim, on_examined, job);
    }
}

int job_hold_primes(struct job *job, struct cs_error *err)
{
    if (!job->csr.modulus.len)
        return 0;
    if (!make_claim(job))
        return cs_fail(err, CS_EBUSY, "out of memory");
    prime_claim_hold(job->claim);
    return 0;
}

void job_keep_primes(struct job *job)
{
    if (job->claim)
        prime_claim_keep(job->claim);
}
