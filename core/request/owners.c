/*
 * All owner names that have challenge values, by name and by job, and their way to another back end; see owner.h and
 * owner_parts.h.
 */
#include "request/owner_parts.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct owners *owners_new(struct heart *heart, owner_told_fn *told, void *arg)
{
    struct owners *owners = calloc(1, sizeof *owners);

    if (owners) {
        owners->heart = heart;
        owners->told = told;
        owners->arg = arg;
    }
    return owners;
}

void owners_each_of_job(struct owners *owners, const char *job, void (*fn)(struct value *value))
{
    const struct values_of_job key = { .job = (char *)job };
    struct values_of_job **found = tfind(&key, &owners->by_job, owner_compare_jobs);
    struct value *next;

    for (struct value *value = found ? (*found)->first : NULL; value; value = next) {
        next = value->next_of_job;
        fn(value);
    }
}

struct each {
    void (*fn)(struct value *value);
};

static void visit_owner(const void *node, VISIT visit, void *arg)
{
    const struct each *each = arg;

    if (visit != preorder && visit != leaf)
        return;
    for (struct value *value = (*(struct owner *const *)node)->values; value; value = value->next)
        each->fn(value);
}

void owners_each(struct owners *owners, void (*fn)(struct value *value))
{
    twalk_r(owners->tree, visit_owner, &(struct each){ fn });
}

static void count_busy(const void *node, VISIT visit, void *arg)
{
    const struct owner *owner = *(struct owner *const *)node;
    size_t *n = arg;

    if (visit == preorder || visit == leaf)
        *n += owner->out || (owner_has(owner, VALUE_GONE) && !owner->all->heart->stopping);
}

size_t owners_busy(const struct owners *owners)
{
    size_t n = 0;

    twalk_r(owners->tree, count_busy, &n);
    return n;
}

/* ---- Another back end ---- */

struct look {
    const struct instance *dns;
    bool found;
};

static void look_for(const void *node, VISIT visit, void *arg)
{
    const struct owner *owner = *(struct owner *const *)node;
    struct look *look = arg;

    if (visit == preorder || visit == leaf)
        look->found |= owner->dns == look->dns;
}

bool owners_use(const struct owners *owners, const struct instance *dns)
{
    struct look look = { .dns = dns };

    twalk_r(owners->tree, look_for, &look);
    return look.found;
}

static void look_for_untold(const void *node, VISIT visit, void *arg)
{
    const struct owner *owner = *(struct owner *const *)node;
    struct look *look = arg;

    if (visit == preorder || visit == leaf)
        look->found |= owner->dns == look->dns && owner->moved;
}

bool owners_were_told(const struct owners *owners, const struct instance *dns)
{
    struct look look = { .dns = dns };

    twalk_r(owners->tree, look_for_untold, &look);
    return !look.found;
}

/* The name of the instance is the same, and so is the place in the tree. */
static void move(const void *node, VISIT visit, void *arg)
{
    struct owner *owner = *(struct owner *const *)node;
    struct instance *heir;

    if (visit != preorder && visit != leaf)
        return;
    heir = instances_heir(arg, owner->dns);
    if (!heir || heir == owner->dns)
        return;
    owner->dns = heir;
    owner->moved = true;
    owner->was_told = false;
    owner->tries = 0;
    owner->wait_ms = 0;
}

/* A push may free its owner, and so change the tree: each is pushed by a timer. */
static void push_moved(const void *node, VISIT visit, void *arg)
{
    struct owner *owner = *(struct owner *const *)node;

    if ((visit == preorder || visit == leaf) && owner->moved)
        timer_set_in(owner->all->heart->loop, &owner->retry, 0, owner_push_again, owner);
    (void)arg;
}

void owners_move(struct owners *owners, const struct instances *instances)
{
    twalk_r(owners->tree, move, (void *)(uintptr_t)instances);
    twalk_r(owners->tree, push_moved, NULL);
}

/* ---- The end ---- */

static void drop(void *node)
{
    struct owner *owner = node;
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        owner_free_value(value);
    }
    owner_free(owner);
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    tdestroy(owners->tree, drop);
    free(owners);
}
