/*
 * Keeps a running server's list of blocked keys; see serve_keys.h.
 */
#include "command/serve_keys.h"

#include <stdlib.h>

#include "engine/log.h"
#include "engine/workers.h"

#define LOG_WHO "serve"

struct serve_keys {
    struct loop *loop;
    const struct settings *settings;
    const struct blocked_keys *now;
    struct blocked_keys *list; /* what `now` points to, ours */
    struct workers *workers;   /* NULL until the first reload */
    struct mail mail;
    struct blocked_keys *fresh; /* the worker's, until its mail has come */
    struct cs_error fault;
    bool reading, again;
};

static struct blocked_keys *read_wait(const struct serve_keys *keys, struct cs_error *err)
{
    return blocked_keys_read_wait((const char *const *)keys->settings->blocked_keys, keys->settings->n_blocked_keys, err);
}

static void take(struct serve_keys *keys, struct blocked_keys *list)
{
    blocked_keys_free(keys->list);
    keys->list = list;
    keys->now = list;
    if (keys->settings->n_blocked_keys)
        log_line(CS_LOG_INFO, LOG_WHO, "", "blocked keys read keys=%zu files=%zu", blocked_keys_count(list),
                 keys->settings->n_blocked_keys);
}

struct serve_keys *serve_keys_open(struct loop *loop, const struct settings *settings, struct cs_error *err)
{
    struct serve_keys *keys = calloc(1, sizeof *keys);
    struct blocked_keys *list;

    if (!keys) {
        cs_fail(err, CS_EINTERNAL, "out of memory");
        return NULL;
    }
    keys->loop = loop;
    keys->settings = settings;
    list = read_wait(keys, err);
    if (!list) {
        serve_keys_free(keys);
        return NULL;
    }
    take(keys, list);
    return keys;
}

const struct blocked_keys *const *serve_keys_list(const struct serve_keys *keys)
{
    return &keys->now;
}

static void on_read(struct mail *mail)
{
    struct serve_keys *keys = (struct serve_keys *)((char *)mail - offsetof(struct serve_keys, mail));
    struct blocked_keys *fresh = keys->fresh;

    keys->fresh = NULL;
    keys->reading = false;
    if (fresh)
        take(keys, fresh);
    else
        log_line(CS_LOG_ERROR, LOG_WHO, "", "the blocked keys stay as they were: %s", keys->fault.text);
    if (keys->again)
        serve_keys_reload(keys);
}

static void read_in_worker(void *arg)
{
    struct serve_keys *keys = arg;

    keys->fresh = read_wait(keys, &keys->fault);
    loop_post(keys->loop, &keys->mail);
}

void serve_keys_reload(struct serve_keys *keys)
{
    struct cs_error err = { 0 };

    if (!keys->settings->n_blocked_keys)
        return;
    keys->again = keys->reading;
    if (keys->reading)
        return;
    if (!keys->workers)
        keys->workers = workers_new("blocked-keys", 1, &err);
    keys->mail.fn = on_read;
    keys->reading = keys->workers && workers_run(keys->workers, read_in_worker, keys, &err) == 0;
    if (!keys->reading)
        log_line(CS_LOG_ERROR, LOG_WHO, "", "the blocked keys stay as they were: %s", err.text);
}

void serve_keys_free(struct serve_keys *keys)
{
    if (!keys)
        return;
    workers_free(keys->workers);
    blocked_keys_free(keys->fresh);
    blocked_keys_free(keys->list);
    free(keys);
}
