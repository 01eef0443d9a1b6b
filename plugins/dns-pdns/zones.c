/*
 * Which zone a name lies in; see zones.h. Each name that was asked for is an entry: a zone, not one, or being asked. A search
 * waits for one entry at a time, the longest that is still open, while those above are asked beside it.
 */
#include "zones.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "reply.h"

#define NOT_A_ZONE_MS (60 * INT64_C(1000)) /* a zone made meanwhile is seen after that */
#define ASKED_BESIDE  6                    /* names at a time for one search */
#define SWEEP_EVERY   1000                 /* new entries */

enum zones_state { UNKNOWN, ASKING, IS_ZONE, NO_ZONE };

struct zones_search {
    struct zones *zones;
    struct zones_search *next, **link; /* of those who wait for the same entry */
    char *owner;
    zones_fn *fn;
    void *arg;
    struct cs_timer *timer; /* the result is known, and told from the loop */
};

struct known {
    struct known *next;
    struct zones *zones;
    char *name;
    enum zones_state state;
    int64_t until_ms;
    char *id;
    bool secondary;
    struct api_call *call;
    struct zones_search *waiting;
};

struct zones {
    struct pdns *pdns;
    void *by_name; /* tsearch() */
    struct known *all;
    int since_sweep;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->name, ((const struct known *)b)->name);
}

/* The name above: behind the first label. NULL: that would be the root. */
static const char *parent(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot && dot[1] ? dot + 1 : NULL;
}

static enum zones_state state_of(const struct known *entry)
{
    if (!entry)
        return UNKNOWN;
    if (entry->state != ASKING && cs_now_ms() >= entry->until_ms)
        return UNKNOWN;
    return entry->state;
}

static struct known *find(struct zones *zones, const char *name)
{
    const struct known key = { .name = (char *)name };
    struct known *const *found = tfind(&key, &zones->by_name, compare);

    return found ? *found : NULL;
}

static void free_known(struct known *entry)
{
    tdelete(entry, &entry->zones->by_name, compare);
    api_cancel(entry->call);
    free(entry->name);
    free(entry->id);
    free(entry);
}

/* Throw away what is not known any more, so that the names of years do not pile up. */
static void sweep(struct zones *zones)
{
    zones->since_sweep = 0;
    for (struct known **at = &zones->all; *at;) {
        struct known *entry = *at;

        if (state_of(entry) != UNKNOWN || entry->waiting) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        free_known(entry);
    }
}

static struct known *add(struct zones *zones, const char *name)
{
    struct known *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    entry->zones = zones;
    entry->name = text_copy(name);
    if (!entry->name || !tsearch(entry, &zones->by_name, compare)) {
        free(entry->name);
        free(entry);
        return NULL;
    }
    entry->next = zones->all;
    zones->all = entry;
    return entry;
}

/* ---- Searches ---- */

static void join(struct zones_search *search, struct known *entry)
{
    search->next = entry->waiting;
    if (search->next)
        search->next->link = &search->next;
    search->link = &entry->waiting;
    entry->waiting = search;
}

static void leave(struct zones_search *search)
{
    if (!search->link)
        return;
    *search->link = search->next;
    if (search->next)
        search->next->link = search->link;
    search->link = NULL;
    search->next = NULL;
}

static void free_search(struct zones_search *search)
{
    leave(search);
    cs_timer_stop(search->timer);
    free(search->owner);
    free(search);
}

static void finish(struct zones_search *search, const struct zones_found *found, const struct cs_error *err)
{
    zones_fn *fn = search->fn;
    void *arg = search->arg;

    free_search(search);
    fn(arg, found, err);
}

static void finish_with(struct zones_search *search, const struct known *entry)
{
    struct cs_error err = { 0 };

    if (!entry->secondary) {
        finish(search, &(struct zones_found){ .name = entry->name, .id = entry->id }, NULL);
        return;
    }
    cs_fail_as(&err, CS_ECONFIG, "dns-secondary", "it is a secondary for %.255s: set `api` to the primary", entry->name);
    finish(search, NULL, &err);
}

static void finish_without(struct zones_search *search)
{
    struct cs_error err = { 0 };

    cs_fail_as(&err, CS_ECONFIG, "dns-no-zone",
               "it has no zone for %.255s: make one there, or correct `dns` in the row of the "
               "zone table",
               search->owner);
    finish(search, NULL, &err);
}

static int ask(struct known *entry);

/* Ask what is not known of the names that come next, so that their answers are there when their turn comes. */
static void ask_beside(struct zones *zones, const char *name)
{
    for (int n = 0; name && n < ASKED_BESIDE; n++, name = parent(name)) {
        struct known *entry = find(zones, name);

        if (state_of(entry) == IS_ZONE)
            return;
        if (state_of(entry) != UNKNOWN)
            continue;
        if (!entry)
            entry = add(zones, name);
        if (!entry || ask(entry) < 0)
            return;
    }
}

/* The first name, from the longest, that is not known to be no zone. NULL: none is one. */
static const char *first_open(struct zones *zones, const char *name)
{
    while (name && state_of(find(zones, name)) == NO_ZONE)
        name = parent(name);
    return name;
}

