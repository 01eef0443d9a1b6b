/*
 * One owner name and its back end; see owner.h.
 */
#include "request/owner.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log.h"
#include "engine/step.h"
#include "request/counts.h"
#include "request/owner_parts.h"

#define FIRST_WAIT   1000
#define LONGEST_WAIT (5 * 60 * 1000)
#define TRIES        5 /* to set a value that somebody waits for; to take one away we try until it has expired */

/* By zone too: one name is there twice where one zone of the table lies in another, or was added meanwhile. */
int owner_compare(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;
    int by_name = strcmp(x->name, y->name), by_zone = strcmp(x->zone, y->zone);

    return by_name ? by_name : by_zone ? by_zone : strcmp(x->dns->in.name, y->dns->in.name);
}

int owner_compare_jobs(const void *a, const void *b)
{
    return strcmp(((const struct values_of_job *)a)->job, ((const struct values_of_job *)b)->job);
}

const char *owner_name(const struct owner *owner)
{
    return owner->name;
}

const char *owner_zone(const struct owner *owner)
{
    return owner->zone;
}

const char *owner_dns(const struct owner *owner)
{
    return owner->dns->in.name;
}

/* ---- Owners and values ---- */

void owner_free(struct owner *owner)
{
    timer_clear(&owner->retry);
    free(owner->zone);
    free(owner->name);
    free(owner);
}

static struct owner *find_or_add(struct owners *all, struct instance *dns, const char *zone, const char *name)
{
    struct owner *owner = calloc(1, sizeof *owner), **found = NULL;

    if (!owner)
        return NULL;
    owner->all = all;
    owner->dns = dns;
    owner->zone = text_copy(zone);
    owner->name = text_copy(name);
    if (owner->zone && owner->name)
        found = tsearch(owner, &all->tree, owner_compare);
    if (!found || *found != owner)
        owner_free(owner);
    return found ? *found : NULL;
}

static void forget_if_empty(struct owner *owner)
{
    if (owner->values || owner->out)
        return;
    tdelete(owner, &owner->all->tree, owner_compare);
    owner_free(owner);
}

static void free_of_job(struct values_of_job *of_job)
{
    free(of_job->job);
    free(of_job);
}

static struct values_of_job *find_or_add_job(struct owners *all, const char *job)
{
    struct values_of_job *of_job = calloc(1, sizeof *of_job), **found = NULL;

    if (!of_job)
        return NULL;
    of_job->job = text_copy(job);
    if (of_job->job)
        found = tsearch(of_job, &all->by_job, owner_compare_jobs);
    if (!found || *found != of_job)
        free_of_job(of_job);
    return found ? *found : NULL;
}

static int join_job(struct value *value, const char *job)
{
    struct values_of_job *of_job = find_or_add_job(value->owner->all, job);

    if (!of_job)
        return -1;
    value->of_job = of_job;
    value->job = of_job->job;
    value->next_of_job = of_job->first;
    if (of_job->first)
        of_job->first->before_of_job = value;
    of_job->first = value;
    return 0;
}

static void leave_job(struct value *value)
{
    struct values_of_job *of_job = value->of_job;

    if (!of_job)
        return;
    *(value->before_of_job ? &value->before_of_job->next_of_job : &of_job->first) = value->next_of_job;
    if (value->next_of_job)
        value->next_of_job->before_of_job = value->before_of_job;
    if (of_job->first)
        return;
    tdelete(of_job, &value->owner->all->by_job, owner_compare_jobs);
    free_of_job(of_job);
}

void owner_free_value(struct value *value)
{
    leave_job(value);
    free(value->name);
    free(value->text);
    free(value);
}

void value_forget(struct value *value)
{
    struct owner *owner = value->owner;
    struct value **at = &owner->values;

    while (*at != value)
        at = &(*at)->next;
    *at = value->next;
    owner_free_value(value);
    forget_if_empty(owner);
}

static struct value *find_value(struct owner *owner, const char *job, const char *text)
{
    for (struct value *value = owner->values; value; value = value->next)
        if (strcmp(value->text, text) == 0 && strcmp(value->job, job) == 0)
            return value;
    return NULL;
}

struct value *owners_value(struct owners *owners, struct instance *dns, const char *zone, const char *owner_, const char *job,
                           const char *name, const char *text, int64_t expires_ms)
{
    struct owner *owner = find_or_add(owners, dns, zone, owner_);
    struct value *value = owner ? find_value(owner, job, text) : NULL;

    if (!owner || value)
        return value;
    value = calloc(1, sizeof *value);
    if (value) {
        value->owner = owner;
        value->name = text_copy(name);
        value->text = text_copy(text);
        value->expires_ms = expires_ms;
    }
    if (!value || !value->name || !value->text || join_job(value, job) < 0) {
        if (value)
            owner_free_value(value);
        forget_if_empty(owner);
        return NULL;
    }
    value->next = owner->values;
    owner->values = value;
    return value;
}

/* ---- The call ---- */

static void push(struct owner *owner);

static bool is_wanted(const struct owner *owner, const char *text)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == VALUE_WANTED && strcmp(value->text, text) == 0)
            return true;
    return false;
}

