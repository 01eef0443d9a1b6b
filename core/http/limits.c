/*
 * Limits by source; see limits.h.
 */
#include "http/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/timer.h"
#include "http/sources.h"
#include "request/counts.h"

#define WAIT_AGAIN_MS  5000 /* when too much waits, or is open: nobody knows when there is room */
#define ORDER_AGAIN_MS 30000
#define SWEEP_EVERY_MS 1000
#define SWEEPS         30 /* until all have been looked at */

#define EVICTED      "countersign_limits_evicted_total"
#define EVICTED_HELP "Sources that were forgotten before their time, because the table of sources was full."
#define SOURCES      "countersign_limits_sources"
#define SOURCES_HELP "Sources that are remembered, because they used something up or have something under way."

struct limits {
    size_t refs; /* the server's, and one for each order that keeps its source */
    struct loop *loop;
    struct metrics *metrics;
    struct rate rates[SOURCE_BUCKETS];
    int64_t unfinished, waiting, open_orders;
    size_t n_ordering; /* sources with open orders */
    struct proxies unlimited; /* the same words: networks, or "unix" */
    struct sources *sources;
    struct timer sweep;
};

static int64_t now_ns(void)
{
    return cs_now_ms() * 1000000;
}

/* ---- Life ---- */

static void show(const struct limits *limits)
{
    metrics_gauge(limits->metrics, SOURCES, SOURCES_HELP, "", (int64_t)sources_count(limits->sources));
    metrics_total(limits->metrics, EVICTED, EVICTED_HELP, "", sources_evicted(limits->sources));
}

static void on_sweep(void *arg)
{
    struct limits *limits = arg;

    sources_sweep(limits->sources, sources_room(limits->sources) / SWEEPS + 1, now_ns());
    show(limits);
    timer_set_in(limits->loop, &limits->sweep, SWEEP_EVERY_MS, on_sweep, limits);
}

struct limits *limits_new(struct loop *loop, struct metrics *metrics, const struct limits_settings *settings,
                          size_t max_connections, struct cs_error *err)
{
    const size_t least = 2 * max_connections, most = (size_t)settings->sources > least ? (size_t)settings->sources : least;
    struct limits *limits = calloc(1, sizeof *limits);

    if (!limits) {
        cs_fail(err, CS_EBUSY, "no memory for the limits");
        return NULL;
    }
    limits->refs = 1;
    limits->loop = loop;
    limits->metrics = metrics;
    limits->sources = sources_new(most, err);
    if (!limits->sources || limits_set(limits, settings, err) < 0) {
        limits_free(limits);
        return NULL;
    }
    on_sweep(limits);
    return limits;
}

int limits_set(struct limits *limits, const struct limits_settings *settings, struct cs_error *err)
{
    struct proxies unlimited;

    if (proxies_read(&unlimited, settings->unlimited, settings->n_unlimited, err) < 0)
        return -1;
    proxies_clear(&limits->unlimited);
    limits->unlimited = unlimited;
    limits->rates[SOURCE_POSTS] = settings->posts;
    limits->rates[SOURCE_FAILED_POSTS] = settings->failed_posts;
    limits->rates[SOURCE_POLLS] = settings->polls;
    limits->rates[SOURCE_CONNECTIONS] = settings->connections;
    limits->unfinished = settings->unfinished;
    limits->waiting = settings->waiting;
    limits->open_orders = settings->open_orders;
    return 0;
}

static void unref(struct limits *limits)
{
    if (--limits->refs)
        return;
    sources_free(limits->sources);
    free(limits);
}

size_t limits_most_connections(const struct limits *limits)
{
    return sources_room(limits->sources) / 2;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    timer_clear(&limits->sweep);
    proxies_clear(&limits->unlimited);
    unref(limits);
}

/* ---- Buckets ---- */

/* An entry is made only for who uses something up. */
static struct source_entry *entry_of(struct limits *limits, const struct source *source)
{
    const size_t before = sources_count(limits->sources);
    struct source_entry *entry = sources_get(limits->sources, source, now_ns());

    if (sources_count(limits->sources) != before)
        show(limits);
    return entry;
}

static int64_t wait_ns(const struct limits *limits, const struct source_entry *entry, enum source_bucket bucket)
{
    return rate_wait_ns(&limits->rates[bucket], entry->full_ns[bucket], now_ns());
}

static void take(const struct limits *limits, struct source_entry *entry, enum source_bucket bucket)
{
    entry->full_ns[bucket] = rate_take(&limits->rates[bucket], entry->full_ns[bucket], now_ns());
}

static bool is_on(const struct limits *limits, enum source_bucket bucket)
{
    return limits->rates[bucket].step_ns > 0;
}

