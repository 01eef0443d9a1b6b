/*
 * Zones and their ids; see visit_zones.h. There are as many as the operator's tables have zones.
 */
#include "records/visit_zones.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct visit_zones {
    void *by_name;
    struct visit_zone *first;
    size_t unstored;
};

struct visit_zones *visit_zones_new(void)
{
    return calloc(1, sizeof(struct visit_zones));
}

static void keep_node(void *node)
{
    (void)node;
}

void visit_zones_free(struct visit_zones *zones)
{
    struct visit_zone *next;

    if (!zones)
        return;
    tdestroy(zones->by_name, keep_node);
    for (struct visit_zone *zone = zones->first; zone; zone = next) {
        next = zone->next;
        free(zone);
    }
    free(zones);
}

/* The tree is of names, each the last member of its zone. */
static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct visit_zone *find(const struct visit_zones *zones, const char *name)
{
    char *const *found = tfind(name, &zones->by_name, compare);

    return found ? (struct visit_zone *)(void *)(*found - offsetof(struct visit_zone, name)) : NULL;
}

static struct visit_zone *add(struct visit_zones *zones, const char *name, uint64_t id, bool stored)
{
    const size_t len = strlen(name);
    struct visit_zone *zone = malloc(sizeof *zone + len + 1);

    if (!zone)
        return NULL;
    zone->id = id;
    zone->stored = stored;
    memcpy(zone->name, name, len + 1);
    if (!tsearch(zone->name, &zones->by_name, compare)) {
        free(zone);
        return NULL;
    }
    zone->next = zones->first;
    zones->first = zone;
    zones->unstored += !stored;
    return zone;
}

int visit_zones_add(struct visit_zones *zones, const char *name, uint64_t id, struct cs_error *err)
{
    return find(zones, name) || add(zones, name, id, true) ? 0 : cs_fail(err, CS_EBUSY, "no memory for the zones' ids");
}

const struct visit_zone *visit_zones_get(struct visit_zones *zones, const char *name, struct cs_error *err)
{
    struct visit_zone *zone = find(zones, name);
    uint64_t id;

    if (zone)
        return zone;
    if (getrandom(&id, sizeof id, 0) != sizeof id) {
        cs_fail(err, CS_EINTERNAL, "no random bytes for a zone's id: %s", strerror(errno));
        return NULL;
    }
    zone = add(zones, name, id, false);
    if (!zone)
        cs_fail(err, CS_EBUSY, "no memory for a zone's id");
    return zone;
}

void visit_zones_forget(struct visit_zones *zones, const char *name)
{
    struct visit_zone *zone = find(zones, name), **at = &zones->first;

    if (!zone)
        return;
    tdelete(zone->name, &zones->by_name, compare);
    while (*at != zone)
        at = &(*at)->next;
    *at = zone->next;
    zones->unstored -= !zone->stored;
    free(zone);
}

struct visit_zone *visit_zones_first(const struct visit_zones *zones)
{
    return zones->first;
}

size_t visit_zones_unstored(const struct visit_zones *zones)
{
    return zones->unstored;
}

void visit_zones_stored(struct visit_zones *zones, const char *name, uint64_t id)
{
    struct visit_zone *zone = find(zones, name);

    if (!zone || zone->id != id || zone->stored)
        return;
    zone->stored = true;
    zones->unstored--;
}
