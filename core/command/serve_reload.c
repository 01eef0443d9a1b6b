/*
 * Takes a running server from one configuration to the next; see serve_reload.h. In order:
 *
 *   SIGHUP -> in a thread of its own: read the file, keys, secrets; load plugins -> on the loop, in one turn: compare, bind,
 *   open, prepare; switch, or drop all of it -> those that leave, until they are finished
 */
#include "command/serve_reload.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "command/serve_addresses.h"
#include "engine/log.h"
#include "engine/workers.h"

#define LOG_WHO     SERVE_LOG_WHO
#define LOOK_MS     20
#define LOOK_MOST_MS 1000
#define SLOW_MS     5000
#define REFUSED_ROOM 600
#define TOTAL       "countersign_reload_total"
#define TOTAL_HELP  "Times that the configuration was read anew, by what became of it."

/* All that a new file brings, before it is switched to. */
struct fresh {
    struct setup setup; /* its configuration and settings */
    struct instances *instances;
    struct serve_listeners *listeners;
    struct blocked_keys *keys;
    struct heart_change *heart;
    struct sink_change *outbox, *ledger;
    struct proxies proxies;
    struct cs_error err; /* beside the complaints */
    bool failed;
};

struct serve_reload {
    struct mail mail; /* the worker's, when it has read */
    struct server *server;
    struct workers *workers; /* NULL until the first one */
    struct fresh *fresh;     /* being read, or prepared */
    struct timer look, slow;
    int64_t look_ms, began_ms;
    char refused[REFUSED_ROOM]; /* why the last one was; "": it was taken */
    bool handing_over; /* DNS servers of the last one are not finished */
    bool wanted;       /* once more */
};

/* ---- Read, in a worker ------------------------------------------------------------------------------------------- */

static int read_keys_wait(struct fresh *fresh)
{
    const struct config_node *at = NULL;

    fresh->listeners = serve_listeners_new(&fresh->setup.settings, &fresh->err);
    if (!fresh->listeners)
        return -1;
    if (serve_listeners_read_keys(fresh->listeners, &at, &fresh->err) < 0) {
        config_complain(fresh->setup.config, at, "%s", fresh->err.text);
        fresh->err = (struct cs_error){ 0 };
        return -1;
    }
    fresh->keys = serve_keys_read_wait(&fresh->setup.settings, &fresh->err);
    return fresh->keys ? 0 : -1;
}

static int load_plugins_wait(struct fresh *fresh, const struct server *s)
{
    struct cs_error err = { 0 };

    fresh->instances = instances_new(s->loop, s->client, &fresh->setup.settings, fresh->setup.config, &fresh->err);
    if (!fresh->instances)
        return -1;
    return instances_load(fresh->instances, s->setup.user, s->setup.starter, &err); /* complaints say it all */
}

/* In the sandbox a file that the start did not know cannot be read: that says more than why not. */
static bool is_allowed(struct fresh *fresh, const struct server *s)
{
    return sandbox_check(&s->sandbox, fresh->setup.config, &fresh->setup.settings, fresh->instances, &fresh->err) == 0;
}

/* For a name that is new there is no file yet, and a name that is gone is being renewed. */
static bool knows_own_names(struct fresh *fresh, const struct server *s)
{
    if (serve_self_fits(s->self, &fresh->setup.settings))
        return true;
    cs_fail(&fresh->err, CS_ECONFIG, "the names of \"self:NAME\" certificates are others: restart to change them");
    return false;
}

/* As much as can be found at once. */
static void read_wait(void *arg)
{
    struct serve_reload *reload = arg;
    struct fresh *fresh = reload->fresh;
    struct setup *setup = &fresh->setup;
    bool sound;

    if (setup_load(setup, reload->server->config_path, &fresh->err) < 0) {
        fresh->failed = true;
    } else {
        sound = settings_check_complete(setup->config, &setup->settings) == 0 && config_complaint_count(setup->config) == 0;
        sound = sound && is_allowed(fresh, reload->server) && knows_own_names(fresh, reload->server);
        sound = sound && load_plugins_wait(fresh, reload->server) == 0 && is_allowed(fresh, reload->server);
        sound = sound && read_keys_wait(fresh) == 0;
        fresh->failed = !sound;
    }
    loop_post(reload->server->loop, &reload->mail);
}

/* ---- Prepare, on the loop ---------------------------------------------------------------------------------------- */

static void need_restart(struct config *config, const char *key, bool is_other)
{
    if (is_other)
        config_complain(config, config_find(config, config_root(config), key),
                        "`%s` is another than the running server's: restart to change it", key);
}