static void fail_search(struct zones_search *search)
{
    finish(search, NULL, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory, or stopping" });
}

static void go_on(struct zones_search *search)
{
    struct zones *zones = search->zones;
    const char *name = first_open(zones, search->owner);
    struct known *entry;

    if (name && state_of(find(zones, name)) == UNKNOWN)
        ask_beside(zones, name);
    entry = name ? find(zones, name) : NULL;
    switch (state_of(entry)) {
    case IS_ZONE:
        finish_with(search, entry);
        break;
    case ASKING:
        join(search, entry);
        break;
    case NO_ZONE:
    case UNKNOWN:
        if (name)
            fail_search(search);
        else
            finish_without(search);
        break;
    }
}

/* ---- Asking ---- */

static void tell(struct known *entry, const struct cs_error *err)
{
    struct zones_search *all = entry->waiting;

    /* Those who are told may start or cancel searches: take one at a time, out of a list of its own. */
    entry->waiting = NULL;
    if (all)
        all->link = &all;
    while (all) {
        struct zones_search *search = all;

        leave(search);
        if (err)
            finish(search, NULL, err);
        else
            go_on(search);
    }
}

static int take_answer(struct known *entry, const struct cs_http_reply *reply, struct cs_error *err)
{
    struct reply_zone zone;

    if (reply_read_zone(&zone, reply->body, reply->body_len, entry->name, err) < 0)
        return -1;
    free(entry->id);
    entry->id = zone.found ? text_copy(zone.id) : NULL;
    if (zone.found && !entry->id)
        return cs_fail(err, CS_EBUSY, "out of memory");
    entry->secondary = zone.secondary;
    entry->state = zone.found ? IS_ZONE : NO_ZONE;
    entry->until_ms = cs_now_ms() + (zone.found && !zone.secondary ? entry->zones->pdns->conf->zone_cache : NOT_A_ZONE_MS);
    return 0;
}

/* A name that PowerDNS does not take for one ("unsupported characters") is no zone of it. */
static bool is_no_name(const struct api_failure *failure)
{
    return failure->status == 422 || failure->status == 400;
}

static void on_zone(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure)
{
    struct known *entry = arg;
    struct cs_error err = { 0 };

    entry->call = NULL;
    entry->state = UNKNOWN;
    if (reply && take_answer(entry, reply, &err) == 0) {
        tell(entry, NULL);
    } else if (!reply && is_no_name(failure)) {
        entry->state = NO_ZONE;
        entry->until_ms = cs_now_ms() + NOT_A_ZONE_MS;
        tell(entry, NULL);
    } else {
        tell(entry, reply ? &err : &failure->err);
    }
}

static int ask(struct known *entry)
{
    struct text path = TEXT_MAX(2000);
    struct api_want want = { .method = "GET" };

    text_add(&path, "/zones?dnssec=false&zone=");
    api_add_escaped(&path, entry->name);
    want.path = text_of(&path);
    if (!text_failed(&path))
        entry->call = api_send(entry->zones->pdns, &want, on_zone, entry);
    text_free(&path);
    if (!entry->call)
        return -1;
    entry->state = ASKING;
    return 0;
}

/* ---- For step.c ---- */

bool zones_known(struct zones *zones, const char *owner, struct zones_found *out)
{
    const char *name = first_open(zones, owner);
    const struct known *entry = name ? find(zones, name) : NULL;

    if (state_of(entry) != IS_ZONE || entry->secondary)
        return false;
    *out = (struct zones_found){ .name = entry->name, .id = entry->id };
    return true;
}

static void on_told_later(void *arg)
{
    struct zones_search *search = arg;

    search->timer = NULL;
    go_on(search);
}

static void begin(struct zones_search *search)
{
    const char *name = first_open(search->zones, search->owner);

    if (name && state_of(find(search->zones, name)) == UNKNOWN)
        ask_beside(search->zones, name);
    if (name && state_of(find(search->zones, name)) == ASKING)
        join(search, find(search->zones, name));
    else
        search->timer = cs_timer_start(search->zones->pdns->in, 0, on_told_later, search);
}

struct zones_search *zones_find(struct zones *zones, const char *owner, zones_fn *fn, void *arg)
{
    struct zones_search *search = calloc(1, sizeof *search);

    if (!search)
        return NULL;
    *search = (struct zones_search){ .zones = zones, .owner = text_copy(owner), .fn = fn, .arg = arg };
    if (++zones->since_sweep >= SWEEP_EVERY)
        sweep(zones);
    if (search->owner)
        begin(search);
    if (search->link || search->timer)
        return search;
    free_search(search);
    return NULL;
}

void zones_cancel(struct zones_search *search)
{
    if (search)
        free_search(search);
}

void zones_forget(struct zones *zones, const char *owner)
{
    for (const char *name = owner; name; name = parent(name)) {
        struct known *entry = find(zones, name);

        if (entry && entry->state != ASKING)
            entry->until_ms = 0;
    }
}

struct zones *zones_new(struct pdns *pdns)
{
    struct zones *zones = calloc(1, sizeof *zones);

    if (zones)
        zones->pdns = pdns;
    return zones;
}

void zones_free(struct zones *zones)
{
    while (zones && zones->all) {
        struct known *entry = zones->all;

        zones->all = entry->next;
        free_known(entry);
    }
    free(zones);
}
