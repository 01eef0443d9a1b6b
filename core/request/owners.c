/*
 * All owner names that have challenge values, by name and by job, their values, and their way to another back end; see owner.h
 * and owner_parts.h.
 */
#include "request/owner_parts.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names and the zones that they lie in ---- */

static int compare_sets(const void *a, const void *b)
{
    const struct txt_set *x = a, *y = b;
    int by_name = strcmp(x->name, y->name);

    return by_name ? by_name : strcmp(x->dns->in.name, y->dns->in.name);
}

const char *owner_name(const struct owner *owner)
{
    return owner->set->name;
}

const char *owner_zone(const struct owner *owner)
{
    return owner->zone;
}

const char *owner_dns(const struct owner *owner)
{
    return owner->set->dns->in.name;
}

static void free_set(struct txt_set *set)
{
    free(set->name);
    free(set);
}

static struct txt_set *find_or_add_set(struct owners *all, struct instance *dns, const char *name)
{
    struct txt_set *set = calloc(1, sizeof *set), **found = NULL;

    if (!set)
        return NULL;
    set->all = all;
    set->dns = dns;
    set->name = text_copy(name);
    if (set->name)
        found = tsearch(set, &all->tree, compare_sets);
    if (!found || *found != set)
        free_set(set);
    return found ? *found : NULL;
}

static void free_owner(struct owner *owner)
{
    timer_clear(&owner->retry);
    free(owner->zone);
    free(owner);
}

void owners_forget_empty(struct txt_set *set)
{
    for (struct owner **at = &set->owners; *at;) {
        struct owner *owner = *at;

        if (owner->values || owner == set->out) {
            at = &owner->next;
        } else {
            *at = owner->next;
            free_owner(owner);
        }
    }
    if (set->owners)
        return;
    tdelete(set, &set->all->tree, compare_sets);
    free_set(set);
}

static struct owner *add_owner(struct txt_set *set, const char *zone)
{
    struct owner *owner = calloc(1, sizeof *owner);

    if (!owner)
        return NULL;
    owner->set = set;
    owner->zone = text_copy(zone);
    if (!owner->zone) {
        free_owner(owner);
        return NULL;
    }
    owner->next = set->owners;
    set->owners = owner;
    return owner;
}

static struct owner *find_or_add_owner(struct txt_set *set, const char *zone)
{
    for (struct owner *owner = set->owners; owner; owner = owner->next)
        if (strcmp(owner->zone, zone) == 0)
            return owner;
    return add_owner(set, zone);
}

/* ---- The values of a job ---- */

static int compare_jobs(const void *a, const void *b)
{
    return strcmp(((const struct values_of_job *)a)->job, ((const struct values_of_job *)b)->job);
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
        found = tsearch(of_job, &all->by_job, compare_jobs);
    if (!found || *found != of_job)
        free_of_job(of_job);
    return found ? *found : NULL;
}

