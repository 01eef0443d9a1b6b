/*
 * From a name to the owner of its TXT value, one CNAME after the other; see challenge_place.h. Each name is asked for at the
 * servers of its own zone, and its zone is looked up in the table.
 */
#include "request/challenge_place.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine/log.h"
#include "engine/step.h"
#include "request/place_rules.h"
#include "request/visible.h"

#define LOG_WHO "challenge"

enum { ASK_MS = 3000, EXPECTED = 20 /* most names that are looked for before the CA asks */ };

struct challenge_places {
    struct heart *heart;
    size_t busy;
};

/* A look into the zone table; outlives a place that was dropped. */
struct place_reading {
    struct challenge_places *all;
    struct challenge_place *place; /* NULL: nobody wants to know any more */
    char name[NAME_MAX_LEN + 2];
    struct zone_row *row;
};

static void ask(struct challenge_place *p);

/* ---- The end of a search ------------------------------------------------------------------------------------------- */

static struct place_link *last_of(struct challenge_place *p)
{
    return &p->links[p->n - 1];
}

static void cut(struct challenge_place *p, size_t n)
{
    while (p->n > n) {
        zone_row_free(last_of(p)->row);
        p->n--;
    }
}

static void tell(struct challenge_place *p, enum place_state state)
{
    struct place_waiter *next;

    p->state = state;
    for (struct place_waiter *w = p->first; w; w = next) {
        next = w->next;
        w->found(w->arg);
    }
    p->first = NULL;
    p->last = &p->first;
}

static void fail(struct challenge_place *p, const struct cs_error *err)
{
    p->err = *err;
    tell(p, PLACE_FAILED);
}

static int find_dns(struct challenge_place *p, struct cs_error *err)
{
    const struct place_link *end = last_of(p);

    p->dns = instances_find(p->all->heart->instances, ROLE_DNS, end->dns);
    if (!p->dns)
        return cs_fail(err, CS_ECONFIG,
                       "the row of zone %.*s names the DNS instance \"%s\", which the configuration does not have",
                       (int)strlen(end->zone) - 1, end->zone, end->dns);
    return 0;
}

static void succeed(struct challenge_place *p)
{
    const struct place_link *end = last_of(p);
    struct cs_error err;

    if (find_dns(p, &err) < 0) {
        fail(p, &err);
        return;
    }
    if (p->n > 1)
        log_line(CS_LOG_INFO, LOG_WHO, p->job->id, "challenge goes where its CNAME leads name=%s owner=%s zone=%s dns=%s",
                 p->name, end->name, end->zone, end->dns);
    tell(p, PLACE_FOUND);
}

/* ---- Is it a wildcard's? ------------------------------------------------------------------------------------------- */

/* RFC 4592: a wildcard makes CNAME records for all names that are not there, ours among them, and has nothing to do with
 * challenges. Our TXT record hides it. */
static void on_sibling(void *arg, const struct alias_reply *reply)
{
    struct challenge_place *p = arg;

    p->asking = NULL;
    if (reply->kind != ALIAS_TO || strcmp(reply->target, p->links[1].name) != 0) {
        fail(p, &p->err);
        return;
    }
    log_line(CS_LOG_INFO, LOG_WHO, p->job->id,
             "a wildcard's CNAME is passed over, as it does not lead into a zone of the table "
             "owner=%s target=%s",
             p->links[0].name, p->links[1].name);
    cut(p, 1);
    succeed(p);
}

static struct alias_search *ask_at(struct challenge_place *p, const struct place_link *link, const char *name, alias_fn *fn)
{
    const struct alias_want want = { .name = name,
                                     .zone = link->zone[0] ? link->zone : name,
                                     .servers = link->zone[0] ? link->servers : "",
                                     .deadline_ms = cs_now_ms() + ASK_MS };

    return alias_find(p->all->heart->loop, visible_name_servers(p->all->heart->visible), &want, fn, p);
}

