/*
 * A list of what plugins keep; see keep_memory.h.
 */
#include "records/keep_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct kept {
    struct kept *next;
    char *role, *instance, *key;
    void *data;
    size_t len;
};

struct keep_memory {
    struct kept *first;
};

struct keep_memory *keep_memory_new(void)
{
    return calloc(1, sizeof(struct keep_memory));
}

static void kept_free(struct kept *kept)
{
    free(kept->role);
    free(kept->instance);
    free(kept->key);
    free(kept->data);
    free(kept);
}

void keep_memory_free(struct keep_memory *memory)
{
    struct kept *next;

    for (struct kept *kept = memory ? memory->first : NULL; kept; kept = next) {
        next = kept->next;
        kept_free(kept);
    }
    free(memory);
}

/* Where it hangs, or where the next one would. */
static struct kept **find(struct keep_memory *memory, const char *role, const char *instance, const char *key)
{
    struct kept **at = &memory->first;

    while (*at && (strcmp((*at)->role, role) != 0 || strcmp((*at)->instance, instance) != 0 || strcmp((*at)->key, key) != 0))
        at = &(*at)->next;
    return at;
}

static struct kept *kept_new(const char *role, const char *instance, const char *key, const void *data, size_t len)
{
    struct kept *kept = calloc(1, sizeof *kept);

    if (!kept)
        return NULL;
    kept->role = text_copy(role);
    kept->instance = text_copy(instance);
    kept->key = text_copy(key);
    kept->data = malloc(len + 1);
    kept->len = len;
    if (kept->role && kept->instance && kept->key && kept->data) {
        memcpy(kept->data, data, len);
        return kept;
    }
    kept_free(kept);
    return NULL;
}

static int put(void *conn, const char *role, const char *instance, const char *key, const void *data, size_t len,
               struct cs_error *err)
{
    struct kept *kept = data ? kept_new(role, instance, key, data, len) : NULL;
    struct kept **at = find(conn, role, instance, key), *old = *at;

    if (data && !kept)
        return cs_fail(err, CS_EBUSY, "no memory to keep \"%s\"", key);
    if (kept)
        kept->next = old ? old->next : NULL;
    *at = kept ? kept : old ? old->next : NULL;
    if (old)
        kept_free(old);
    return 0;
}

static int get(void *conn, const char *role, const char *instance, const char *key, cs_blob_fn *fn, void *arg,
               struct cs_error *err)
{
    const struct kept *kept = *find(conn, role, instance, key);

    (void)err;
    if (kept)
        fn(arg, kept->data, kept->len);
    return 0;
}

const struct cs_store_ops keep_memory_ops = { .size = sizeof keep_memory_ops, .keep_put = put, .keep_get = get };
