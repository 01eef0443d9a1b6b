/*
 * The values of all challenges: what the store and the back ends say of them, how they are taken away, and what an earlier run
 * left; see challenge.h. The ones that a CA plugin waits for are publication.c's.
 */
#include "request/challenge.h"

#include <stdlib.h>

#include "engine/log.h"
#include "engine/step.h"
#include "request/challenge_parts.h"
#include "request/challenge_place.h"

/* ---- What the store says ---- */

static void on_recorded(void *arg, struct value *value, const struct cs_error *err)
{
    (void)arg;
    if (err && value->waiting)
        publication_end(value->waiting, err);
    if (err) {
        owners_forget_value(value);
        return;
    }
    value->state = value->unwanted ? VALUE_GONE : VALUE_WANTED;
    owner_push(value->owner);
}

/* ---- What the back end says ---- */

static void on_told(void *arg, struct value *value, const struct cs_error *err)
{
    struct challenges *all = arg;

    if (value->state == VALUE_GONE) {
        if (value->waiting)
            publication_end(value->waiting, &(struct cs_error){ .code = CS_EINTERNAL, .text = "the value was taken away" });
        challenge_record_remove(all->records, value);
        owners_forget_value(value);
    } else if (value->waiting && err) {
        publication_end(value->waiting, err);
    } else if (value->waiting) {
        publication_served(value->waiting);
    }
}

/* ---- The job has ended, or is suspended ---- */

static void forget_waiting(struct value *value)
{
    publication_drop(value->waiting);
}

static void release(struct value *value)
{
    forget_waiting(value);
    if (value->state == VALUE_RECORDING) {
        value->unwanted = true;
    } else if (value->state == VALUE_WANTED) {
        value->state = VALUE_GONE;
        value->tries = 0;
        owner_push(value->owner);
    }
}

void challenges_release(struct challenges *challenges, struct job *job)
{
    owners_each_of_job(challenges->owners, job->id, release);
    job->unseen = 0;
    challenge_places_drop(job);
}

void challenges_abandon(struct challenges *challenges, struct job *job)
{
    owners_each_of_job(challenges->owners, job->id, forget_waiting);
    challenge_places_drop(job);
}

/* ---- What an earlier run left ---- */

static struct value *value_of_row(struct challenges *challenges, const struct cs_job_challenge *row)
{
    struct instance *dns = instances_find(challenges->heart->instances, ROLE_DNS, row->dns);

    if (!dns)
        return NULL;
    return owners_value(challenges->owners, dns, row->zone, row->owner, row->job, row->name, row->value, row->expires_ms);
}

void challenges_revive(struct challenges *challenges, const struct cs_job_challenge *row, bool open)
{
    struct value *value = value_of_row(challenges, row);

    if (!instances_find(challenges->heart->instances, ROLE_DNS, row->dns)) {
        log_line(CS_LOG_WARN, "challenge", row->job,
                 "a TXT value at %s was set by dns.%s, which the configuration does not have any more; "
                 "remove it by hand",
                 row->owner, row->dns);
        return;
    }
    if (!value)
        return;
    step_reached(STEP_REVIVING, row->job);
    value->state = open ? VALUE_WANTED : VALUE_GONE;
}

void challenges_push_revived(struct challenges *challenges, const struct cs_job_challenge *row)
{
    struct value *value = value_of_row(challenges, row);

    if (value && value->sent_as != value->state)
        owner_push(value->owner);
}

/* ---- All of them ---- */

struct owners *challenges_owners(const struct challenges *challenges)
{
    return challenges->owners;
}

size_t challenges_busy(const struct challenges *challenges)
{
    return owners_busy(challenges->owners) + challenge_records_busy(challenges->records);
}

struct challenges *challenges_new(struct heart *heart)
{
    struct challenges *challenges = calloc(1, sizeof *challenges);

    if (!challenges)
        return NULL;
    challenges->heart = heart;
    challenges->owners = owners_new(heart, on_told, challenges);
    challenges->records = challenge_records_new(heart, on_recorded, challenges);
    if (challenges->owners && challenges->records)
        return challenges;
    challenges_free(challenges);
    return NULL;
}

void challenges_free(struct challenges *challenges)
{
    if (!challenges)
        return;
    if (challenges->owners)
        owners_each(challenges->owners, forget_waiting);
    owners_free(challenges->owners);
    challenge_records_free(challenges->records);
    free(challenges);
}
