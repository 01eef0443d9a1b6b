/*
 * The owners and their TXT values; see table.h. Written to by builtin.c, read by answer.c.
 */
#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A path is some 2 ln(n) nodes long, 28 for a million owners; twice that for a change. Nobody meets 512. */
enum { SPARE_NODES = 512, PURGE_AT_ONCE = 100 };

struct table {
    struct node *root;
    struct node *spare; /* chained by `left` */
    size_t n_spare;
    uint64_t random;
};

struct table *table_new(void)
{
    struct table *table = calloc(1, sizeof *table);

    if (table && getrandom(&table->random, sizeof table->random, 0) != sizeof table->random) {
        free(table);
        return NULL;
    }
    if (table)
        table->random |= 1;
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    table_release(table, table->root);
    while (table->spare) {
        struct node *next = table->spare->left;

        free(table->spare);
        table->spare = next;
    }
    free(table);
}

/* xorshift64: unknown to those who choose names, which is all that the balance needs. */
static uint64_t next_random(struct table *table)
{
    table->random ^= table->random << 13;
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    return table->random;
}

/* ---- Owners ------------------------------------------------------------------------------------------------------- */

static struct owner *owner_new(const struct key *key, const struct rrset *fixed, const struct value *values, size_t n)
{
    size_t bytes = 0;
    struct owner *owner;
    uint8_t *at;

    for (size_t i = 0; i < n; i++)
        bytes += values[i].len;
    owner = malloc(sizeof *owner + n * sizeof *values + bytes + key->len);
    if (!owner)
        return NULL;
    *owner = (struct owner){ .refs = 1, .fixed = fixed, .expires_ms = INT64_MAX, .n_values = n, .key_len = key->len };
    owner->values = (struct value *)(owner + 1);
    at = (uint8_t *)(owner->values + n);
    for (size_t i = 0; i < n; i++) {
        owner->values[i] = values[i];
        owner->values[i].rdata = memcpy(at, values[i].rdata, values[i].len);
        at += values[i].len;
        if (values[i].expires_ms < owner->expires_ms)
            owner->expires_ms = values[i].expires_ms;
    }
    owner->key = memcpy(at, key->at, key->len);
    return owner;
}

static void owner_release(struct owner *owner)
{
    if (--owner->refs == 0)
        free(owner);
}

/* ---- The tree ------------------------------------------------------------------------------------------------------ */

static int reserve(struct table *table, struct cs_error *err)
{
    while (table->n_spare < SPARE_NODES) {
        struct node *node = malloc(sizeof *node);

        if (!node)
            return cs_fail(err, CS_EBUSY, "no memory for the DNS table");
        node->left = table->spare;
        table->spare = node;
        table->n_spare++;
    }
    return 0;
}

static struct node *node_ref(struct node *node)
{
    if (node)
        node->refs++;
    return node;
}

static int64_t earlier(int64_t expires_ms, const struct node *subtree)
{
    return subtree && subtree->expires_ms < expires_ms ? subtree->expires_ms : expires_ms;
}

/* Takes over the references to both subtrees, and one of its own to the owner. Needs reserve(). */
static struct node *node_new(struct table *table, struct owner *owner, struct node *left, struct node *right)
{
    struct node *node = table->spare;

    assert(node);
    table->spare = node->left;
    table->n_spare--;
    owner->refs++;
    *node = (struct node){ .refs = 1, .owner = owner, .left = left, .right = right };
    node->expires_ms = earlier(earlier(owner->expires_ms, left), right);
    return node;
}

void table_release(struct table *table, struct node *root)
{
    if (!root || --root->refs > 0)
        return;
    table_release(table, root->left);
    table_release(table, root->right);
    owner_release(root->owner);
    if (table->n_spare >= SPARE_NODES) {
        free(root);
        return;
    }
    root->left = table->spare;
    table->spare = root;
    table->n_spare++;
}

struct node *table_root(struct table *table)
{
    return node_ref(table->root);
}

static int compare(const struct key *key, const struct owner *owner)
{
    return key_compare(key->at, key->len, owner->key, owner->key_len);
}

/* What is before `key` and what is behind it. */
static void split(struct table *table, const struct node *tree, const struct key *key, struct node **before,
                  struct node **behind)
{
    struct node *middle;

