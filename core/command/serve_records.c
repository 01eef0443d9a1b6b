/*
 * The server's records: the store and what is kept in it; see serve_records.h.
 */
#include "command/serve_records.h"

#include <string.h>

#include "engine/log.h"

enum { READERS = 2 };

/* From here on cs_keep_get() and cs_keep_put() work. */
static void give_keep(struct instances *instances, struct keep *keep)
{
    static const enum role roles[] = { ROLE_CA, ROLE_DNS, ROLE_STORE, ROLE_AUDIT };
    struct instance *instance;

    for (size_t r = 0; r < sizeof roles / sizeof *roles; r++)
        for (size_t i = 0; (instance = instances_at(instances, roles[r], i)); i++)
            instance->in.keep = keep;
}

static int open_store(struct records *r, struct loop *loop, struct instances *instances, struct cs_error *err)
{
    struct instance *plugin;

    if (instances_open(instances, ROLE_STORE, err) < 0)
        return -1;
    plugin = instances_at(instances, ROLE_STORE, 0);
    if (!plugin)
        return cs_fail(err, CS_ECONFIG,
                       "the configuration has no store: add store = { main = { plugin = \"store-sqlite\"; }; };");
    if (store_migrate(plugin, true, err) < 0)
        return -1;
    r->store = store_open(loop, plugin, CS_STATE_WRITER, CS_STATE_READER, READERS, err);
    if (!r->store)
        return -1;
    r->keep = keep_new(r->store);
    if (!r->keep)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    give_keep(instances, r->keep);
    return 0;
}

static void on_labels(void *arg, const struct cs_error *err)
{
    (void)arg;
    if (err)
        log_line(CS_LOG_ERROR, "visits", "",
                 "no labels are recorded until the declared ones can be read: %s", err->text);
}

/* Certificates are issued all the same; a restart tries again. */
static bool go_without_visits(struct records *r, const struct settings *settings, const struct cs_error *err)
{
    if (strncmp(err->reason, "storage-", strlen("storage-")) != 0)
        return false;
    log_line(CS_LOG_ERROR, "visits", "", "no visits are recorded until the next start: %s", err->text);
    r->visits_are_lost = settings->visits.enabled;
    return true;
}

struct visits_trust records_trust(const struct settings *settings)
{
    return (struct visits_trust){ settings->proxies, settings->n_proxies, settings->listen, settings->n_listen };
}

static int open_visits(struct records *r, struct loop *loop, struct instance *plugin, struct metrics *metrics,
                       const struct settings *settings, struct cs_error *err)
{
    const char *lacks = visits_lacks(&plugin->plugin.store);
    struct visits_with with = { .loop = loop,
                                .plugin = plugin,
                                .state = r->store,
                                .outbox = r->outbox,
                                .metrics = metrics,
                                .ledger = r->ledger,
                                .settings = &settings->visits,
                                .runtime = settings->runtime,
                                .trust = records_trust(settings) };

    if (lacks) {
        log_line(CS_LOG_INFO, "visits", "", "no visits are recorded by this store: it has no function %s", lacks);
        return 0;
    }
    r->labels = labels_open(loop, plugin, r->store, metrics, on_labels, NULL, err);
    if (!r->labels)
        return -1;
    with.labels = r->labels;
    r->visits = visits_open(&with, err);
    return r->visits || go_without_visits(r, settings, err) ? 0 : -1;
}

int records_open(struct records *r, struct loop *loop, struct instances *instances, struct metrics *metrics,
                 const struct settings *settings, struct cs_error *err)
{
    if (open_store(r, loop, instances, err) < 0 || instances_open(instances, ROLE_AUDIT, err) < 0)
        return -1;
    r->outbox = outbox_open(loop, r->store, instances, settings->outbox_max, err);
    r->ledger = r->outbox ? ledger_open(loop, instances, metrics, err) : NULL;
    if (!r->ledger)
        return -1;
    return open_visits(r, loop, instances_at(instances, ROLE_STORE, 0), metrics, settings, err);
}

void records_close(struct records *r)
{
    visits_close(r->visits);
    labels_close(r->labels);
    ledger_close(r->ledger);
    outbox_close(r->outbox);
    store_close(r->store);
}

void records_free(struct records *r)
{
    keep_free(r->keep);
}