static int join_job(struct value *value, struct owners *all, const char *job)
{
    struct values_of_job *of_job = find_or_add_job(all, job);

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

static void leave_job(struct value *value, struct owners *all)
{
    struct values_of_job *of_job = value->of_job;

    if (!of_job)
        return;
    *(value->before_of_job ? &value->before_of_job->next_of_job : &of_job->first) = value->next_of_job;
    if (value->next_of_job)
        value->next_of_job->before_of_job = value->before_of_job;
    if (of_job->first)
        return;
    tdelete(of_job, &all->by_job, compare_jobs);
    free_of_job(of_job);
}

void owners_each_of_job(struct owners *owners, const char *job, void (*fn)(struct value *value))
{
    const struct values_of_job key = { .job = (char *)job };
    struct values_of_job **found = tfind(&key, &owners->by_job, compare_jobs);
    struct value *next;

    for (struct value *value = found ? (*found)->first : NULL; value; value = next) {
        next = value->next_of_job;
        fn(value);
    }
}

/* ---- Values ---- */

static void free_value(struct value *value, struct owners *all)
{
    leave_job(value, all);
    free(value->name);
    free(value->text);
    free(value);
}

void owners_forget_value(struct value *value)
{
    struct txt_set *set = value->owner->set;
    struct value **at = &value->owner->values;

    while (*at != value)
        at = &(*at)->next;
    *at = value->next;
    free_value(value, set->all);
    owners_forget_empty(set);
}

static struct value *find_value(struct owner *owner, const char *job, const char *text)
{
    for (struct value *value = owner->values; value; value = value->next)
        if (strcmp(value->text, text) == 0 && strcmp(value->job, job) == 0)
            return value;
    return NULL;
}

static struct value *add_value(struct owner *owner, const char *job, const char *name, const char *text, int64_t expires_ms)
{
    struct value *value = calloc(1, sizeof *value);

    if (!value)
        return NULL;
    value->owner = owner;
    value->name = text_copy(name);
    value->text = text_copy(text);
    value->expires_ms = expires_ms;
    if (!value->name || !value->text || join_job(value, owner->set->all, job) < 0) {
        free_value(value, owner->set->all);
        return NULL;
    }
    value->next = owner->values;
    owner->values = value;
    return value;
}

struct value *owners_value(struct owners *owners, struct instance *dns, const char *zone, const char *owner_, const char *job,
                           const char *name, const char *text, int64_t expires_ms)
{
    struct txt_set *set = find_or_add_set(owners, dns, owner_);
    struct owner *owner = set ? find_or_add_owner(set, zone) : NULL;
    struct value *value = owner ? find_value(owner, job, text) : NULL;

    if (owner && !value)
        value = add_value(owner, job, name, text, expires_ms);
    if (value && value->expires_ms < expires_ms)
        value->expires_ms = expires_ms;
    if (set && !value)
        owners_forget_empty(set);
    return value;
}

/* ---- All of them ---- */

struct each {
    void (*fn)(struct owner *owner, void *arg);
    void *arg;
};

static void visit_set(const void *node, VISIT visit, void *arg)
{
    const struct txt_set *set = *(struct txt_set *const *)node;
    const struct each *each = arg;

    if (visit != preorder && visit != leaf)
        return;
    for (struct owner *owner = set->owners; owner; owner = owner->next)
        each->fn(owner, each->arg);
}

/* `fn` may forget none. */
static void each_owner(const struct owners *owners, void (*fn)(struct owner *owner, void *arg), void *arg)
{
    twalk_r(owners->tree, visit_set, &(struct each){ fn, arg });
}

struct each_value {
    void (*fn)(struct value *value);
};

static void visit_values(struct owner *owner, void *arg)
{
    const struct each_value *each = arg;

    for (struct value *value = owner->values; value; value = value->next)
        each->fn(value);
}

void owners_each(struct owners *owners, void (*fn)(struct value *value))
{
    each_owner(owners, visit_values, &(struct each_value){ fn });
}

static void count_busy(struct owner *owner, void *arg)
{
    const struct txt_set *set = owner->set;
    size_t *n = arg;

    *n += set->out == owner || (owner_has(owner, VALUE_GONE) && !set->all->heart->stopping);
}

size_t owners_busy(const struct owners *owners)
{
    size_t n = 0;

    each_owner(owners, count_busy, &n);
    return n;
}

/* ---- Another back end ---- */

struct look {
    const struct instance *dns;
    bool found;
};

static void look_for(struct owner *owner, void *arg)
{
    struct look *look = arg;

    look->found |= owner->set->dns == look->dns;
}

bool owners_use(const struct owners *owners, const struct instance *dns)
{
    struct look look = { .dns = dns };

    each_owner(owners, look_for, &look);
    return look.found;
}

static void look_for_untold(struct owner *owner, void *arg)
{
    struct look *look = arg;

    look->found |= owner->set->dns == look->dns && owner->moved;
}

bool owners_were_told(const struct owners *owners, const struct instance *dns)
{
    struct look look = { .dns = dns };

    each_owner(owners, look_for_untold, &look);
    return !look.found;
}

bool owners_back_end_has_left(const struct txt_set *set)
{
    return !instances_heir(set->all->heart->instances, set->dns);
}

static void begin_pace_anew(struct owner *owner)
{
    owner->wait_ms = owner->gone_wait_ms = 0;
    for (struct value *value = owner->values; value; value = value->next)
        value->tries = 0;
}

/* The name of the instance is the same, and so is the place in the tree. */
static void move(const void *node, VISIT visit, void *arg)
{
    struct txt_set *set = *(struct txt_set *const *)node;
    struct instance *heir;

    if (visit != preorder && visit != leaf)
        return;
    heir = instances_heir(arg, set->dns);
    if (!heir || heir == set->dns)
        return;
    set->dns = heir;
    for (struct owner *owner = set->owners; owner; owner = owner->next) {
        owner->moved = true;
        owner->was_told = false;
        begin_pace_anew(owner);
    }
}

/* What a back end that has left would not take away is tried at once, for the last times. A push may free its owner, and so
 * change the tree: each is pushed by a timer. */
static void push_moved(struct owner *owner, void *arg)
{
    const bool last_times = owners_back_end_has_left(owner->set) && owner_has(owner, VALUE_GONE);

    if (last_times)
        begin_pace_anew(owner);
    if (owner->moved || last_times)
        timer_set_in(owner->set->all->heart->loop, &owner->retry, 0, owner_push_again, owner);
    (void)arg;
}

void owners_move(struct owners *owners, const struct instances *instances)
{
    twalk_r(owners->tree, move, (void *)(uintptr_t)instances);
    each_owner(owners, push_moved, NULL);
}

/* ---- The beginning and the end ---- */

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

static void drop_values(struct owner *owner, void *arg)
{
    struct value *next;

    for (struct value *value = owner->values; value; value = next) {
        next = value->next;
        free_value(value, arg);
    }
    owner->values = NULL;
}

static void drop_set(void *node)
{
    struct txt_set *set = node;
    struct owner *next;

    for (struct owner *owner = set->owners; owner; owner = next) {
        next = owner->next;
        free_owner(owner);
    }
    free_set(set);
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    each_owner(owners, drop_values, owners);
    tdestroy(owners->tree, drop_set);
    free(owners);
}
