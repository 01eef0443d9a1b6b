/*
 * One owner name in PowerDNS; see owner.h. A change reads the one record set, writes it, and reads it again: a value of ours that
 * a second writer has overwritten meanwhile is written once more.
 */
#include "owner.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "reply.h"
#include "rrset.h"
#include "server.h"
#include "zones.h"

#define CHANGES_MOST     8   /* of one call, against a second writer */
#define REPAIRS_MOST     20  /* of one watch */
#define REST_LEAST_MS    5
#define REST_MOST_MS     500
#define WATCH_FIRST_MS   100
#define WATCH_REMOVED_MS 1000
#define SEARCH_MOST      1000

enum step { LOCATE, LOOK, DISABLED, CHANGE, REST, WATCH };

struct owner {
    struct pdns *pdns;
    struct owner *next, **link;
    char *zone; /* of the zone table */
    struct rrset_goal goal;
    struct cs_op *op; /* NULL: nobody waits, we watch */

    enum step step;
    struct zones_search *search;
    struct api_call *call;
    struct cs_timer *timer;
    char *zone_name, *zone_id; /* of PowerDNS; NULL: not known yet */
    struct reply_rrset seen;
    int changes;     /* made for this goal, in this round */
    bool rested;     /* after somebody undid one */
    bool whole;      /* EXTEND and PRUNE were refused in this round */
    bool relocated;  /* the zone was looked for a second time */
    bool overtaken;  /* a new goal came while a change was out */
    int64_t wait_ms, watch_until_ms;
    int repairs;
};

static void go(struct owner *owner, enum step step);

/* ---- Making and freeing ---- */

static void free_values(char **values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        free(values[i]);
    free(values);
}

static char **copy_values(const char *const *values, size_t n)
{
    char **copy = calloc(n + 1, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = text_copy(values[i]);
        if (!copy[i]) {
            free_values(copy, n);
            return NULL;
        }
    }
    return copy;
}

static void free_goal(struct owner *owner)
{
    free_values(owner->goal.want, owner->goal.n_want);
    free_values(owner->goal.gone, owner->goal.n_gone);
    owner->goal.want = owner->goal.gone = NULL;
    owner->goal.n_want = owner->goal.n_gone = 0;
}

static void forget_zone(struct owner *owner)
{
    free(owner->zone_name);
    free(owner->zone_id);
    owner->zone_name = owner->zone_id = NULL;
}

static void halt(struct owner *owner)
{
    zones_cancel(owner->search);
    api_cancel(owner->call);
    cs_timer_stop(owner->timer);
    owner->search = NULL;
    owner->call = NULL;
    owner->timer = NULL;
    reply_release(&owner->seen);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct owner *)a)->goal.owner, ((const struct owner *)b)->goal.owner);
}

static void free_owner(struct owner *owner)
{
    halt(owner);
    if (owner->goal.owner)
        tdelete(owner, &owner->pdns->owners_by_name, compare);
    *owner->link = owner->next;
    if (owner->next)
        owner->next->link = owner->link;
    free_goal(owner);
    forget_zone(owner);
    free((char *)owner->goal.owner);
    free(owner->zone);
    free(owner);
}

static struct owner *find_owner(struct pdns *pdns, const char *name)
{
    const struct owner key = { .goal.owner = name };
    struct owner *const *found = tfind(&key, &pdns->owners_by_name, compare);

    return found ? *found : NULL;
}

static struct owner *add_owner(struct pdns *pdns, const char *name, const char *zone)
{
    struct owner *owner = calloc(1, sizeof *owner);

    if (!owner)
        return NULL;
    owner->pdns = pdns;
    owner->goal.owner = text_copy(name);
    owner->zone = text_copy(zone);
    owner->next = pdns->owners;
    owner->link = &pdns->owners;
    if (owner->next)
        owner->next->link = &owner->next;
    pdns->owners = owner;
    if (owner->goal.owner && owner->zone && tsearch(owner, &pdns->owners_by_name, compare))
        return owner;
    free_owner(owner);
    return NULL;
}

static void begin_round(struct owner *owner)
{
    owner->changes = 0;
    owner->rested = owner->whole = owner->relocated = owner->overtaken = false;
    go(owner, LOCATE);
}

/* ---- The end of a change ---- */

static void watch(struct owner *owner, int64_t wait_ms)
{
    const int64_t left_ms = owner->watch_until_ms - cs_now_ms();

    owner->wait_ms = wait_ms;
    if (owner->pdns->stopping || left_ms < wait_ms)
        free_owner(owner);
    else
        go(owner, WATCH);
}

