/* A snapshot of dns-builtin for tests: its parts put together without a server. */
#ifndef FAKES_DNS_SNAPSHOT_H
#define FAKES_DNS_SNAPSHOT_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/dns_packet.h"
#include "shelf.h"

struct served {
    struct zones *zones;
    struct table *table;
    struct shelf shelf;
};

static inline struct key key_of(const char *name)
{
    uint8_t wire[255];
    struct key key;

    if (dns_name_to_wire(wire, name) < 0)
        abort();
    key_from_wire(&key, wire);
    return key;
}

static inline int serve_zones(struct served *s, const struct zones_text *text, struct cs_error *err)
{
    *s = (struct served){ .zones = zones_new(text, err) };
    if (!s->zones)
        return -1;
    s->table = table_new();
    for (size_t i = 0; i < s->zones->n_entries; i++)
        if (table_add_fixed(s->table, &s->zones->entries[i].key, s->zones->entries[i].sets, err) < 0)
            return -1;
    return shelf_publish(&s->shelf, s->zones, s->table, err);
}

static inline void serve_nothing(struct served *s)
{
    if (s->table)
        shelf_clear(&s->shelf, s->table);
    table_free(s->table);
    zones_free(s->zones);
    *s = (struct served){ 0 };
}

/* One value at an owner; `gone`: take it away instead. */
static inline int serve_txt(struct served *s, const char *owner, const char *value, bool gone, uint32_t ttl, int64_t expires_ms)
{
    const char *const values[] = { value };
    struct key key = key_of(owner);
    const struct table_edit edit = { .want = values, .n_want = gone ? 0 : 1, .gone = values, .n_gone = gone ? 1 : 0, .ttl = ttl,
                                     .expires_ms = expires_ms, .now_ms = 0, .max_values = 20 };

    if (table_edit(s->table, &key, &edit, NULL) < 0)
        return -1;
    return shelf_publish(&s->shelf, s->zones, s->table, NULL);
}

#endif
