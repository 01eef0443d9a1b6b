/*
 * From the settings to zones and records in wire form; see zones.h. Called by builtin.c, read by answer.c. The list of name
 * servers is name_servers.c's.
 */
#include "zones.h"

#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "name_servers.h"
#include "record.h"

enum { SET_MOST = 60000 /* bytes, so that a set fits into one answer */ };
enum { REFRESH = 7200, RETRY = 3600, EXPIRE = 1209600 /* seconds; for secondaries, which cannot transfer from us anyway */ };

/* ---- Records -------------------------------------------------------------------------------------------------------- */

const struct rrset *rrset_find(const struct rrset *sets, uint16_t type)
{
    while (sets && sets->type != type)
        sets = sets->next;
    return sets;
}

/* Where `key` is or belongs in the sorted entries. */
static size_t entry_place(const struct zones *zones, const struct key *key, bool *found)
{
    size_t low = 0, high = zones->n_entries;

    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        const struct key *other = &zones->entries[middle].key;
        int order = key_compare(key->at, key->len, other->at, other->len);

        if (order == 0)
            *found = true;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static struct entry *entry_at(struct zones *zones, const struct key *key, struct cs_error *err)
{
    bool found;
    size_t place = entry_place(zones, key, &found);
    struct entry *entries;

    if (found)
        return &zones->entries[place];
    entries = realloc(zones->entries, (zones->n_entries + 1) * sizeof *entries);
    if (!entries) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    zones->entries = entries;
    memmove(entries + place + 1, entries + place, (zones->n_entries - place) * sizeof *entries);
    zones->n_entries++;
    entries[place] = (struct entry){ .key = *key };
    return &entries[place];
}

const struct rrset *zones_set(const struct zones *zones, const struct key *key, uint16_t type)
{
    bool found;
    size_t place = entry_place(zones, key, &found);

    return found ? rrset_find(zones->entries[place].sets, type) : NULL;
}

static struct rrset *set_of(struct zones *zones, const struct key *key, uint16_t type, uint32_t ttl, struct cs_error *err)
{
    struct entry *entry = entry_at(zones, key, err);
    struct rrset *set;

    if (!entry)
        return NULL;
    for (set = entry->sets; set; set = set->next)
        if (set->type == type)
            return set;
    set = calloc(1, sizeof *set);
    if (!set) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    *set = (struct rrset){ .next = entry->sets, .type = type, .ttl = ttl };
    entry->sets = set;
    return set;
}

static bool set_has(const struct rrset *set, const uint8_t *rdata, uint16_t len)
{
    const uint8_t *at = set->rdata;

    for (size_t i = 0; i < set->n; i++) {
        uint16_t other = (uint16_t)(at[0] << 8 | at[1]);

        if (other == len && memcmp(at + 2, rdata, len) == 0)
            return true;
        at += 2 + other;
    }
    return false;
}

int zones_add(struct zones *zones, const struct key *key, uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t len,
              struct cs_error *err)
{
    struct rrset *set = set_of(zones, key, type, ttl, err);
    uint8_t *grown;

    if (!set)
        return -1;
    if (set->ttl != ttl)
        return cs_fail(err, CS_ECONFIG, "records of one owner and type need one TTL (RFC 2181 5.2): there are %u and %u",
                       set->ttl, ttl);
    if (set_has(set, rdata, len))
        return 0;
    if (type == RR_SOA && set->n > 0)
        return cs_fail(err, CS_ECONFIG, "a zone has one SOA record");
    if (set->len + 2 + len > SET_MOST)
        return cs_fail(err, CS_ECONFIG, "more than %d bytes of records of one owner and type do not fit into an answer",
                       SET_MOST);
    grown = realloc(set->rdata, set->len + 2 + len);
    if (!grown)
        return cs_fail(err, CS_EBUSY, "no memory");
    set->rdata = grown;
    grown[set->len] = (uint8_t)(len >> 8);
    grown[set->len + 1] = (uint8_t)len;
    memcpy(grown + set->len + 2, rdata, len);
    set->len += 2 + (size_t)len;
    set->n++;
    return 0;
}

/* ---- Zones ---------------------------------------------------------------------------------------------------------- */

int zones_name(uint8_t wire[255], size_t *len, const char *text, size_t text_len, struct cs_error *err)
{
    char name[1024];
    int n = -1;

    if (text_len < sizeof name) {
        memcpy(name, text, text_len);
        name[text_len] = '\0';
        n = dns_name_to_wire(wire, name);
    }
    for (size_t i = 0; n > 0 && i < text_len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", name[i]))
            n = -1;
    if (n <= 1)
        return cs_fail(err, CS_ECONFIG, "\"%.*s\" is not a DNS name", (int)text_len, text);
    for (int i = 0; i < n; i++)
        if (wire[i] >= 'A' && wire[i] <= 'Z')
            wire[i] = (uint8_t)(wire[i] + 32);
    *len = (size_t)n;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct zone *one = a, *other = b;

    return key_compare(one->key.at, one->key.len, other->key.at, other->key.len);
}

static int read_zones(struct zones *zones, const struct cs_strings *names, struct cs_error *err)
{
    if (names->n == 0)
        return cs_fail(err, CS_ECONFIG, "zones: name at least one zone, such as \"go.example.com\"");
    zones->zones = calloc(names->n, sizeof *zones->zones);
    if (!zones->zones)
        return cs_fail(err, CS_EBUSY, "no memory");
    for (size_t i = 0; i < names->n; i++) {
        struct zone *zone = &zones->zones[i];

        if (zones_name(zone->apex, &zone->apex_len, names->v[i], strlen(names->v[i]), err) < 0)
            return cs_fail_in(err, "zones");
        key_from_wire(&zone->key, zone->apex);
    }
    zones->n_zones = names->n;
    qsort(zones->zones, zones->n_zones, sizeof *zones->zones, by_key);
    for (size_t i = 1; i < zones->n_zones; i++) {
        struct zone *zone = &zones->zones[i];
        const struct zone *above = &zones->zones[i - 1];

        if (by_key(zone, above) == 0)
            return cs_fail(err, CS_ECONFIG, "zones: a zone is named twice");
        while (above && !key_is_in(zone->key.at, zone->key.len, above->key.at, above->key.len))
            above = above->parent;
        zone->parent = above;
    }
    return 0;
}

/* Sorted, an ancestor stands before its descendants: the last zone not behind `key` is the deepest, or lies in the deepest. */
const struct zone *zones_find(const struct zones *zones, const struct key *key)
{
    size_t low = 0, high = zones->n_zones;
    const struct zone *zone;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct key *other = &zones->zones[middle].key;

        if (key_compare(key->at, key->len, other->at, other->len) < 0)
            high = middle;
        else
            low = middle + 1;
    }
    zone = low > 0 ? &zones->zones[low - 1] : NULL;
    while (zone && !key_is_in(key->at, key->len, zone->key.at, zone->key.len))
        zone = zone->parent;
    return zone;
}

static int add_record(struct zones *zones, const struct record *record, struct cs_error *err)
{
    const struct zone *zone;
    struct key key;

    key_from_wire(&key, record->owner);
    zone = zones_find(zones, &key);
    if (!zone)
        return cs_fail(err, CS_ECONFIG, "the owner lies in none of the zones; write names in full");
    if (record->owner[0] == 1 && record->owner[1] == '*')
        return cs_fail(err, CS_ECONFIG, "wildcard records are not served");
    if ((record->type == RR_NS || record->type == RR_SOA) && key.len != zone->key.len)
        return cs_fail(err, CS_ECONFIG, "%s records belong to the zone's own name: there are no delegations here",
                       record->type == RR_NS ? "NS" : "SOA");
    return zones_add(zones, &key, record->type, record->ttl, record->rdata, record->len, err);
}

static int read_records(struct zones *zones, const struct zones_text *text, struct cs_error *err)
{
    for (size_t i = 0; i < text->records.n; i++) {
        struct record record;
        int rc = record_parse(&record, text->records.v[i], text->ttl, err);

        if (rc == 0)
            rc = add_record(zones, &record, err);
        free(record.wire);
        if (rc < 0)
            return cs_fail_in(err, "records: %.60s", text->records.v[i]);
    }
    return 0;
}

/* ---- SOA ------------------------------------------------------------------------------------------------------------ */

/* "first.last@example.com" is the name first\.last.example.com (RFC 1035 8). */
static int contact_to_wire(uint8_t wire[255], size_t *len, const char *contact, const struct zone *zone, struct cs_error *err)
{
    size_t local = strcspn(contact, "@");
    uint8_t domain[255];
    size_t domain_len = zone->apex_len;

    memcpy(domain, zone->apex, zone->apex_len);
    if (!contact[0]) {
        contact = "hostmaster";
        local = strlen(contact);
    } else if (contact[local] != '@') {
        return cs_fail(err, CS_ECONFIG, "contact: write an address such as \"hostmaster@example.com\"");
    } else if (zones_name(domain, &domain_len, contact + local + 1, strlen(contact + local + 1), err) < 0) {
        return cs_fail_in(err, "contact");
    }
    if (local == 0 || local > 63 || local + 1 + domain_len > 255)
        return cs_fail(err, CS_ECONFIG, "contact: the part before the @ is empty or too long");
    wire[0] = (uint8_t)local;
    memcpy(wire + 1, contact, local);
    memcpy(wire + 1 + local, domain, domain_len);
    *len = 1 + local + domain_len;
    return 0;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* RFC 1035 3.3.13. MNAME is the first of the zone's NS records. */
static int add_soa(struct zones *zones, struct zone *zone, const struct zones_text *text, struct cs_error *err)
{
    const struct rrset *ns = zones_set(zones, &zone->key, RR_NS);
    const uint32_t numbers[5] = { text->serial, REFRESH, RETRY, EXPIRE, text->negative_ttl };
    uint8_t rdata[255 + 255 + 20];
    size_t mname_len = (size_t)(ns->rdata[0] << 8 | ns->rdata[1]), rname_len = 0;

    memcpy(rdata, ns->rdata + 2, mname_len);
    if (contact_to_wire(rdata + mname_len, &rname_len, text->contact, zone, err) < 0)
        return -1;
    for (size_t i = 0; i < 5; i++)
        put32(rdata + mname_len + rname_len + 4 * i, numbers[i]);
    return zones_add(zones, &zone->key, RR_SOA, text->ttl, rdata, (uint16_t)(mname_len + rname_len + 20), err);
}

static int finish_zone(struct zones *zones, struct zone *zone, const struct zones_text *text, struct cs_error *err)
{
    const uint8_t *minimum;
    uint32_t value;

    if (!zones_set(zones, &zone->key, RR_SOA) && add_soa(zones, zone, text, err) < 0)
        return -1;
    zone->soa = zones_set(zones, &zone->key, RR_SOA);
    minimum = zone->soa->rdata + zone->soa->len - 4;
    value = (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 | (uint32_t)minimum[2] << 8 | minimum[3];
    zone->negative_ttl = value < zone->soa->ttl ? value : zone->soa->ttl;
    return 0;
}

struct zones *zones_new(const struct zones_text *text, struct cs_error *err)
{
    struct zones *zones = calloc(1, sizeof *zones);

    if (!zones) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    if (read_zones(zones, &text->zones, err) < 0 || read_records(zones, text, err) < 0 ||
        name_servers_add(zones, text, err) < 0) {
        zones_free(zones);
        return NULL;
    }
    for (size_t i = 0; i < zones->n_zones; i++) {
        if (finish_zone(zones, &zones->zones[i], text, err) < 0) {
            zones_free(zones);
            return NULL;
        }
    }
    return zones;
}

void zones_free(struct zones *zones)
{
    if (!zones)
        return;
    for (size_t i = 0; i < zones->n_entries; i++) {
        while (zones->entries[i].sets) {
            struct rrset *set = zones->entries[i].sets;

            zones->entries[i].sets = set->next;
            free(set->rdata);
            free(set);
        }
    }
    free(zones->entries);
    free(zones->zones);
    free(zones);
}