static void fail(struct owner *owner, const struct cs_error *why)
{
    struct cs_error err = *why;

    halt(owner);
    api_name_place(&err, owner->pdns, owner->zone_name ? owner->zone_name : owner->zone);
    if (owner->op) {
        cs_op_err(owner->op, &err);
        free_owner(owner);
        return;
    }
    cs_log(owner->pdns->in, CS_LOG_WARN, "cannot see whether another program changed a record set owner=%s: %s",
           owner->goal.owner, err.text);
    watch(owner, owner->wait_ms * 2);
}

static void fail_memory(struct owner *owner)
{
    fail(owner, &(struct cs_error){ .code = CS_EINTERNAL, .text = "out of memory, or stopping" });
}

static void fail_contested(struct owner *owner)
{
    struct cs_error err = { 0 };

    cs_fail_as(&err, CS_ECONFLICT, "dns-contested",
               "another program took our change at %.255s back %d times: let only one of them write there", owner->goal.owner,
               owner->changes);
    fail(owner, &err);
}

static void succeed(struct owner *owner)
{
    struct cs_op *op = owner->op;

    halt(owner);
    if (owner->changes > (op ? 1 : 0))
        cs_log(owner->pdns->in, CS_LOG_WARN, "another program overwrote our change of a record set, it is repaired owner=%s",
               owner->goal.owner);
    owner->op = NULL;
    if (op) {
        cs_op_ok(op);
        owner->repairs = 0;
    } else if (owner->changes == 0) {
        watch(owner, owner->wait_ms * 2);
        return;
    }
    owner->watch_until_ms = cs_now_ms() + owner->pdns->conf->recheck;
    watch(owner, owner->goal.n_want > 0 ? WATCH_FIRST_MS : WATCH_REMOVED_MS);
}

/* ---- Step: which zone ---- */

static void take_zone(struct owner *owner, const struct zones_found *found)
{
    forget_zone(owner);
    owner->zone_name = text_copy(found->name);
    owner->zone_id = text_copy(found->id);
    if (owner->zone_name && owner->zone_id)
        go(owner, LOOK);
    else
        fail_memory(owner);
}

static void on_located(void *arg, const struct zones_found *found, const struct cs_error *err)
{
    struct owner *owner = arg;

    owner->search = NULL;
    if (found)
        take_zone(owner, found);
    else
        fail(owner, err);
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
    zones_forget(owner->pdns->zones, owner->goal.owner);
    if (owner->relocated) {
        fail(owner, err);
        return;
    }
    owner->relocated = true;
    go(owner, LOCATE);
}

/* ---- Step: read the record set ---- */

static void ask(struct owner *owner, const char *method, const char *path, const char *body, api_fn *fn)
{
    const struct api_want want = { .method = method, .path = path, .body = body };

    owner->call = api_send(owner->pdns, &want, fn, owner);
    if (!owner->call)
        fail_memory(owner);
}

