/*
 * NS records and addresses from the settings; see name_servers.h.
 */
#include "name_servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/dns_packet.h"

struct name_server {
    uint8_t wire[255];
    size_t len;
    struct key key;
};

static int add_address(struct zones *zones, const struct name_server *ns, const char *word, size_t len, uint32_t ttl,
                       struct cs_error *err)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];

    snprintf(text, sizeof text, "%.*s", (int)len, word);
    if (len < sizeof text && inet_pton(AF_INET, text, address) == 1)
        return zones_add(zones, &ns->key, RR_A, ttl, address, 4, err);
    if (len < sizeof text && inet_pton(AF_INET6, text, address) == 1)
        return zones_add(zones, &ns->key, RR_AAAA, ttl, address, 16, err);
    return cs_fail(err, CS_ECONFIG, "\"%.*s\" is not an IPv4 or IPv6 address", (int)len, word);
}

static int add_addresses(struct zones *zones, const struct name_server *ns, const char *words, uint32_t ttl,
                         struct cs_error *err)
{
    words += strspn(words, " \t");
    if (*words && !zones_find(zones, &ns->key))
        return cs_fail(err, CS_ECONFIG, "the name lies outside the zones: its addresses are not ours to serve, leave them off");
    while (*words) {
        size_t len = strcspn(words, " \t");

        if (add_address(zones, ns, words, len, ttl, err) < 0)
            return -1;
        words += len;
        words += strspn(words, " \t");
    }
    return 0;
}

static int add_line(struct zones *zones, const char *line, uint32_t ttl, struct cs_error *err)
{
    struct name_server ns;
    size_t name_len;

    line += strspn(line, " \t");
    name_len = strcspn(line, " \t");
    if (zones_name(ns.wire, &ns.len, line, name_len, err) < 0)
        return -1;
    key_from_wire(&ns.key, ns.wire);
    for (size_t i = 0; i < zones->n_zones; i++)
        if (zones_add(zones, &zones->zones[i].key, RR_NS, ttl, ns.wire, (uint16_t)ns.len, err) < 0)
            return -1;
    return add_addresses(zones, &ns, line + name_len, ttl, err);
}

/* Nobody said which: ns1 of the zone, at the addresses that we listen on. */
static int add_own(struct zones *zones, const struct zone *zone, const struct zones_text *text, struct cs_error *err)
{
    struct name_server ns = { .wire = { 3, 'n', 's', '1' } };
    char name[1024];

    dns_name_from_wire(name, zone->apex, zone->apex_len);
    if (!text->own_addresses[0] || zone->apex_len + 4 > sizeof ns.wire)
        return cs_fail(err, CS_ECONFIG,
                       "zone %s has no name server: set ns = ( \"ns1.%s ADDRESS\" ), with the address at which the world "
                       "reaches this server", name, name);
    memcpy(ns.wire + 4, zone->apex, zone->apex_len);
    ns.len = 4 + zone->apex_len;
    key_from_wire(&ns.key, ns.wire);
    if (zones_add(zones, &zone->key, RR_NS, text->ttl, ns.wire, (uint16_t)ns.len, err) < 0)
        return -1;
    return add_addresses(zones, &ns, text->own_addresses, text->ttl, err);
}

static int check_targets(const struct zones *zones, const struct rrset *set, struct cs_error *err)
{
    const uint8_t *at = set->rdata;

    for (size_t i = 0; i < set->n; i++) {
        size_t len = (size_t)(at[0] << 8 | at[1]);
        struct key key;
        char name[1024];

        key_from_wire(&key, at + 2);
        if (zones_find(zones, &key) && !zones_set(zones, &key, RR_A) && !zones_set(zones, &key, RR_AAAA)) {
            dns_name_from_wire(name, at + 2, len);
            return cs_fail(err, CS_ECONFIG, "name server %s lies in a zone of ours but has no address: write \"%s ADDRESS\"",
                           name, name);
        }
        at += 2 + len;
    }
    return 0;
}

int name_servers_add(struct zones *zones, const struct zones_text *text, struct cs_error *err)
{
    for (size_t i = 0; i < text->ns.n; i++)
        if (add_line(zones, text->ns.v[i], text->ttl, err) < 0)
            return cs_fail_in(err, "ns: %.60s", text->ns.v[i]);
    for (size_t i = 0; i < zones->n_zones; i++) {
        const struct zone *zone = &zones->zones[i];

        if (!zones_set(zones, &zone->key, RR_NS) && add_own(zones, zone, text, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < zones->n_zones; i++)
        if (check_targets(zones, zones_set(zones, &zones->zones[i].key, RR_NS), err) < 0)
            return cs_fail_in(err, "ns");
    return 0;
}
