/*
 * Remembers for some minutes which zone a name lies in. Called by change.c.
 */
#ifndef DNS_RFC2136_ZONE_CACHE_H
#define DNS_RFC2136_ZONE_CACHE_H

#include <countersign/plugin.h>

#include "wire_name.h"

enum { ZONE_CACHE_MS = 300000, ZONE_CACHE_MOST = 1024 };

struct zone_cache {
    void *tree;
    size_t n;
};

/* False: not known (any more). The names are in wire form, lower case; `zone` has room for 255 bytes. */
bool zone_cache_find(const struct zone_cache *cache, struct wire_name owner, int64_t now_ms, uint8_t *zone, size_t *zone_len);
/* A full cache, or no memory, forgets; that only costs a question. */
void zone_cache_put(struct zone_cache *cache, struct wire_name owner, struct wire_name zone, int64_t now_ms);
void zone_cache_forget(struct zone_cache *cache, struct wire_name owner);
void zone_cache_clear(struct zone_cache *cache);

#endif
