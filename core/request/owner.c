/*
 * The calls to a back end: one at a time for each owner name; see owner.h. Who has which values is owners.c's.
 */
#include "request/owner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log.h"
#include "engine/step.h"
#include "request/counts.h"
#include "request/owner_parts.h"

#define FIRST_WAIT   1000
#define LONGEST_WAIT (5 * 60 * 1000)
#define TRIES        5 /* to set a value; to take one away we try until that works, or its back end has left */

/* ---- The call ---- */

static void call_for_next(struct txt_set *set);

static bool wants(const struct owner *owner, const char *text)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == VALUE_WANTED && strcmp(value->text, text) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct txt_set *set, const char *text)
{
    for (const struct owner *owner = set->owners; owner; owner = owner->next)
        if (wants(owner, text))
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

/* Is it kept although its job is over? A value that two jobs have goes with the last of them. Within a zone the other job's row
 * is enough to find it by; where another zone wants it, this one keeps its row, too: a back end may have it in both. */
static bool is_held(const struct value *value)
{
    return value->state == VALUE_GONE && !wants(value->owner, value->text) && is_wanted(value->owner->set, value->text);
}

/* What somebody waits for is never sent as expired, however long ago it was written down. */
static void prolong(struct value *value)
{
    const int64_t least_ms = cs_wall_ms() + OWNER_LIFE_MS;

    if (value->expires_ms < least_ms)
        value->expires_ms = least_ms;
}

/* Splits the values into those to serve and those to take away. */
static void sort_values(struct owner *owner, struct cs_txt_change *change, const char **want, const char **gone)
{
    for (struct value *value = owner->values; value; value = value->next) {
        value->sent_as = is_held(value) ? VALUE_RECORDING : value->state;
        if (value->state == VALUE_WANTED) {
            prolong(value);
            add_once(want, &change->n_want, value->text);
        } else if (value->state == VALUE_GONE && !is_wanted(owner->set, value->text)) {
            add_once(gone, &change->n_gone, value->text);
        }
        if (value->state == VALUE_WANTED && value->expires_ms > change->expires_ms)
            change->expires_ms = value->expires_ms;
    }
}

/* Values that changed their mind while the call was out are left to the next one. */
static bool was_sent_as(const struct value *value, enum value_state state)
{
    return value->sent_as == state && value->state == state;
}

/* Of a failure only those hear that are not tried again. */
static void tell_sent(struct owner *owner, enum value_state state, const struct cs_error *err)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        if (was_sent_as(value, state) && (!err || value->tries >= TRIES)) {
            value->sent_as = VALUE_RECORDING;
            value->tries = err ? TRIES : 0;
            owner->set->all->told(owner->set->all->arg, value, err);
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

/* What cannot be taken away is left to a back end that forgets it. Any other is told once it is back: nobody else does it. */
static void leave_expired(struct owner *owner, const struct cs_error *err)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        if (value->state != VALUE_GONE || value->expires_ms > cs_wall_ms())
            continue;
        log_line(CS_LOG_WARN, "challenge", value->job,
                 "a TXT value at %s could not be taken away; dns.%s has forgotten it meanwhile: %s", owner->set->name,
                 owner_dns(owner), err->text);
        owner->set->all->told(owner->set->all->arg, value, NULL);
    }
}

/* Nobody asks that back end any more once the last of its values is forgotten. The row stays, for a file that has it again. */
static void leave_to_operator(struct owner *owner, const struct cs_error *err)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        if (value->state != VALUE_GONE || value->tries < TRIES)
            continue;
        log_line(CS_LOG_WARN, "challenge", value->job,
                 "a TXT value at %s was set by dns.%s, which the configuration does not have any more; remove it by hand: %s",
                 owner->set->name, owner_dns(owner), err->text);
        owners_forget_value(value);
    }
}

/* Of the values that the call had. */
static void count_tries(struct owner *owner, bool final)
{
    for (struct value *value = owner->values; value; value = value->next)
        if (was_sent_as(value, VALUE_WANTED) || was_sent_as(value, VALUE_GONE))
            value->tries = final ? TRIES : value->tries + 1;
}

static bool is_waited_for(const struct owner *owner)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == VALUE_WANTED && value->tries < TRIES)
            return true;
    return false;
}

static bool is_to_take_away(const struct owner *owner)
{
    const bool for_ever = !owners_back_end_has_left(owner->set);

    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == VALUE_GONE && (for_ever || value->tries < TRIES))
            return true;
    return false;
}

static void wait_longer(int64_t *wait_ms, const struct cs_error *err)
{
    *wait_ms = *wait_ms ? *wait_ms * 2 : FIRST_WAIT;
    if (*wait_ms > LONGEST_WAIT)
        *wait_ms = LONGEST_WAIT;
    if (err->retry_after_ms > *wait_ms)
        *wait_ms = err->retry_after_ms;
}

static void try_again(struct owner *owner)
{
    const int64_t gone_wait_ms = owner->gone_wait_ms ? owner->gone_wait_ms : FIRST_WAIT;

    if (is_waited_for(owner))
        timer_set_in(owner->set->all->heart->loop, &owner->retry, owner->wait_ms, owner_push_again, owner);
    else if (is_to_take_away(owner))
        timer_set_in(owner->set->all->heart->loop, &owner->retry, gone_wait_ms, owner_push_again, owner);
}

