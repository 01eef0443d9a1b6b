/*
 * The steps of a change, in their order: which zone, what is disabled there, read, write, read again. A value of ours that a
 * second writer has overwritten meanwhile is written once more. See step.h.
 */
#include "step.h"

#include <stdlib.h>
#include <string.h>

#include "owner.h"
#include "server.h"

#define CHANGES_MOST  8  /* of one call, against a second writer */
#define FAILURES_MOST 6  /* of one call, while another program is in the way */
#define REPAIRS_MOST  20 /* of one watch */
#define REST_LEAST_MS 5
#define REST_MOST_MS  500
#define SEARCH_MOST   1000

static void go(struct owner *owner, enum step step);

void step_halt(struct owner *owner)
{
    turn_leave(owner);
    zones_cancel(owner->search);
    api_cancel(owner->call);
    cs_timer_stop(owner->timer);
    owner->search = NULL;
    owner->call = NULL;
    owner->timer = NULL;
    reply_release(&owner->seen);
    reply_release(&owner->parked);
}

static void forget_zone(struct owner *owner)
{
    free(owner->zone_name);
    free(owner->zone_id);
    owner->zone_name = owner->zone_id = NULL;
}

void step_free(struct owner *owner)
{
    step_halt(owner);
    forget_zone(owner);
}