/* ---- Connections ---- */

static bool is_unlimited(const struct limits *limits, const struct peer *peer, const struct proxies *proxies)
{
    return proxies_trust(&limits->unlimited, &peer->address.any, peer->len) ||
           proxies_trust(proxies, &peer->address.any, peer->len);
}

static bool may_begin(struct limits *limits, const struct source_entry *entry)
{
    if (!limits->unfinished || entry->used[SOURCE_UNFINISHED] < limits->unfinished)
        return true;
    counts_limit(limits->metrics, "unfinished");
    return false;
}

static void begin(struct limits_place *place)
{
    place->entry->used[SOURCE_UNFINISHED]++;
    place->unfinished = true;
}

static void connect_to(struct source_entry *entry, struct limits_place *place)
{
    entry->used[SOURCE_CONNECTED]++;
    place->entry = entry;
}

static struct source_entry *entry_of_peer(struct limits *limits, const struct peer *peer)
{
    const struct source source = source_of(&peer->address.any, peer->len);

    return entry_of(limits, &source);
}

bool limits_connect(struct limits *limits, const struct peer *peer, const struct proxies *proxies, struct limits_place *place)
{
    struct source_entry *entry;

    entry = is_unlimited(limits, peer, proxies) ? NULL : entry_of_peer(limits, peer);
    if (!entry)
        return true;
    if (wait_ns(limits, entry, SOURCE_CONNECTIONS) > 0) {
        counts_limit(limits->metrics, "connections");
        return false;
    }
    if (!may_begin(limits, entry))
        return false;
    take(limits, entry, SOURCE_CONNECTIONS);
    connect_to(entry, place);
    begin(place);
    return true;
}

bool limits_begin(struct limits *limits, const struct peer *peer, const struct proxies *proxies, struct limits_place *place)
{
    struct source_entry *entry;

    if (place->unfinished || !limits->unfinished || is_unlimited(limits, peer, proxies))
        return true;
    entry = place->entry ? place->entry : entry_of_peer(limits, peer);
    if (!entry)
        return true;
    if (!place->entry)
        connect_to(entry, place);
    if (!may_begin(limits, entry))
        return false;
    begin(place);
    return true;
}

void limits_finish(struct limits_place *place)
{
    if (place->unfinished)
        place->entry->used[SOURCE_UNFINISHED]--;
    place->unfinished = false;
}

void limits_disconnect(struct limits_place *place)
{
    limits_finish(place);
    if (place->entry)
        place->entry->used[SOURCE_CONNECTED]--;
    place->entry = NULL;
}

size_t limits_connections(const struct limits_place *place)
{
    return place->entry ? place->entry->used[SOURCE_CONNECTED] : 0;
}

/* ---- Requests ---- */

struct limits_source limits_source_of(const struct limits *limits, const struct arrival *arrival)
{
    return (struct limits_source){
        .source = arrival->source,
        .unlimited = proxies_trust(&limits->unlimited, &arrival->peer.address.any, arrival->peer.len),
    };
}

static int refuse(struct limits *limits, enum source_bucket bucket, int64_t ns, struct cs_error *err)
{
    static const struct {
        const char *word, *reason, *text;
    } refusals[] = {
        [SOURCE_POSTS] = { "posts", "too-many-posts", "too many posts come from this source" },
        [SOURCE_FAILED_POSTS] = { "failed-posts", "too-many-failed-posts",
                                  "too many posts of this source were refused; mend the request first" },
        [SOURCE_POLLS] = { "polls", "too-many-polls", "too many requests come from this source" },
        [SOURCE_CONNECTIONS] = { "connections", "", "" },
    };
    const int64_t wait_ms = (ns + 999999) / 1000000;

    counts_limit(limits->metrics, refusals[bucket].word);
    cs_fail_as(err, CS_ELIMIT, refusals[bucket].reason, "%s: wait for %" PRId64 " s", refusals[bucket].text,
               (wait_ms + 999) / 1000);
    err->retry_after_ms = wait_ms;
    return -1;
}

static int refuse_waiting(const struct limits *limits, struct cs_error *err)
{
    counts_limit(limits->metrics, "waiting");
    cs_fail_as(err, CS_ELIMIT, "too-many-waiting",
               "%" PRId64 " posts of this source wait for an answer, as many as may: when one of them has it there is room for "
               "another", limits->waiting);
    err->retry_after_ms = WAIT_AGAIN_MS;
    return -1;
}