static void on_failure(struct owner *owner, const struct cs_error *err)
{
    const bool stopping = owner->set->all->heart->stopping;

    wait_longer(is_waited_for(owner) ? &owner->wait_ms : &owner->gone_wait_ms, err);
    count_tries(owner, !error_kind(err->code)->retry);
    log_line(CS_LOG_WARN, "challenge", "", "dns.%s cannot change %s%s: %s", owner->set->dns->in.name, owner->set->name,
             stopping || !(is_waited_for(owner) || is_to_take_away(owner)) ? "" : ", trying again", err->text);
    tell_sent(owner, VALUE_WANTED, err);
    if (owner->set->dns->plugin.dns.forgets)
        leave_expired(owner, err);
    if (owners_back_end_has_left(owner->set))
        leave_to_operator(owner, err);
    if (!stopping)
        try_again(owner);
}

static bool was_sent(const struct owner *owner, enum value_state state)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (was_sent_as(value, state))
            return true;
    return false;
}

static void on_success(struct owner *owner)
{
    if (was_sent(owner, VALUE_WANTED))
        step_reached(STEP_SET, "");
    if (was_sent(owner, VALUE_GONE))
        step_reached(STEP_WITHDRAWN, "");
    owner->wait_ms = owner->gone_wait_ms = 0;
    tell_sent(owner, VALUE_WANTED, NULL);
    tell_sent(owner, VALUE_GONE, NULL);
}

/* The name stays `out` until the plugin has finished, so that no two calls for it run at once. */
static void on_set(void *arg, const struct op_result *result)
{
    struct owner *owner = arg;
    struct txt_set *set = owner->set;

    owner->moved = owner->moved && !owner->was_told;
    if (!result->cancelled && !owner->set->all->heart->stopping)
        visits_latency(owner->set->all->heart->visits, "dns", owner->set->dns->in.name, cs_now_ms() - owner->asked_ms);
    if (!result->late)
        counts_dns_change(owner->set->all->heart->metrics, owner->set->dns->in.name, owner->asked_ms, result->err);
    if (result->late && result->err)
        owner->again |= owner_has(owner, VALUE_GONE);
    else if (result->err)
        on_failure(owner, result->err);
    else
        on_success(owner);
    if (result->cancelled)
        return;
    set->out = NULL;
    call_for_next(set);
}

/* ---- Whose turn it is ---- */

static void go_to_the_end(struct owner *owner)
{
    struct owner **at = &owner->set->owners;

    while (*at != owner)
        at = &(*at)->next;
    *at = owner->next;
    while (*at)
        at = &(*at)->next;
    *at = owner;
    owner->next = NULL;
}

static void call_for(struct owner *owner)
{
    struct txt_set *set = owner->set;
    struct cs_txt_change change = { .size = sizeof change, .zone = owner->zone, .owner = set->name, .ttl = OWNER_TTL_S };
    const char **want, **gone;
    size_t n = 0;

    timer_clear(&owner->retry);
    owner->again = false;
    for (const struct value *value = owner->values; value; value = value->next)
        n++;
    want = calloc(2 * n + 1, sizeof *want);
    gone = want ? want + n : NULL;
    if (!want) {
        timer_set_in(set->all->heart->loop, &owner->retry, FIRST_WAIT, owner_push_again, owner);
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
        set->out = owner;
        owner->asked_ms = cs_now_ms();
        instance_set_txt(set->dns, &change, "", cs_now_ms() + OWNER_CALL_MS, on_set, owner);
    }
    free(want);
}

static struct owner *whose_turn(const struct txt_set *set)
{
    struct owner *owner = set->owners;

    while (owner && !owner->again)
        owner = owner->next;
    return owner;
}

/* The set may be gone afterwards. A call that cannot be made for want of memory ends inside of it, and so comes here again. */
static void call_for_next(struct txt_set *set)
{
    struct owner *owner;

    if (set->calling)
        return;
    set->calling = true;
    while (!set->out && (owner = whose_turn(set))) {
        go_to_the_end(owner);
        call_for(owner);
    }
    set->calling = false;
    owners_forget_empty(set);
}

/* Does it have a value that was held for another zone, which has let go of it now? */
static bool has_released(const struct owner *owner)
{
    for (const struct value *value = owner->values; value; value = value->next)
        if (value->state == VALUE_GONE && value->sent_as == VALUE_RECORDING && !is_wanted(owner->set, value->text))
            return true;
    return false;
}

void owner_await(struct value *value)
{
    value->tries = 0;
    value->owner->wait_ms = 0;
}

void owner_push_soon(struct owner *owner)
{
    if (owner->set->out)
        owner->again = true;
    else
        timer_set_in(owner->set->all->heart->loop, &owner->retry, 0, owner_push_again, owner);
}

void owner_push(struct owner *owner)
{
    owner->again = true;
    for (struct owner *other = owner->set->owners; other; other = other->next)
        other->again |= has_released(other);
    call_for_next(owner->set);
}