/* A name beside ours that nobody has made tells whether the first CNAME is a wildcard's. */
static void fail_chain(struct challenge_place *p, const struct cs_error *err)
{
    char sibling[NAME_MAX_LEN + 2];
    uint32_t number;

    p->err = *err;
    if (p->n > 1 && !place_rules_zone(p)[0] && getrandom(&number, sizeof number, 0) == sizeof number) {
        snprintf(sibling, sizeof sibling, "_acme-%08x.%.*s.", number, NAME_MAX_LEN - 16, p->name);
        p->asking = ask_at(p, &p->links[0], sibling, on_sibling);
    }
    if (!p->asking)
        fail(p, &p->err);
}

static void end_chain(struct challenge_place *p)
{
    struct cs_error err;

    if (place_rules_end(p, &err) < 0)
        fail_chain(p, &err);
    else
        succeed(p);
}

/* ---- Rows ----------------------------------------------------------------------------------------------------------- */

static int read_row(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct place_reading *r = arg;

    return zone_row_read(c, r->name, &r->row, err);
}

static void take_row(struct place_link *link, struct zone_row *row)
{
    link->row = row;
    link->zone[0] = '\0';
    if (!row)
        return;
    snprintf(link->zone, sizeof link->zone, "%s.", row->zone);
    link->dns = row->dns;
    link->servers = row->servers;
    link->visible = row->visible;
}

static void on_row(void *arg, const struct cs_error *err)
{
    struct place_reading *r = arg;
    struct challenge_place *p = r->place;

    r->all->busy--;
    if (!p) {
        zone_row_free(r->row);
        free(r);
        return;
    }
    p->reading = NULL;
    if (err) {
        zone_row_free(r->row);
        fail(p, err);
    } else {
        take_row(last_of(p), r->row);
        ask(p);
    }
    free(r);
}

