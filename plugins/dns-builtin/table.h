/*
 * Which owners there are, and the TXT values that set_txt put there: a tree whose nodes never change once they are made. A
 * change copies the path to what it touches and shares the rest, so that the thread that answers keeps reading the tree it
 * began with. (A treap: a search tree over keys that random priorities keep balanced.) One thread writes; any thread reads a
 * root it was given.
 */
#ifndef DNS_BUILTIN_TABLE_H
#define DNS_BUILTIN_TABLE_H

#include <countersign/dns.h>

#include "key.h"

struct rrset;

struct value {
    int64_t expires_ms; /* wall clock */
    uint32_t ttl;
    uint16_t len;
    const uint8_t *rdata; /* of a TXT record */
};

struct owner {
    size_t refs;       /* the writer's */
    uint64_t priority; /* in the tree */
    const struct rrset *fixed; /* from the settings; the zones' */
    int64_t expires_ms;        /* of the first value to go; INT64_MAX: none */
    size_t n_values;
    struct value *values;
    size_t key_len;
    const uint8_t *key;
};

struct node {
    size_t refs;        /* the writer's */
    int64_t expires_ms; /* of the first value to go in this subtree */
    struct owner *owner;
    struct node *left, *right;
};

/* The writer's. */
struct table;
struct table *table_new(void); /* NULL: no memory, or no random numbers */
void table_free(struct table *table); /* every root is released; NULL is allowed */

int table_add_fixed(struct table *table, const struct key *key, const struct rrset *sets, struct cs_error *err);

/* What cs_txt_change says about one owner, with our defaults and limits filled in. */
struct table_edit {
    const char *const *want, *const *gone;
    size_t n_want, n_gone;
    uint32_t ttl;
    int64_t expires_ms, now_ms;
    size_t max_values;
};

enum { TABLE_VALUE_MOST = 2048 }; /* bytes of one TXT value */

/* -1: CS_ELIMIT (more than max_values), CS_EINPUT (a value too long), CS_EINTERNAL (no memory); the table is then as before. */
int table_edit(struct table *table, const struct key *key, const struct table_edit *edit, struct cs_error *err);

/* Forget values that have expired, a bounded number of owners at a time. Returns when to come again (wall clock ms), INT64_MAX
 * for never. Without memory it forgets later. */
int64_t table_purge(struct table *table, int64_t now_ms);

/* The tree as it is now, for readers; to be given back. NULL: empty. */
struct node *table_root(struct table *table);
void table_release(struct table *table, struct node *root);

/* Any thread. */
struct found {
    bool exists;               /* the name or a descendant is there: otherwise NXDOMAIN (RFC 8020) */
    const struct owner *owner; /* NULL: an empty non-terminal */
};
struct found table_find(const struct node *root, const struct key *key);

#endif
