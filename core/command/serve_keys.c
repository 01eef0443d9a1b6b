/*
 * Keeps a running server's list of blocked keys; see serve_keys.h.
 */
#include "command/serve_keys.h"

#include <stdlib.h>

#include "engine/log.h"

struct serve_keys {
    const struct blocked_keys *now;
    struct blocked_keys *list; /* what `now` points to, ours */
};

struct blocked_keys *serve_keys_read_wait(const struct settings *settings, struct cs_error *err)
{
    return blocked_keys_read_wait((const char *const *)settings->blocked_keys, settings->n_blocked_keys, err);
}

struct serve_keys *serve_keys_new(struct cs_error *err)
{
    struct serve_keys *keys = calloc(1, sizeof *keys);

    if (!keys)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    return keys;
}

void serve_keys_take(struct serve_keys *keys, struct blocked_keys *list, size_t files)
{
    blocked_keys_free(keys->list);
    keys->list = list;
    keys->now = list;
    if (files)
        log_line(CS_LOG_INFO, "serve", "", "blocked keys read keys=%zu files=%zu", blocked_keys_count(list), files);
}

const struct blocked_keys *const *serve_keys_list(const struct serve_keys *keys)
{
    return &keys->now;
}

void serve_keys_free(struct serve_keys *keys)
{
    if (!keys)
        return;
    blocked_keys_free(keys->list);
    free(keys);
}