/* The zone of the last link, then on from there. */
static void look_up(struct challenge_place *p)
{
    struct place_reading *r = calloc(1, sizeof *r);

    if (!r) {
        fail(p, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    r->all = p->all;
    r->place = p;
    snprintf(r->name, sizeof r->name, "%.*s", (int)strlen(last_of(p)->name) - 1, last_of(p)->name);
    p->reading = r;
    p->all->busy++;
    store_read(p->all->heart->store, read_row, r, on_row, r);
}

/* ---- Links ---------------------------------------------------------------------------------------------------------- */

static void add_link(struct challenge_place *p, const char *name)
{
    struct place_link *link = &p->links[p->n++];

    *link = (struct place_link){ .servers = "", .dns = "" };
    snprintf(link->name, sizeof link->name, "%s", name);
}

static void on_unknown(struct challenge_place *p, const char *said)
{
    struct cs_error err;

    log_line(CS_LOG_WARN, LOG_WHO, p->job->id, "no server of its zone says whether a name is a CNAME name=%s said=\"%s\"",
             last_of(p)->name, said);
    if (place_rules_unknown(p, said, &err) < 0)
        fail(p, &err);
    else
        end_chain(p);
}

static void on_alias(void *arg, const struct alias_reply *reply)
{
    struct challenge_place *p = arg;
    struct cs_error err;

    p->asking = NULL;
    if (reply->kind == ALIAS_UNKNOWN) {
        on_unknown(p, reply->said);
    } else if (reply->kind == ALIAS_NONE) {
        end_chain(p);
    } else if (place_rules_target(p, reply->target, &err) < 0) {
        fail_chain(p, &err);
    } else {
        add_link(p, reply->target);
        look_up(p);
    }
}

/* Is the last name an alias? A zone whose servers must not be asked has none. */
static void ask(struct challenge_place *p)
{
    const struct place_link *link = last_of(p);

    if (link->zone[0] && link->visible == CS_VISIBLE_OFF) {
        end_chain(p);
        return;
    }
    p->asking = ask_at(p, link, link->name, on_alias);
    if (!p->asking)
        fail(p, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
}

/* ---- The beginning --------------------------------------------------------------------------------------------------- */

static void add_owner(struct challenge_place *p)
{
    const struct subject_row *row = p->job->row;
    char owner[NAME_MAX_LEN + 2];

    snprintf(owner, sizeof owner, "_acme-challenge.%.*s.", NAME_MAX_LEN - 16, p->name);
    add_link(p, owner);
    snprintf(p->links[0].zone, sizeof p->links[0].zone, "%s.", row->zone);
    p->links[0].dns = row->dns;
    p->links[0].servers = row->servers;
    p->links[0].visible = row->visible;
}

/* Nobody may be asked: the CNAME record is taken for granted, as place_rules_end() advises it. */
static void go_unasked(struct challenge_place *p)
{
    char target[2 * NAME_MAX_LEN];
    struct cs_error err;

    snprintf(target, sizeof target, "%s.%s.", p->name, place_rules_zone(p));
    if (place_rules_target(p, target, &err) < 0) {
        fail(p, &err);
        return;
    }
    add_link(p, target);
    look_up(p);
}

static void search(struct challenge_place *p)
{
    const struct subject_row *row = p->job->row;

    if (strlen(p->name) + strlen("_acme-challenge.") > NAME_MAX_LEN) {
        struct cs_error err;

        cs_fail(&err, CS_EINPUT, "a challenge for %.100s… would be at a name of more than %d characters", p->name,
                NAME_MAX_LEN);
        fail(p, &err);
        return;
    }
    add_owner(p);
    if (strcmp(place_rules_zone(p), row->zone) == 0 || (!place_rules_zone(p)[0] && row->visible == CS_VISIBLE_OFF))
        succeed(p);
    else if (place_rules_zone(p)[0] && place_rules_in(p->links[0].name, place_rules_zone(p)))
        look_up(p);
    else if (row->visible == CS_VISIBLE_OFF)
        go_unasked(p);
    else
        ask(p);
}

struct challenge_place *challenge_place_of(struct job *job, const char *name)
{
    struct challenge_place *p = job->places;

    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->all = job->heart->places;
    p->job = job;
    p->state = PLACE_SEARCHED;
    p->last = &p->first;
    p->next = job->places;
    job->places = p;
    snprintf(p->name, sizeof p->name, "%s", name);
    step_reached(STEP_PLACING, job->id);
    search(p);
    return p;
}

void challenge_place_await(struct challenge_place *place, struct place_waiter *waiter, void *arg)
{
    assert(place->state == PLACE_SEARCHED);
    waiter->next = NULL;
    waiter->arg = arg;
    *place->last = waiter;
    place->last = &waiter->next;
}

void challenge_places_expect(struct job *job)
{
    for (size_t i = 0; i < job->csr.n_names && i < EXPECTED; i++)
        challenge_place_of(job, strncmp(job->csr.names[i], "*.", 2) == 0 ? job->csr.names[i] + 2 : job->csr.names[i]);
}

static void drop(struct challenge_place *p)
{
    struct place_waiter *next;

    alias_cancel(p->asking);
    if (p->reading)
        p->reading->place = NULL;
    for (struct place_waiter *w = p->first; w; w = next) {
        next = w->next;
        w->dropped(w->arg);
    }
    cut(p, 0);
    free(p);
}

void challenge_places_drop(struct job *job)
{
    while (job->places) {
        struct challenge_place *p = job->places;

        job->places = p->next;
        drop(p);
    }
}

struct challenge_places *challenge_places_new(struct heart *heart)
{
    struct challenge_places *all = calloc(1, sizeof *all);

    if (all)
        all->heart = heart;
    return all;
}

void challenge_places_free(struct challenge_places *all)
{
    free(all);
}

size_t challenge_places_busy(const struct challenge_places *all)
{
    return all->busy;
}
