/*
 * What is served from the settings: zones and their records, checked and in wire form. Made once by builtin.c, never changed
 * afterwards, so that every thread may read it.
 */
#ifndef DNS_BUILTIN_ZONES_H
#define DNS_BUILTIN_ZONES_H

#include <countersign/plugin.h>

#include "key.h"

enum rr_type { RR_A = 1, RR_NS = 2, RR_SOA = 6, RR_TXT = 16, RR_AAAA = 28, RR_DS = 43, RR_CAA = 257 };

/* Records of one owner and type (RFC 2181 5). */
struct rrset {
    struct rrset *next; /* of the same owner */
    uint16_t type;
    uint32_t ttl;
    size_t n;
    size_t len;
    uint8_t *rdata; /* n times: length in 16 bits, then as many bytes; names uncompressed */
};

struct zone {
    struct key key;
    uint8_t apex[255]; /* wire form, lower case */
    size_t apex_len;
    const struct rrset *soa;
    uint32_t negative_ttl;     /* RFC 2308 5: the smaller of SOA's TTL and MINIMUM */
    const struct zone *parent; /* the next zone of ours above, or NULL             */
};

/* An owner with records from the settings. */
struct entry {
    struct key key;
    struct rrset *sets;
};

struct zones {
    struct zone *zones; /* sorted by key */
    size_t n_zones;
    struct entry *entries; /* sorted by key */
    size_t n_entries;
};

struct zones_text {
    struct cs_strings zones;   /* "go.example.com" */
    struct cs_strings ns;      /* "ns1.go.example.com 203.0.113.5 2001:db8::5" */
    struct cs_strings records; /* one line each as in a zone file (RFC 1035 5.1), names in full */
    const char *contact;       /* "hostmaster@example.com"; "": hostmaster@ZONE */
    const char *own_addresses; /* "ADDRESS …": where we listen; "ns1.ZONE" is there when no `ns` is given. "": unknown */
    uint32_t ttl, negative_ttl, serial;
};

/* NULL and CS_ECONFIG: which setting is wrong, and what it should be. */
struct zones *zones_new(const struct zones_text *text, struct cs_error *err);
void zones_free(struct zones *zones); /* NULL is allowed */

/* The deepest zone that `key` lies in, or NULL. */
const struct zone *zones_find(const struct zones *zones, const struct key *key);

/* The records from the settings at `key`, or NULL. */
const struct rrset *zones_set(const struct zones *zones, const struct key *key, uint16_t type);

/* The set of that type, or NULL. */
const struct rrset *rrset_find(const struct rrset *sets, uint16_t type);

/* While they are made: add a record; and read a host name (text_len bytes) into wire form, lower case. */
int zones_add(struct zones *zones, const struct key *key, uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t len,
              struct cs_error *err);
int zones_name(uint8_t wire[255], size_t *len, const char *text, size_t text_len, struct cs_error *err);

#endif