    *before = *behind = NULL;
    if (!tree)
        return;
    if (compare(key, tree->owner) > 0) {
        split(table, tree->right, key, &middle, behind);
        *before = node_new(table, tree->owner, node_ref(tree->left), middle);
    } else {
        split(table, tree->left, key, before, &middle);
        *behind = node_new(table, tree->owner, middle, node_ref(tree->right));
    }
}

static struct node *merge(struct table *table, struct node *before, struct node *behind)
{
    if (!before || !behind)
        return node_ref(before ? before : behind);
    if (before->owner->priority > behind->owner->priority)
        return node_new(table, before->owner, node_ref(before->left), merge(table, before->right, behind));
    return node_new(table, behind->owner, merge(table, before, behind->left), node_ref(behind->right));
}

static struct node *with(struct table *table, const struct node *tree, const struct key *key, struct owner *owner)
{
    struct node *before, *behind;
    int order;

    if (!tree || (owner->priority > tree->owner->priority)) {
        split(table, tree, key, &before, &behind);
        return node_new(table, owner, before, behind);
    }
    order = compare(key, tree->owner);
    if (order == 0)
        return node_new(table, owner, node_ref(tree->left), node_ref(tree->right));
    if (order < 0)
        return node_new(table, tree->owner, with(table, tree->left, key, owner), node_ref(tree->right));
    return node_new(table, tree->owner, node_ref(tree->left), with(table, tree->right, key, owner));
}

/* `key` is in the tree. */
static struct node *without(struct table *table, const struct node *tree, const struct key *key)
{
    int order = compare(key, tree->owner);

    if (order == 0)
        return merge(table, tree->left, tree->right);
    if (order < 0)
        return node_new(table, tree->owner, without(table, tree->left, key), node_ref(tree->right));
    return node_new(table, tree->owner, node_ref(tree->left), without(table, tree->right, key));
}

static void replace_root(struct table *table, struct node *root)
{
    table_release(table, table->root);
    table->root = root;
}

struct found table_find(const struct node *root, const struct key *key)
{
    const struct owner *next = NULL; /* the first behind `key`: its descendant, if it has one */

    while (root) {
        int order = compare(key, root->owner);

        if (order == 0)
            return (struct found){ .exists = true, .owner = root->owner };
        if (order < 0)
            next = root->owner;
        root = order < 0 ? root->left : root->right;
    }
    return (struct found){ .exists = next && key_is_in(next->key, next->key_len, key->at, key->len) };
}

/* ---- Changes ------------------------------------------------------------------------------------------------------- */

/* Put `owner` (released here) in the place of `old`, or take `old` away when it is NULL. Needs reserve(). */
static void put(struct table *table, const struct key *key, const struct owner *old, struct owner *owner)
{
    if (owner) {
        owner->priority = old ? old->priority : next_random(table);
        replace_root(table, with(table, table->root, key, owner));
        owner_release(owner);
    } else if (old) {
        replace_root(table, without(table, table->root, key));
    }
}

int table_add_fixed(struct table *table, const struct key *key, const struct rrset *sets, struct cs_error *err)
{
    struct owner *owner;

    if (reserve(table, err) < 0)
        return -1;
    owner = owner_new(key, sets, NULL, 0);
    if (!owner)
        return cs_fail(err, CS_EBUSY, "no memory for the DNS table");
    put(table, key, NULL, owner);
    return 0;
}

/* A list of values on its way to an owner. */
struct draft {
    struct value *values;
    size_t n;
    uint8_t *bytes; /* of those that are new */
    size_t used;
};

static bool same(const struct value *a, const struct value *b)
{
    return a->len == b->len && memcmp(a->rdata, b->rdata, a->len) == 0;
}

static bool is_in(const struct value *value, const struct value *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same(value, &values[i]))
            return true;
    return false;
}

/* RFC 1035 3.3.14: character-strings of at most 255 bytes, and at least one of them. */
static struct value to_rdata(struct draft *draft, const char *text)
{
    size_t left = strlen(text);
    uint8_t *start = draft->bytes + draft->used;

    do {
        size_t n = left < 255 ? left : 255;

        draft->bytes[draft->used++] = (uint8_t)n;
        memcpy(draft->bytes + draft->used, text, n);
        draft->used += n;
        text += n;
        left -= n;
    } while (left > 0);
    return (struct value){ .len = (uint16_t)(draft->bytes + draft->used - start), .rdata = start };
}

