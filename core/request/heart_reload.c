/*
 * How orders and challenge values go on under a new configuration; see the part on a new file in heart.h. Called by
 * command/serve_reload.c.
 */
#include "request/heart.h"

#include <stdlib.h>

#include "request/ca_gate.h"
#include "request/challenge.h"
#include "request/challenge_place.h"
#include "request/job.h"
#include "request/name_servers.h"
#include "request/owner.h"
#include "request/visible.h"

struct heart_change {
    struct server_list *resolvers;
    struct ca_gates *gates; /* of CAs that have none yet */
};

struct heart_change *heart_prepare(struct heart *heart, struct instances *instances, const struct settings *settings,
                                   struct cs_error *err)
{
    struct heart_change *change = calloc(1, sizeof *change);

    if (!change) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    change->resolvers = visible_read_resolvers((const char *const *)settings->resolvers, settings->n_resolvers, err);
    change->gates = ca_gates_prepare(heart, heart->gates, instances);
    if (change->resolvers && change->gates)
        return change;
    if (change->resolvers)
        cs_fail(err, CS_EBUSY, "out of memory");
    heart_drop(change);
    return NULL;
}

void heart_drop(struct heart_change *change)
{
    if (!change)
        return;
    free(change->resolvers);
    ca_gates_free(change->gates);
    free(change);
}

/* A call that is under way ends where it began. */
static void move_job(struct job *job, void *arg)
{
    const struct instances *instances = arg;
    struct instance *heir = instances_heir(instances, job->ca);

    if (heir)
        job->ca = heir;
    for (struct challenge_place *place = job->places; place; place = place->next) {
        heir = place->dns ? instances_heir(instances, place->dns) : NULL;
        if (heir)
            place->dns = heir;
    }
}

void heart_switch(struct heart *heart, struct heart_change *change)
{
    jobs_walk(heart->jobs, move_job, heart->instances);
    ca_gates_switch(heart->gates, change->gates);
    owners_move(challenges_owners(heart->challenges), heart->instances);
    name_servers_take(visible_name_servers(heart->visible), change->resolvers);
    free(change);
}

struct search {
    const struct instance *instance;
    bool found;
};

static void look_at_job(struct job *job, void *arg)
{
    struct search *search = arg;

    search->found |= job->ca == search->instance;
    for (const struct challenge_place *place = job->places; place; place = place->next)
        search->found |= place->dns == search->instance;
}

bool heart_uses(const struct heart *heart, const struct instance *instance)
{
    struct search search = { .instance = instance };

    jobs_walk(heart->jobs, look_at_job, &search);
    return search.found || owners_use(challenges_owners(heart->challenges), instance);
}

bool heart_has_told(const struct heart *heart, const struct instance *dns)
{
    return owners_were_told(challenges_owners(heart->challenges), dns);
}

void heart_forget(struct heart *heart, const struct instance *instance)
{
    ca_gates_forget(heart->gates, instance);
}
