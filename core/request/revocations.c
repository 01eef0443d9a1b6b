/*
 * All revocations that are under way, and what a start finds in the store; see revocation.h. Called by heart.c.
 */
#include <stdlib.h>

#include "engine/log.h"
#include "request/revocation_parts.h"
#include "request/revoked_keys.h"

#define LOG_WHO "revocation"

struct revocations *revocations_new(struct heart *heart)
{
    struct revocations *all = calloc(1, sizeof *all);

    if (all)
        all->heart = heart;
    return all;
}

void revocations_free(struct revocations *all)
{
    if (!all)
        return;
    while (all->first)
        revocation_free(all->first);
    free(all);
}

void revocations_stop(struct revocations *all)
{
    struct revocation *next;

    for (struct revocation *r = all->first; r; r = next) {
        next = r->next;
        if (r->phase == REVOCATION_WAITING || (r->phase == REVOCATION_COMMITTING && !r->writing))
            revocation_suspend(r);
    }
}

size_t revocations_busy(const struct revocations *all)
{
    size_t n = all->n_looking;

    for (const struct revocation *r = all->first; r; r = r->next)
        n += r->phase != REVOCATION_WAITING;
    return n;
}

size_t revocations_open(const struct revocations *all)
{
    return all->n;
}

struct resuming {
    struct revocations *all;
    struct revocation_certificate *open;
    struct revoked_keys *keys;
    cs_done_fn *done;
    void *arg;
    bool no_memory;
};

static int take_key(void *arg, const void *hash, size_t len)
{
    struct resuming *resuming = arg;

    resuming->no_memory |= len == 32 && revoked_keys_add(resuming->keys, hash) < 0;
    return resuming->no_memory;
}

static int read_all(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct resuming *resuming = arg;

    if (!revocation_store_can(c))
        return 0;
    if (c->ops->revoked_key_list(c->conn, take_key, resuming, err) < 0)
        return -1;
    if (resuming->no_memory)
        return cs_fail(err, CS_EBUSY, "no memory for the keys that are refused");
    return revocation_read_open(c, &resuming->open, err);
}

static void on_read(void *arg, const struct cs_error *err)
{
    struct resuming *resuming = arg;
    struct revocations *all = resuming->all;
    struct revocation_certificate *next;

    if (!err) {
        revoked_keys_free(all->heart->revoked_keys);
        all->heart->revoked_keys = resuming->keys;
        resuming->keys = NULL;
    }
    for (struct revocation_certificate *open = err ? NULL : resuming->open; open; open = next) {
        next = open->next;
        log_line(CS_LOG_INFO, LOG_WHO, open->job, "revocation of an earlier run goes on zone=%s ca=%s serial=%s", open->zone,
                 open->ca, open->serial);
        if (!revocation_begin(all, open, true))
            log_line(CS_LOG_ERROR, LOG_WHO, "", "no memory: a revocation waits for the next start");
        resuming->open = next;
    }
    resuming->done(resuming->arg, err);
    revocation_certificates_free(resuming->open);
    revoked_keys_free(resuming->keys);
    free(resuming);
}

void revocations_resume(struct revocations *all, cs_done_fn *done, void *arg)
{
    struct resuming *resuming = calloc(1, sizeof *resuming);

    if (resuming)
        *resuming = (struct resuming){ .all = all, .keys = revoked_keys_new(), .done = done, .arg = arg };
    if (!resuming || !resuming->keys) {
        free(resuming);
        done(arg, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    store_read(all->heart->store, read_all, resuming, on_read, resuming);
}