/* The time that is known is told first. */
static int judge(struct limits *limits, const struct source_entry *entry, enum limits_request what, struct cs_error *err)
{
    const bool is_post = what == LIMITS_POST;
    const enum source_bucket bucket = is_post ? SOURCE_POSTS : SOURCE_POLLS;
    const int64_t ns = wait_ns(limits, entry, bucket), failed_ns = is_post ? wait_ns(limits, entry, SOURCE_FAILED_POSTS) : 0;

    if (failed_ns > ns)
        return refuse(limits, SOURCE_FAILED_POSTS, failed_ns, err);
    if (ns > 0)
        return refuse(limits, bucket, ns, err);
    if (is_post && limits->waiting && entry->used[SOURCE_WAITING] >= limits->waiting)
        return refuse_waiting(limits, err);
    return 0;
}

/* NULL: nobody counts what it asks for. */
static struct source_entry *entry_for(struct limits *limits, const struct limits_source *source, enum limits_request what)
{
    if (source->unlimited || (what == LIMITS_POLL && !is_on(limits, SOURCE_POLLS)))
        return NULL;
    return entry_of(limits, &source->source);
}

int limits_request(struct limits *limits, const struct limits_source *source, enum limits_request what,
                   struct limits_wait *wait, struct cs_error *err)
{
    struct source_entry *entry = entry_for(limits, source, what);

    if (!entry)
        return 0;
    if (judge(limits, entry, what, err) < 0)
        return -1;
    take(limits, entry, what == LIMITS_POST ? SOURCE_POSTS : SOURCE_POLLS);
    if (what == LIMITS_POST) {
        entry->used[SOURCE_WAITING]++;
        wait->entry = entry;
    }
    return 0;
}

int limits_look(struct limits *limits, const struct limits_source *source, enum limits_request what, struct cs_error *err)
{
    const struct source_entry *entry = entry_for(limits, source, what);

    return entry ? judge(limits, entry, what, err) : 0;
}

void limits_count(struct limits *limits, const struct limits_source *source, enum limits_request what)
{
    struct source_entry *entry = entry_for(limits, source, what);

    if (entry)
        take(limits, entry, what == LIMITS_POST ? SOURCE_POSTS : SOURCE_POLLS);
}

void limits_answered(struct limits_wait *wait)
{
    if (wait->entry)
        wait->entry->used[SOURCE_WAITING]--;
    wait->entry = NULL;
}

/* ---- Open orders */

static void keep_source(const struct order_source *source)
{
    struct limits *limits = source->table;
    struct source_entry *entry = source->place;

    limits->refs++;
    entry->used[SOURCE_KEPT]++;
}

static void release_source(const struct order_source *source)
{
    struct source_entry *entry = source->place;

    entry->used[SOURCE_KEPT]--;
    unref(source->table);
}

/* Sources that stay for their orders alone fill no more than half of the table, so that there is always room for those that
 * are here. */
static int take_order(const struct order_source *source, struct cs_error *err)
{
    struct limits *limits = source->table;
    struct source_entry *entry = source->place;

    if (limits->open_orders && entry->used[SOURCE_ORDERS] >= limits->open_orders) {
        cs_fail_as(err, CS_ELIMIT, "too-many-open-orders",
                   "%" PRId64 " orders of this source are open, as many as may: when one of them has ended there is room for "
                   "another", limits->open_orders);
        err->retry_after_ms = ORDER_AGAIN_MS;
        return -1;
    }
    if (!entry->used[SOURCE_ORDERS] && limits->n_ordering >= sources_room(limits->sources) / 2)
        return 0;
    limits->n_ordering += !entry->used[SOURCE_ORDERS];
    entry->used[SOURCE_ORDERS]++;
    return 1;
}

static void give_order_back(const struct order_source *source)
{
    struct limits *limits = source->table;
    struct source_entry *entry = source->place;

    entry->used[SOURCE_ORDERS]--;
    limits->n_ordering -= !entry->used[SOURCE_ORDERS];
}

struct order_source limits_order_source(struct limits *limits, const struct limits_wait *wait)
{
    static const struct order_source_ops ops = { keep_source, release_source, take_order, give_order_back };

    return wait->entry ? (struct order_source){ &ops, limits, wait->entry } : (struct order_source){ 0 };
}

/* ---- Refused posts */

static bool is_clients_fault(const struct cs_error *err)
{
    return err->code == CS_EINPUT || err->code == CS_ECREDENTIAL || err->code == CS_EDENIED ||
           err->code == CS_ENOTFOUND;
}

void limits_failed(struct limits *limits, const struct limits_source *source, const struct cs_error *err)
{
    struct source_entry *entry;

    if (source->unlimited || !is_on(limits, SOURCE_FAILED_POSTS) || !is_clients_fault(err))
        return;
    entry = entry_of(limits, &source->source);
    if (entry)
        take(limits, entry, SOURCE_FAILED_POSTS);
}
