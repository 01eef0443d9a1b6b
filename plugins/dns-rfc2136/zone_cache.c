/*
 * Names and their zones; see zone_cache.h.
 */
#include "zone_cache.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/dns_reader.h"

struct cached {
    struct wire_name owner; /* the key, in a search: somebody else's bytes */
    int64_t until_ms;
    size_t zone_at; /* the zone is the end of the owner */
    uint8_t bytes[DNS_NAME_MOST];
};

static int compare(const void *a, const void *b)
{
    const struct cached *x = a, *y = b;

    if (x->owner.len != y->owner.len)
        return x->owner.len < y->owner.len ? -1 : 1;
    return memcmp(x->owner.at, y->owner.at, x->owner.len);
}

bool zone_cache_find(const struct zone_cache *cache, struct wire_name owner, int64_t now_ms, uint8_t *zone, size_t *zone_len)
{
    const struct cached key = { .owner = owner };
    struct cached *const *found = tfind(&key, &cache->tree, compare);

    if (!found || (*found)->until_ms <= now_ms)
        return false;
    *zone_len = (*found)->owner.len - (*found)->zone_at;
    memcpy(zone, (*found)->bytes + (*found)->zone_at, *zone_len);
    return true;
}

void zone_cache_forget(struct zone_cache *cache, struct wire_name owner)
{
    const struct cached key = { .owner = owner };
    struct cached *const *found = tfind(&key, &cache->tree, compare);
    struct cached *entry = found ? *found : NULL;

    if (!entry)
        return;
    tdelete(entry, &cache->tree, compare);
    free(entry);
    cache->n--;
}

void zone_cache_put(struct zone_cache *cache, struct wire_name owner, struct wire_name zone, int64_t now_ms)
{
    struct cached *entry;

    zone_cache_forget(cache, owner);
    if (cache->n >= ZONE_CACHE_MOST)
        zone_cache_clear(cache);
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return;
    memcpy(entry->bytes, owner.at, owner.len);
    entry->owner = (struct wire_name){ entry->bytes, owner.len };
    entry->zone_at = owner.len - zone.len;
    entry->until_ms = now_ms + ZONE_CACHE_MS;
    if (tsearch(entry, &cache->tree, compare))
        cache->n++;
    else
        free(entry);
}

void zone_cache_clear(struct zone_cache *cache)
{
    tdestroy(cache->tree, free);
    *cache = (struct zone_cache){ .tree = NULL };
}
