/* One owner name in PowerDNS, from the call to its end and the watch after it; see owner.h. The work itself is in step.c. */
#include "owner.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "step.h"

#define WATCH_FIRST_MS   100
#define WATCH_REMOVED_MS 1000

/* ---- Making and freeing ---- */

static void free_values(char **values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        free(values[i]);
    free(values);
}

/* With room for `more` behind them. */
static char **copy_values(const char *const *values, size_t n, size_t more)
{
    char **copy = calloc(n + more + 1, sizeof *copy);

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

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct owner *)a)->goal.owner, ((const struct owner *)b)->goal.owner);
}

static void free_owner(struct owner *owner)
{
    if (owner->goal.owner)
        tdelete(owner, &owner->pdns->owners_by_name, compare);
    *owner->link = owner->next;
    if (owner->next)
        owner->next->link = owner->link;
    free_goal(owner);
    step_free(owner);
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

/* ---- The end of a change ---- */

static void watch(struct owner *owner, int64_t wait_ms)
{
    const int64_t left_ms = owner->watch_until_ms - cs_now_ms();

    owner->wait_ms = wait_ms;
    if (owner->pdns->stopping || left_ms < wait_ms)
        free_owner(owner);
    else
        step_watch(owner);
}

void owner_fail(struct owner *owner, const struct cs_error *why)
{
    struct cs_error err = *why;

    step_halt(owner);
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

void owner_succeed(struct owner *owner)
{
    struct cs_op *op = owner->op;

    step_halt(owner);
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

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct owner *owner = arg;
    struct cs_error err = { 0 };

    if (why == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "stopping");
    else
        cs_fail(&err, CS_ETIMEDOUT, "the deadline passed in step \"%s\"", step_name(owner));
    owner_fail(owner, &err);
}

static bool is_named(const struct cs_txt_change *change, const char *value)
{
    for (size_t i = 0; i < change->n_want; i++)
        if (strcmp(change->want[i], value) == 0)
            return true;
    for (size_t i = 0; i < change->n_gone; i++)
        if (strcmp(change->gone[i], value) == 0)
            return true;
    return false;
}

/* What we want since an earlier change, and this one does not name, is for another zone of the table. */
static void keep_wanted(struct owner *owner, const struct cs_txt_change *change, char **want, size_t *n_want)
{
    size_t left = 0;

    for (size_t i = 0; i < owner->goal.n_want; i++)
        if (is_named(change, owner->goal.want[i]))
            owner->goal.want[left++] = owner->goal.want[i];
        else
            want[(*n_want)++] = owner->goal.want[i];
    owner->goal.n_want = left;
}

static int take_goal(struct owner *owner, const struct cs_txt_change *change)
{
    char **want = copy_values(change->want, change->n_want, owner->goal.n_want);
    char **gone = copy_values(change->gone, change->n_gone, 0);
    size_t n_want = change->n_want;

    if (!want || !gone) {
        free_values(want, change->n_want);
        free_values(gone, change->n_gone);
        return -1;
    }
    keep_wanted(owner, change, want, &n_want);
    free_goal(owner);
    owner->goal.want = want;
    owner->goal.gone = gone;
    owner->goal.n_want = n_want;
    owner->goal.n_gone = change->n_gone;
    owner->goal.ttl = change->ttl;
    return 0;
}

void owner_set(struct pdns *pdns, const struct cs_txt_change *change, struct cs_op *op)
{
    struct owner *owner = find_owner(pdns, change->owner);

    server_ask(pdns->server);
    if (owner && owner->op) { /* the core has one call out for a name; this one must not take its place */
        cs_op_err(op, &(struct cs_error){ .code = CS_EBUSY, .text = "another change of this name is under way" });
        return;
    }
    if (!owner)
        owner = add_owner(pdns, change->owner, change->zone);
    if (!owner || take_goal(owner, change) < 0) {
        cs_op_err(op, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    owner->op = op;
    cs_op_on_cancel(op, on_cancel, owner);
    if (step_is_changing(owner)) { /* a repair is out: what it does must not come after us */
        owner->overtaken = true;
        return;
    }
    step_halt(owner);
    step_begin(owner);
}

/* ---- The end ---- */

void owner_stop_watching(struct pdns *pdns)
{
    struct owner *next;

    for (struct owner *owner = pdns->owners; owner; owner = next) {
        next = owner->next;
        if (!owner->op)
            free_owner(owner);
    }
}

void owner_free_all(struct pdns *pdns)
{
    struct owner *next;

    for (struct owner *owner = pdns->owners; owner; owner = next) {
        next = owner->next;
        free_owner(owner);
    }
}
