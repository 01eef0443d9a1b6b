/*
 * The sinks of a ledger, and those that take their places; see sink_set.h.
 */
#include "records/sink_set.h"

#include <stdlib.h>
#include <string.h>

struct sink_change {
    void **at, **leaving; /* room for all that there can be */
    struct instance **instances; /* of each of the sinks */
    size_t n, n_made;            /* new ones are the last */
};

static void *find(const struct sink_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->kind->instance(set->at[i])->in.name, name) == 0)
            return set->at[i];
    return NULL;
}

/* Those that are there, or those that are not. */
static int take(const struct sink_set *set, struct sink_change *change, struct instances *all, bool made, struct cs_error *err)
{
    struct instance *instance;

    for (size_t i = 0; (instance = instances_at(all, ROLE_AUDIT, i)) != NULL; i++) {
        void *sink = find(set, instance->in.name);

        if (instance->block.ledger != set->kind->ledger || made == (sink != NULL))
            continue;
        if (made && !(sink = set->kind->make(set->arg, instance, err)))
            return -1;
        change->instances[change->n] = instance;
        change->at[change->n++] = sink;
        change->n_made += made;
    }
    return 0;
}

static struct sink_change *change_new(const struct sink_set *set, struct instances *all)
{
    struct sink_change *change = calloc(1, sizeof *change);
    size_t n = 0;

    if (!change)
        return NULL;
    while (instances_at(all, ROLE_AUDIT, n))
        n++;
    change->at = calloc(n + 1, sizeof(void *));
    change->instances = calloc(n + 1, sizeof(struct instance *));
    change->leaving = calloc(set->n + set->n_leaving + 1, sizeof(void *));
    if (change->at && change->instances && change->leaving)
        return change;
    sink_set_drop(set, change);
    return NULL;
}

struct sink_change *sink_set_prepare(const struct sink_set *set, struct instances *all, struct cs_error *err)
{
    struct sink_change *change = change_new(set, all);

    if (!change)
        cs_fail(err, CS_EBUSY, "no memory for the audit sinks");
    else if (take(set, change, all, false, err) == 0 && take(set, change, all, true, err) == 0)
        return change;
    sink_set_drop(set, change);
    return NULL;
}

static void change_free(struct sink_change *change)
{
    free(change->at);
    free(change->leaving);
    free(change->instances);
    free(change);
}

void sink_set_drop(const struct sink_set *set, struct sink_change *change)
{
    if (!change)
        return;
    for (size_t i = change->n - change->n_made; i < change->n; i++)
        set->kind->free(change->at[i]);
    change_free(change);
}

static bool is_in(const struct sink_change *change, const void *sink)
{
    for (size_t i = 0; i < change->n; i++)
        if (change->at[i] == sink)
            return true;
    return false;
}

static void let_leave(struct sink_set *set, struct sink_change *change)
{
    size_t n = set->n_leaving;

    for (size_t i = 0; i < n; i++)
        change->leaving[i] = set->leaving[i];
    for (size_t i = 0; i < set->n; i++)
        if (!is_in(change, set->at[i])) {
            set->kind->stop(set->at[i]);
            change->leaving[n++] = set->at[i];
        }
    free(set->leaving);
    set->leaving = change->leaving;
    set->n_leaving = n;
    change->leaving = NULL;
}

void sink_set_switch(struct sink_set *set, struct sink_change *change)
{
    let_leave(set, change);
    free(set->at);
    set->at = change->at;
    set->n = change->n;
    change->at = NULL;
    for (size_t i = 0; i < change->n; i++)
        set->kind->move(set->at[i], change->instances[i]);
    change_free(change);
}

static void free_quiet(struct sink_set *set)
{
    size_t n = 0;

    for (size_t i = 0; i < set->n_leaving; i++)
        if (set->kind->is_out(set->leaving[i]))
            set->leaving[n++] = set->leaving[i];
        else
            set->kind->free(set->leaving[i]);
    set->n_leaving = n;
}

bool sink_set_uses(struct sink_set *set, const struct instance *instance)
{
    bool used = false;

    free_quiet(set);
    for (size_t i = 0; i < set->n_leaving; i++)
        used = used || set->kind->instance(set->leaving[i]) == instance;
    for (size_t i = 0; i < set->n; i++)
        used = used || set->kind->instance(set->at[i]) == instance;
    return used;
}

bool sink_set_is_leaving(const struct sink_set *set)
{
    for (size_t i = 0; i < set->n_leaving; i++)
        if (set->kind->is_out(set->leaving[i]))
            return true;
    return false;
}

void sink_set_free(struct sink_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        set->kind->free(set->at[i]);
    for (size_t i = 0; i < set->n_leaving; i++)
        set->kind->free(set->leaving[i]);
    free(set->at);
    free(set->leaving);
    *set = (struct sink_set){ .kind = set->kind, .arg = set->arg };
}