static void fail_memory(struct owner *owner)
{
    owner_fail(owner, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory, or stopping" });
}

static void fail_contested(struct owner *owner)
{
    struct cs_error err = { 0 };

    cs_fail_as(&err, CS_ECONFLICT, "dns-contested",
               "another program took our change at %.255s back %d times: let only one of them write there", owner->goal.owner,
               owner->changes ? owner->changes : owner->repairs - 1);
    owner_fail(owner, &err);
}

/* ---- Step: which zone ---- */

/* Servers before 5.0 show the disabled records of a set with the whole zone only. */
static bool needs_search(const struct owner *owner)
{
    return owner->pdns->conf->keep_disabled && !owner->parked.records && !server_shows_disabled(owner->pdns->server);
}

static void take_zone(struct owner *owner, const struct zones_found *found)
{
    forget_zone(owner);
    owner->zone_name = text_copy(found->name);
    owner->zone_id = text_copy(found->id);
    if (!owner->zone_name || !owner->zone_id)
        fail_memory(owner);
    else /* before the look, not after it: what others do between look and change is lost. Unless we will not change now. */
        go(owner, owner->op && !owner->pdns->changing && needs_search(owner) ? STEP_DISABLED : STEP_LOOK);
}

static void on_located(void *arg, const struct zones_found *found, const struct cs_error *err)
{
    struct owner *owner = arg;

    owner->search = NULL;
    if (found)
        take_zone(owner, found);
    else
        owner_fail(owner, err);
}

static void locate(struct owner *owner)
{
    struct zones_found found;

    if (zones_known(owner->pdns->zones, owner->goal.owner, &found)) {
        take_zone(owner, &found);
        return;
    }
    owner->search = zones_find(owner->pdns->zones, owner->goal.owner, on_located, owner);
    if (!owner->search)
        fail_memory(owner);
}

/* The zone is not (or no longer) the right one: once, that may be what we remember of it. */
static void locate_again(struct owner *owner, const struct cs_error *err)
{
    turn_leave(owner);
    reply_release(&owner->parked);
    zones_forget(owner->pdns->zones, owner->goal.owner);
    if (owner->relocated) {
        owner_fail(owner, err);
        return;
    }
    owner->relocated = true;
    go(owner, STEP_LOCATE);
}

static void ask(struct owner *owner, const char *method, const char *path, const char *body, api_fn *fn)
{
    const struct api_want want = { .method = method, .path = path, .body = body };

    owner->call = api_send(owner->pdns, &want, fn, owner);
    if (!owner->call)
        fail_memory(owner);
}

/* ---- Step: what is disabled there ---- */

static void on_searched(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct owner *owner = arg;
    struct cs_error err = { 0 };

    owner->call = NULL;
    reply_release(&owner->parked);
    if (reply && reply_read_disabled(&owner->parked, reply->body, reply->body_len, owner->goal.owner, owner->zone_id,
                                     SEARCH_MOST, &err) == 0) {
        owner->rested = true;
        go(owner, STEP_LOOK);
        return;
    }
    if (!reply)
        err = failure->err;
    cs_fail_in(&err, "search-data (keep_disabled = false does without)");
    owner_fail(owner, &err);
}

static void search_disabled(struct owner *owner)
{
    struct text path = TEXT_MAX(3000), name = TEXT_MAX(1024);

    text_add_n(&name, owner->goal.owner, strlen(owner->goal.owner) - 1); /* it compares names without the dot */
    text_add(&path, "/search-data?q=");
    api_add_escaped(&path, text_of(&name));
    text_addf(&path, "&max=%d&object_type=record", SEARCH_MOST);
    ask(owner, "GET", text_of(&path), NULL, on_searched);
    text_free(&name);
    text_free(&path);
}

/* ---- Step: read the record set ---- */

/* It is not as it must be. Right after a change of ours, a second writer undid it: let him finish, then look again. */
static void go_change(struct owner *owner)
{
    if (owner->changes >= CHANGES_MOST) {
        fail_contested(owner);
    } else if (owner->changes > 0 && !owner->rested) {
        go(owner, STEP_REST);
    } else if (!owner->op && owner->changes == 0 && ++owner->repairs > REPAIRS_MOST) {
        fail_contested(owner);
    } else {
        owner->rested = false;
        go(owner, STEP_TURN);
    }
}

static void on_looked(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct owner *owner = arg;
    struct cs_error err = { 0 };

    owner->call = NULL;
    reply_release(&owner->seen);
    if (!reply && failure->status == 404)
        locate_again(owner, &failure->err);
    else if (!reply)
        owner_fail(owner, &failure->err);
    else if (reply_read_rrset(&owner->seen, reply->body, reply->body_len, owner->goal.owner, &err) < 0)
        owner_fail(owner, &err);
    else if (reply_add_disabled(&owner->seen, &owner->parked) < 0)
        fail_memory(owner);
    else if (rrset_reached(&owner->seen, &owner->goal))
        owner_succeed(owner);
    else
        go_change(owner);
}

static void look(struct owner *owner)
{
    struct text path = TEXT_MAX(3000);

    text_addf(&path, "/zones/%s?rrset_name=", owner->zone_id);
    api_add_escaped(&path, owner->goal.owner);
    text_add(&path, "&rrset_type=TXT&include_disabled=true");
    ask(owner, "GET", text_of(&path), NULL, on_looked);
    text_free(&path);
}

/* ---- Step: wait until no other change of ours is out ---- */

static void take_turn(struct owner *owner)
{
    if (turn_take(owner))
        go(owner, needs_search(owner) ? STEP_DISABLED : STEP_CHANGE);
}

static void on_turn(void *arg)
{
    struct owner *owner = arg;

    owner->timer = NULL;
    owner->rested = true;
    reply_release(&owner->parked); /* what was read before the wait is old */
    go(owner, needs_search(owner) ? STEP_DISABLED : STEP_LOOK);
}

/* Later: who leaves his turn may be going through a list of owners. */
void step_turn(struct owner *owner)
{
    owner->timer = cs_timer_start(owner->pdns->in, 0, on_turn, owner);
    if (!owner->timer)
        fail_memory(owner);
}

/* ---- Step: write ---- */

static bool is_whole(const struct owner *owner)
{
    return owner->whole || rrset_has_disabled(&owner->seen) || !server_is_additive(owner->pdns->server);
}

/* A 500 is most often "database is locked": another program changes something at this moment. */
static bool may_be_locked(struct owner *owner, const struct api_failure *failure)
{
    return failure->status == 500 && owner->failures++ < FAILURES_MOST;
}

/* Newer servers refuse EXTEND where a set has records with different TTLs, too: the whole set is then written. What was sent
 * counts, not what is known by now: the server's version may have come meanwhile. */
static void on_refused(struct owner *owner, const struct api_failure *failure)
{
    if (failure->unknown_change && owner->extending)
        server_refused_additive(owner->pdns->server);
    if (owner->extending) {
        owner->whole = true;
        go(owner, STEP_CHANGE);
    } else if (strstr(failure->err.text, "out of zone")) {
        locate_again(owner, &failure->err);
    } else {
        owner_fail(owner, &failure->err);
    }
}

static void on_changed(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct owner *owner = arg;

    owner->call = NULL;
    if (owner->overtaken) {
        step_begin(owner);
    } else if (reply) {
        turn_leave(owner);
        owner->changes++;
        go(owner, STEP_LOOK);
    } else if (may_be_locked(owner, failure)) {
        turn_leave(owner);
        go(owner, STEP_REST);
    } else if (failure->status == 404) {
        locate_again(owner, &failure->err);
    } else if (failure->status == 422 || failure->status == 400) {
        on_refused(owner, failure);
    } else {
        owner_fail(owner, &failure->err);
    }
}

static void change(struct owner *owner)
{
    struct text path = TEXT_MAX(3000);
    char *body;

    owner->extending = !is_whole(owner);
    body = owner->extending ? rrset_extend(&owner->seen, &owner->goal) : rrset_replace(&owner->seen, &owner->goal);
    text_addf(&path, "/zones/%s", owner->zone_id);
    if (body)
        ask(owner, "PATCH", text_of(&path), body, on_changed);
    else
        fail_memory(owner);
    text_free(&path);
    free(body);
}

/* ---- Steps: wait ---- */

static void sleep_for(struct owner *owner, int64_t ms, cs_timer_fn *fn)
{
    owner->timer = cs_timer_start(owner->pdns->in, ms, fn, owner);
    if (!owner->timer)
        fail_memory(owner);
}

static void on_rested(void *arg)
{
    struct owner *owner = arg;

    owner->timer = NULL;
    owner->rested = true;
    go(owner, STEP_LOOK);
}

/* Jitter, so that two writers of the same kind do not meet again and again. */
static void rest(struct owner *owner)
{
    uint32_t most_ms = 20u << (owner->changes + owner->failures);

    if (most_ms > REST_MOST_MS)
        most_ms = REST_MOST_MS;
    sleep_for(owner, REST_LEAST_MS + (int64_t)arc4random_uniform(most_ms), on_rested);
}

static void on_watched(void *arg)
{
    struct owner *owner = arg;

    owner->timer = NULL;
    step_begin(owner);
}

static void keep_watch(struct owner *owner)
{
    sleep_for(owner, owner->wait_ms, on_watched);
}

void step_begin(struct owner *owner)
{
    turn_leave(owner);
    reply_release(&owner->parked);
    owner->changes = owner->failures = 0;
    owner->rested = owner->whole = owner->relocated = owner->overtaken = false;
    go(owner, STEP_LOCATE);
}

/* ---- The table ---- */

static const struct {
    const char *name;
    void (*enter)(struct owner *owner);
} steps[] = {
    [STEP_LOCATE]   = { "locate",   locate          },
    [STEP_DISABLED] = { "disabled", search_disabled },
    [STEP_LOOK]     = { "look",     look            },
    [STEP_TURN]     = { "turn",     take_turn       },
    [STEP_CHANGE]   = { "change",   change          },
    [STEP_REST]     = { "rest",     rest            },
    [STEP_WATCH]    = { "watch",    keep_watch      },
};

static void go(struct owner *owner, enum step step)
{
    owner->step = step;
    if (owner->op)
        cs_op_step(owner->op, steps[step].name);
    steps[step].enter(owner);
}

void step_watch(struct owner *owner)
{
    go(owner, STEP_WATCH);
}

bool step_is_changing(const struct owner *owner)
{
    return owner->step == STEP_CHANGE && owner->call;
}

const char *step_name(const struct owner *owner)
{
    return steps[owner->step].name;
}