static bool are_other(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static int check_fixed(const struct fresh *fresh, const struct settings *now, const struct inherited_list *inherited)
{
    const struct settings *settings = &fresh->setup.settings;
    struct config *config = fresh->setup.config;
    const struct instance *store = instances_at(fresh->instances, ROLE_STORE, 0);

    need_restart(config, "user", are_other(now->user, settings->user));
    need_restart(config, "state", are_other(now->state, settings->state));
    need_restart(config, "runtime", are_other(now->runtime, settings->runtime));
    need_restart(config, "plugin_dir", are_other(now->plugin_dir, settings->plugin_dir));
    need_restart(config, "sandbox", now->sandbox != settings->sandbox);
    need_restart(config, "visits", now->visits.enabled != settings->visits.enabled);
    if (now->limits.sources != settings->limits.sources)
        config_complain(config, config_find(config, config_root(config), "limits"),
                        "`sources` of `limits` is another than the running server's: restart to change it");
    if (store && !store->is_kept)
        config_complain(config, store->block.at, "%s is another than the running server's: restart to change the store",
                        store->in.who);
    serve_addresses_check(config, settings, now, inherited);
    return config_complaint_count(config) ? -1 : 0;
}

/* A server that runs has given up what it was started with. */
static int only_at_start(struct cs_error *err)
{
    if (strcmp(err->reason, SOCKET_PRIVILEGED) == 0)
        cs_fail_in(err, "restart, as only the start can bind it");
    return -1;
}

/* Of those whom the table of sources has no room for nothing would be known, and nothing bounded. */
static int check_connections(const struct fresh *fresh, const struct server *s)
{
    struct config *config = fresh->setup.config;
    const size_t most = http_server_most_connections(s->http);

    if ((size_t)fresh->setup.settings.max_connections <= most)
        return 0;
    config_complain(config, config_find(config, config_root(config), "max_connections"),
                    "`max_connections` is more than half of the sources that the running server remembers, %zu: restart to "
                    "change it", 2 * most);
    return -1;
}

static int prepare(struct fresh *fresh, struct server *s)
{
    struct settings *settings = &fresh->setup.settings;
    struct cs_error *err = &fresh->err;

    instances_keep(fresh->instances, s->instances);
    if (check_fixed(fresh, &s->setup.settings, &s->inherited) < 0 || serve_share_descriptors(settings, err) < 0 ||
        check_connections(fresh, s) < 0)
        return -1;
    if (proxies_read(&fresh->proxies, settings->proxies, settings->n_proxies, err) < 0)
        return -1;
    if (serve_listeners_prepare(fresh->listeners, s->listeners, s->http, err) < 0 ||
        instances_begin(fresh->instances, s->instances, err) < 0)
        return only_at_start(err);
    fresh->heart = heart_prepare(s->heart, fresh->instances, settings, err);
    fresh->outbox = outbox_prepare(s->records.outbox, fresh->instances, err);
    fresh->ledger = ledger_prepare(s->records.ledger, fresh->instances, err);
    if (!fresh->heart || !fresh->outbox || !fresh->ledger)
        return -1;
    return http_server_set_limits(s->http, &settings->limits, err); /* at once: nothing else can fail now */
}

static void drop(struct fresh *fresh, struct server *s)
{
    ledger_drop(s->records.ledger, fresh->ledger);
    outbox_drop(s->records.outbox, fresh->outbox);
    heart_drop(fresh->heart);
    instances_drop(fresh->instances);
    serve_listeners_drop(fresh->listeners, s->http);
    proxies_clear(&fresh->proxies);
    blocked_keys_free(fresh->keys);
    setup_free(&fresh->setup);
    free(fresh);
}

/* ---- Switch ------------------------------------------------------------------------------------------------------ */

static void swap_settings(struct setup *a, struct setup *b)
{
    const struct settings settings = a->settings;
    struct config *config = a->config;

    a->settings = b->settings;
    a->config = b->config;
    b->settings = settings;
    b->config = config;
}

static void switch_records(struct fresh *fresh, struct server *s)
{
    const struct settings *settings = &s->setup.settings;
    const struct visits_trust trust = records_trust(settings);

    outbox_switch(s->records.outbox, fresh->outbox, settings->outbox_max);
    ledger_switch(s->records.ledger, fresh->ledger);
    if (s->records.visits)
        visits_change(s->records.visits, settings->runtime, &trust);
    fresh->outbox = fresh->ledger = NULL;
}

/* What the settings were is still there: whoever points to it is led away before it goes. */
static void switch_to(struct fresh *fresh, struct server *s, struct serve_listeners_changes *changes)
{
    const struct settings *settings = &s->setup.settings;
    struct gauges gauges;

    swap_settings(&s->setup, &fresh->setup);
    instances_switch(s->instances, fresh->instances);
    heart_switch(s->heart, fresh->heart);
    switch_records(fresh, s);
    serve_listeners_switch(s->listeners, fresh->listeners, s->http, changes);
    http_server_change(s->http, settings->wait_ms, (size_t)settings->max_connections, &fresh->proxies);
    serve_keys_take(s->blocked_keys, fresh->keys, settings->n_blocked_keys);
    log_setup(settings->log_level);
    gauges = serve_gauges(s);
    gauges_tell_plugins(&gauges);
    setup_free(&fresh->setup);
    free(fresh);
}

/* ---- What became of it ------------------------------------------------------------------------------------------- */

static void tell_success_time(struct server *s)
{
    metrics_gauge_us(s->metrics, "countersign_reload_last_success_timestamp_seconds",
                     "When the configuration that runs was taken, since 1970.", "", cs_wall_ms() * 1000);
}

/* As much as there is room for, of whole characters: a status that is no UTF-8 the manager would not show. */
static void keep_reason(char out[REFUSED_ROOM], const char *line, size_t len)
{
    size_t n = 0, one;
    uint32_t code;

    while ((one = utf8_read(line + n, len - n, &code)) && n + one < REFUSED_ROOM)
        n += one;
    memcpy(out, line, n);
    out[n] = '\0';
}

static void refuse_line(struct serve_reload *reload, const char *line, size_t len)
{
    log_line(CS_LOG_ERROR, LOG_WHO, "", "cannot take the new configuration, the old one stays: %.*s", (int)len, line);
    if (!reload->refused[0])
        keep_reason(reload->refused, line, len);
}

/* Whoever asked for a reload hears no more than that it is over: the first complaint stands where he looks, until one is
 * taken. */
static void tell_ready(struct serve_reload *reload)
{
    char status[REFUSED_ROOM + 100];

    snprintf(status, sizeof status, "serving%s%s", reload->refused[0] ? "; the last reload was refused: " : "",
             reload->refused);
    notify_ready(&reload->server->notify, reload->server->loop, status);
}

static void tell_refused(struct serve_reload *reload, const struct fresh *fresh)
{
    const char *line = fresh->setup.config ? config_complaints(fresh->setup.config) : "";

    for (size_t len; *line; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        refuse_line(reload, line, len);
    }
    if (fresh->err.text[0])
        refuse_line(reload, fresh->err.text, strlen(fresh->err.text));
    metrics_count(reload->server->metrics, TOTAL, TOTAL_HELP, "result=\"refused\"", 1);
}

static const char *list(const struct text *names)
{
    return names->len ? text_of(names) : "-";
}

static void tell_done(struct serve_reload *reload, const struct text names[3], const struct serve_listeners_changes *changes)
{
    struct server *s = reload->server;

    metrics_count(s->metrics, TOTAL, TOTAL_HELP, "result=\"done\"", 1);
    tell_success_time(s);
    log_line(CS_LOG_INFO, LOG_WHO, "",
             "the configuration was read anew ms=%" PRId64 " added=%s changed=%s removed=%s listeners_added=%zu "
             "listeners_removed=%zu certificates=%zu",
             cs_now_ms() - reload->began_ms, list(&names[0]), list(&names[1]), list(&names[2]), changes->added,
             changes->removed, changes->certificates);
}

/* ---- Those that leave -------------------------------------------------------------------------------------------- */

static bool is_used(void *arg, const struct instance *instance)
{
    const struct server *s = arg;
    const bool by_outbox = outbox_uses(s->records.outbox, instance), by_ledger = ledger_uses(s->records.ledger, instance);

    return by_outbox || by_ledger || heart_uses(s->heart, instance);
}

static bool is_told(void *arg, const struct instance *heir)
{
    const struct server *s = arg;

    return heart_has_told(s->heart, heir);
}

static void is_going(void *arg, const struct instance *instance)
{
    const struct server *s = arg;

    heart_forget(s->heart, instance);
}

static void begin_if_due(struct serve_reload *reload);

static void look(void *arg)
{
    struct serve_reload *reload = arg;
    struct server *s = reload->server;
    const struct instances_watch watch = { .is_used = is_used, .is_told = is_told, .is_going = is_going, .arg = s };

    reload->handing_over = instances_settle(s->instances, &watch);
    if (instances_leaving(s->instances)) {
        timer_set_in(s->loop, &reload->look, reload->look_ms, look, reload);
        if (!reload->handing_over && reload->look_ms < LOOK_MOST_MS)
            reload->look_ms *= 2;
    }
    begin_if_due(reload);
}

/* ---- The turns of it --------------------------------------------------------------------------------------------- */

static void take(struct serve_reload *reload, struct fresh *fresh)
{
    struct server *s = reload->server;
    struct text names[3] = { TEXT_MAX(2000), TEXT_MAX(2000), TEXT_MAX(2000) };
    struct serve_listeners_changes changes;

    instances_compare(fresh->instances, s->instances, &names[0], &names[1], &names[2]);
    switch_to(fresh, s, &changes);
    tell_done(reload, names, &changes);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        text_free(&names[i]);
}

static void on_read(struct mail *mail)
{
    struct serve_reload *reload = (struct serve_reload *)mail;
    struct fresh *fresh = reload->fresh;
    struct server *s = reload->server;

    reload->fresh = NULL;
    timer_clear(&reload->slow);
    if (s->phase != SERVE_SERVING) {
        log_line(CS_LOG_INFO, LOG_WHO, "", "the configuration stays as it is, as the server is stopping");
        drop(fresh, s);
        return;
    }
    if (!fresh->failed && prepare(fresh, s) == 0) {
        take(reload, fresh);
    } else {
        tell_refused(reload, fresh);
        drop(fresh, s);
    }
    tell_ready(reload);
    reload->look_ms = LOOK_MS;
    look(reload);
}

/* A thread that waits for a file cannot be called back: the server goes on with what it has, and may be stopped. */
static void tell_slow(void *arg)
{
    (void)arg;
    log_line(CS_LOG_WARN, LOG_WHO, "",
             "the configuration is still being read after %d s: does one of its files lie on a file system that does not "
             "answer, or is it a pipe? Until that ends no other can be taken, without a restart",
             SLOW_MS / 1000);
}

static void begin(struct serve_reload *reload)
{
    struct server *s = reload->server;
    struct cs_error err = { .text = "out of memory" };

    reload->wanted = false;
    reload->began_ms = cs_now_ms();
    reload->refused[0] = '\0';
    notify_reloading(&s->notify, "reloading");
    outbox_reopen(s->records.outbox);
    ledger_reopen(s->records.ledger);
    if (!reload->workers)
        reload->workers = workers_new("reload", 1, &err);
    reload->fresh = reload->workers ? calloc(1, sizeof *reload->fresh) : NULL;
    if (reload->fresh)
        reload->fresh->setup.state_lock = -1;
    reload->mail.fn = on_read;
    if (reload->fresh && workers_run(reload->workers, read_wait, reload, &err) == 0) {
        timer_set_in(s->loop, &reload->slow, SLOW_MS, tell_slow, reload);
        return;
    }
    free(reload->fresh);
    reload->fresh = NULL;
    refuse_line(reload, err.text, strlen(err.text));
    metrics_count(s->metrics, TOTAL, TOTAL_HELP, "result=\"refused\"", 1);
    tell_ready(reload);
}

/* What is remembered is not done while another is, or before the server serves, or once it stops. */
static void begin_if_due(struct serve_reload *reload)
{
    if (reload->wanted && reload->server->phase == SERVE_SERVING && !reload->fresh && !reload->handing_over)
        begin(reload);
}

void serve_reload(struct serve_reload *reload)
{
    const enum serve_phase phase = reload->server->phase;

    if (phase == SERVE_DRAINING || phase == SERVE_CLOSING)
        return;
    log_line(CS_LOG_INFO, LOG_WHO, "", "SIGHUP: the configuration is read anew");
    reload->wanted = true;
    begin_if_due(reload);
}

void serve_reload_begin(struct serve_reload *reload)
{
    metrics_declare(reload->server->metrics, TOTAL, TOTAL_HELP, METRIC_COUNTER);
    tell_success_time(reload->server);
    begin_if_due(reload);
}

bool serve_reload_busy(const struct serve_reload *reload)
{
    return reload && reload->fresh;
}

struct serve_reload *serve_reload_new(struct server *server, struct cs_error *err)
{
    struct serve_reload *reload = calloc(1, sizeof *reload);

    if (!reload) {
        cs_fail(err, CS_EINTERNAL, "out of memory");
        return NULL;
    }
    reload->server = server;
    reload->look_ms = LOOK_MS;
    return reload;
}

void serve_reload_free(struct serve_reload *reload)
{
    if (!reload)
        return;
    assert(!reload->fresh);
    timer_clear(&reload->look);
    timer_clear(&reload->slow);
    workers_free(reload->workers);
    free(reload);
}