static size_t rdata_room(const char *const *texts, size_t n)
{
    size_t room = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(texts[i]);

        room += len + len / 255 + 2;
    }
    return room;
}

/* First what is wanted, each once; then what somebody else put there. */
static void draft_fill(struct draft *draft, const struct owner *old, const struct table_edit *edit)
{
    struct value *gone;
    size_t n_gone = 0;

    for (size_t i = 0; i < edit->n_want; i++) {
        struct value value = to_rdata(draft, edit->want[i]);

        value.ttl = edit->ttl;
        value.expires_ms = edit->expires_ms;
        if (!is_in(&value, draft->values, draft->n))
            draft->values[draft->n++] = value;
    }
    gone = draft->values + draft->n + (old ? old->n_values : 0);
    for (size_t i = 0; i < edit->n_gone; i++)
        gone[n_gone++] = to_rdata(draft, edit->gone[i]);
    for (size_t i = 0; old && i < old->n_values; i++) {
        const struct value *value = &old->values[i];

        if (value->expires_ms > edit->now_ms && !is_in(value, draft->values, draft->n) && !is_in(value, gone, n_gone))
            draft->values[draft->n++] = *value;
    }
}

static int check_edit(const struct table_edit *edit, struct cs_error *err)
{
    if (edit->n_want > edit->max_values)
        return cs_fail(err, CS_ELIMIT, "%zu TXT values at one name, at most %zu are served (max_values)", edit->n_want,
                       edit->max_values);
    for (size_t i = 0; i < edit->n_want; i++)
        if (strlen(edit->want[i]) > TABLE_VALUE_MOST)
            return cs_fail(err, CS_EINPUT, "a TXT value of %zu bytes, at most %d are served", strlen(edit->want[i]),
                           TABLE_VALUE_MOST);
    return 0;
}

int table_edit(struct table *table, const struct key *key, const struct table_edit *edit, struct cs_error *err)
{
    const struct owner *old = table_find(table->root, key).owner;
    struct draft draft = { 0 };
    struct owner *owner = NULL;
    int rc = -1;

    if (check_edit(edit, err) < 0 || reserve(table, err) < 0)
        return -1;
    draft.values = calloc(edit->n_want + edit->n_gone + (old ? old->n_values : 0) + 1, sizeof *draft.values);
    draft.bytes = malloc(rdata_room(edit->want, edit->n_want) + rdata_room(edit->gone, edit->n_gone) + 1);
    if (!draft.values || !draft.bytes) {
        cs_fail(err, CS_EBUSY, "no memory for the DNS table");
        goto out;
    }
    draft_fill(&draft, old, edit);
    if (draft.n > edit->max_values) {
        cs_fail(err, CS_ELIMIT, "%zu TXT values at one name, at most %zu are served (max_values)", draft.n, edit->max_values);
        goto out;
    }
    if (draft.n > 0 || (old && old->fixed)) {
        owner = owner_new(key, old ? old->fixed : NULL, draft.values, draft.n);
        if (!owner) {
            cs_fail(err, CS_EBUSY, "no memory for the DNS table");
            goto out;
        }
    }
    put(table, key, old, owner);
    rc = 0;
out:
    free(draft.bytes);
    free(draft.values);
    return rc;
}

static const struct owner *first_expired(const struct node *tree, int64_t now_ms)
{
    while (tree && tree->expires_ms <= now_ms) {
        if (tree->owner->expires_ms <= now_ms)
            return tree->owner;
        tree = tree->left && tree->left->expires_ms <= now_ms ? tree->left : tree->right;
    }
    return NULL;
}

int64_t table_purge(struct table *table, int64_t now_ms)
{
    const struct owner *owner;

    for (int i = 0; i < PURGE_AT_ONCE && (owner = first_expired(table->root, now_ms)) != NULL; i++) {
        struct table_edit edit = { .now_ms = now_ms, .max_values = SIZE_MAX };
        struct key key = { .len = owner->key_len };

        memcpy(key.at, owner->key, owner->key_len);
        if (table_edit(table, &key, &edit, NULL) < 0)
            return now_ms + 1000;
    }
    return table->root ? table->root->expires_ms : INT64_MAX;
}