/* It is not as it must be. Right after a change of ours, a second writer undid it: let him finish, then look again. */
static void go_change(struct owner *owner)
{
    if (owner->changes >= CHANGES_MOST) {
        fail_contested(owner);
    } else if (owner->changes > 0 && !owner->rested) {
        go(owner, REST);
    } else if (!owner->op && owner->changes == 0 && ++owner->repairs > REPAIRS_MOST) {
        fail_contested(owner);
    } else {
        owner->rested = false;
        go(owner, owner->pdns->conf->keep_disabled && !server_shows_disabled(owner->pdns->server) ? DISABLED : CHANGE);
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
        fail(owner, &failure->err);
    else if (reply_read_rrset(&owner->seen, reply->body, reply->body_len, owner->goal.owner, &err) < 0)
        fail(owner, &err);
    else if (rrset_reached(&owner->seen, &owner->goal))
        succeed(owner);
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

/* ---- Step: read what is disabled there, which servers before 5.0 do not show in a record set ---- */

static void on_searched(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct owner *owner = arg;
    struct cs_error err = { 0 };

    owner->call = NULL;
    if (reply && reply_read_disabled(&owner->seen, reply->body, reply->body_len, owner->goal.owner, owner->zone_id, SEARCH_MOST,
                                     &err) == 0) {
        go(owner, CHANGE);
        return;
    }
    if (!reply)
        err = failure->err;
    cs_fail_in(&err, "search-data (keep_disabled = false does without)");
    fail(owner, &err);
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

/* ---- Step: write ---- */

static bool is_whole(const struct owner *owner)
{
    return owner->whole || rrset_has_disabled(&owner->seen) || !server_is_additive(owner->pdns->server);
}

/* Newer servers refuse EXTEND where a set has records with different TTLs, too: the whole set is then written. */
static void on_refused(struct owner *owner, const struct api_failure *failure)
{
    const bool was_whole = is_whole(owner);

    if (failure->unknown_change && !was_whole)
        server_refused_additive(owner->pdns->server);
    if (!was_whole) {
        owner->whole = true;
        go(owner, CHANGE);
    } else if (strstr(failure->err.text, "out of zone")) {
        locate_again(owner, &failure->err);
    } else {
        fail(owner, &failure->err);
    }
}

static void on_changed(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct owner *owner = arg;

    owner->call = NULL;
    if (owner->overtaken) {
        begin_round(owner);
    } else if (reply) {
        owner->changes++;
        go(owner, LOOK);
    } else if (failure->status == 404) {
        locate_again(owner, &failure->err);
    } else if (failure->status == 422 || failure->status == 400) {
        on_refused(owner, failure);
    } else {
        fail(owner, &failure->err);
    }
}

static void change(struct owner *owner)
{
    struct text path = TEXT_MAX(3000);
    char *body = is_whole(owner) ? rrset_replace(&owner->seen, &owner->goal) : rrset_extend(&owner->seen, &owner->goal);

    text_addf(&path, "/zones/%s", owner->zone_id);
    if (body)
        ask(owner, "PATCH", text_of(&path), body, on_changed);
    else
        fail_memory(owner);
    text_free(&path);
    free(body);
}

/* ---- Steps: wait ---- */

static void wait(struct owner *owner, int64_t ms, cs_timer_fn *fn)
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
    go(owner, LOOK);
}

/* Jitter, so that two writers of the same kind do not meet again and again. */
static void rest(struct owner *owner)
{
    uint32_t most_ms = 20u << owner->changes;

    if (most_ms > REST_MOST_MS)
        most_ms = REST_MOST_MS;
    wait(owner, REST_LEAST_MS + (int64_t)arc4random_uniform(most_ms), on_rested);
}

static void on_watched(void *arg)
{
    struct owner *owner = arg;

    owner->timer = NULL;
    begin_round(owner);
}

static void keep_watch(struct owner *owner)
{
    wait(owner, owner->wait_ms, on_watched);
}

/* ---- The table ---- */

static const struct {
    const char *name;
    void (*enter)(struct owner *owner);
} steps[] = {
    [LOCATE]   = { "locate",   locate          },
    [LOOK]     = { "look",     look            },
    [DISABLED] = { "disabled", search_disabled },
    [CHANGE]   = { "change",   change          },
    [REST]     = { "rest",     rest            },
    [WATCH]    = { "watch",    keep_watch      },
};

static void go(struct owner *owner, enum step step)
{
    owner->step = step;
    if (owner->op)
        cs_op_step(owner->op, steps[step].name);
    steps[step].enter(owner);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct owner *owner = arg;
    struct cs_error err = { 0 };

    if (why == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "stopping");
    else
        cs_fail(&err, CS_ETIMEDOUT, "the deadline passed in step \"%s\"", steps[owner->step].name);
    fail(owner, &err);
}

static int take_goal(struct owner *owner, const struct cs_txt_change *change)
{
    char **want = copy_values(change->want, change->n_want), **gone = copy_values(change->gone, change->n_gone);

    if (!want || !gone) {
        free_values(want, change->n_want);
        free_values(gone, change->n_gone);
        return -1;
    }
    free_goal(owner);
    owner->goal.want = want;
    owner->goal.gone = gone;
    owner->goal.n_want = change->n_want;
    owner->goal.n_gone = change->n_gone;
    owner->goal.ttl = change->ttl;
    return 0;
}

void owner_set(struct pdns *pdns, const struct cs_txt_change *change, struct cs_op *op)
{
    struct owner *owner = find_owner(pdns, change->owner);

    server_ask(pdns->server);
    if (!owner)
        owner = add_owner(pdns, change->owner, change->zone);
    if (!owner || take_goal(owner, change) < 0) {
        cs_op_err(op, &(struct cs_error){ .code = CS_EINTERNAL, .text = "out of memory" });
        return;
    }
    owner->op = op;
    cs_op_on_cancel(op, on_cancel, owner);
    if (owner->step == CHANGE && owner->call) { /* a repair is out: what it does must not come after us */
        owner->overtaken = true;
        return;
    }
    halt(owner);
    begin_round(owner);
}

/* ---- The end ---- */

void owner_stop_watching(struct pdns *pdns)
{
    for (struct owner *owner = pdns->owners, *next; owner; owner = next) {
        next = owner->next;
        if (!owner->op)
            free_owner(owner);
    }
}

void owner_free_all(struct pdns *pdns)
{
    while (pdns->owners)
        free_owner(pdns->owners);
}