static bool is_among(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static void add_once(const char **list, size_t *n, const char *text)
{
    if (!is_among(list, *n, text))
        list[(*n)++] = text;
}

/* Splits the values into those to serve and those to take away; a value that two jobs have goes with the last of them. */
static void sort_values(struct owner *owner, struct cs_txt_change *change, const char **want, const char **gone)
{
    for (struct value *value = owner->values; value; value = value->next) {
        value->sent_as = value->state;
        if (value->state == VALUE_WANTED)
            add_once(want, &change->n_want, value->text);
        else if (value->state == VALUE_GONE && !is_wanted(owner, value->text))
            add_once(gone, &change->n_gone, value->text);
        if (value->state == VALUE_WANTED && value->expires_ms > change->expires_ms)
            change->expires_ms = value->expires_ms;
    }
}

/* Values that changed their mind while the call was out are left to the next one. */
static void tell_sent(struct owner *owner, enum value_state state, const struct cs_error *err)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        if (value->sent_as == state && value->state == state) {
            value->sent_as = VALUE_RECORDING;
            owner->all->told(owner->all->arg, value, err);
        }
    }
}

bool owner_has(const struct owner *owner, enum value_state state)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == state)
            return true;
    return false;
}

/* A call that timed out may still be out. */
void owner_push_again(void *arg)
{
    owner_push(arg);
}

/* What cannot be taken away is given up once its time is over: a back end that can forget has forgotten it, and no CA asks. */
static void give_up_expired(struct owner *owner, const struct cs_error *err)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        if (value->state != VALUE_GONE || value->expires_ms > cs_wall_ms())
            continue;
        log_line(CS_LOG_WARN, "challenge", value->job,
                 "a TXT value at %s could not be taken away and has expired; remove it by hand: %s", owner->name, err->text);
        owner->all->told(owner->all->arg, value, NULL);
    }
}

static void on_failure(struct owner *owner, const struct cs_error *err)
{
    const bool stopping = owner->all->heart->stopping;
    const bool give_up = !error_kind(err->code)->retry || ++owner->tries >= TRIES;

    log_line(CS_LOG_WARN, "challenge", "", "dns.%s cannot change %s%s: %s", owner->dns->in.name, owner->name,
             give_up || stopping ? "" : ", trying again", err->text);
    if (give_up) {
        owner->tries = 0;
        tell_sent(owner, VALUE_WANTED, err);
    }
    give_up_expired(owner, err);
    owner->wait_ms = owner->wait_ms ? owner->wait_ms * 2 : FIRST_WAIT;
    if (owner->wait_ms > LONGEST_WAIT)
        owner->wait_ms = LONGEST_WAIT;
    if (err->retry_after_ms > owner->wait_ms)
        owner->wait_ms = err->retry_after_ms;
    if (!stopping && (owner_has(owner, VALUE_GONE) || !give_up))
        timer_set_in(owner->all->heart->loop, &owner->retry, owner->wait_ms, owner_push_again, owner);
}

static bool was_sent(const struct owner *owner, enum value_state state)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->sent_as == state && value->state == state)
            return true;
    return false;
}

static void on_success(struct owner *owner)
{
    if (was_sent(owner, VALUE_WANTED))
        step_reached(STEP_SET, "");
    if (was_sent(owner, VALUE_GONE))
        step_reached(STEP_WITHDRAWN, "");
    owner->tries = 0;
    owner->wait_ms = 0;
    tell_sent(owner, VALUE_WANTED, NULL);
    tell_sent(owner, VALUE_GONE, NULL);
}

/* The owner stays `out` until the plugin has finished, so that no two calls for it run at once. */
static void on_set(void *arg, const struct op_result *result)
{
    struct owner *owner = arg;

    owner->out = true;
    owner->moved = owner->moved && !owner->was_told;
    if (!result->cancelled && !owner->all->heart->stopping)
        visits_latency(owner->all->heart->visits, "dns", owner->dns->in.name, cs_now_ms() - owner->asked_ms);
    if (!result->late)
        counts_dns_change(owner->all->heart->metrics, owner->dns->in.name, owner->asked_ms, result->err);
    if (result->late && result->err)
        owner->again |= owner_has(owner, VALUE_GONE);
    else if (result->err)
        on_failure(owner, result->err);
    else
        on_success(owner);
    owner->out = result->cancelled;
    if (owner->out)
        return;
    if (owner->again)
        push(owner);
    else
        forget_if_empty(owner);
}

static void push(struct owner *owner)
{
    struct cs_txt_change change = { .size = sizeof change, .zone = owner->zone, .owner = owner->name, .ttl = OWNER_TTL_S };
    const char **want, **gone;
    size_t n = 0;

    timer_clear(&owner->retry);
    owner->again = false;
    for (const struct value *value = owner->values; value; value = value->next)
        n++;
    want = calloc(2 * n + 1, sizeof *want);
    gone = want ? want + n : NULL;
    if (!want) {
        timer_set_in(owner->all->heart->loop, &owner->retry, FIRST_WAIT, owner_push_again, owner);
        return;
    }
    sort_values(owner, &change, want, gone);
    change.want = want;
    change.gone = gone;
    owner->was_told = true;
    owner->moved = owner->moved && (change.n_want || change.n_gone);
    if (change.n_want || change.n_gone) {
        if (change.n_want)
            step_reached(STEP_SETTING, "");
        if (change.n_gone)
            step_reached(STEP_WITHDRAWING, "");
        owner->out = true;
        owner->asked_ms = cs_now_ms();
        instance_set_txt(owner->dns, &change, "", cs_now_ms() + OWNER_CALL_MS, on_set, owner);
    } else {
        forget_if_empty(owner);
    }
    free(want);
}

void owner_push(struct owner *owner)
{
    if (owner->out)
        owner->again = true;
    else
        push(owner);
}
