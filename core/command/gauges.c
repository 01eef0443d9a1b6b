/*
 * Figures for /metrics at the moment they are asked for; see gauges.h.
 */
#include "command/gauges.h"

#include <event2/event.h>
#include <openssl/crypto.h>

#include "base/dns_word.h"
#include "engine/process.h"
#include "request/job.h"
#include "request/revocation.h"
#include "request/revoked_keys.h"

#define STRING_OF_(x) #x
#define STRING_OF(x)  STRING_OF_(x)
#define PLUGIN_INFO   "countersign_plugin_info"

/* ---- What stays ---- */

static void tell_build(struct metrics *metrics)
{
    struct text labels = TEXT_MAX(500);

    metrics_add_label(&labels, "version", CS_VERSION);
    metrics_add_label(&labels, "abi", STRING_OF(CS_ABI_MAJOR) "." STRING_OF(CS_ABI_MINOR));
    metrics_add_label(&labels, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    metrics_add_label(&labels, "libevent", event_get_version());
    metrics_gauge(metrics, "countersign_build_info", "The version that runs, and those of libraries; always 1.",
                  text_of(&labels), 1);
    text_free(&labels);
}

static void tell_plugin(struct metrics *metrics, enum role role, const char *name, const struct instance *instance)
{
    struct text labels = TEXT_MAX(1000);

    metrics_add_label(&labels, "role", role_name(role));
    metrics_add_label(&labels, "instance", name);
    metrics_add_label(&labels, "plugin", instance->plugin.about.name);
    metrics_add_label(&labels, "version", instance->plugin.about.version);
    metrics_gauge(metrics, PLUGIN_INFO, "The plugin of each block of the configuration; always 1.",
                  text_of(&labels), 1);
    text_free(&labels);
}

void gauges_tell_plugins(const struct gauges *gauges)
{
    const struct settings *settings = gauges->settings;

    metrics_forget(gauges->metrics, PLUGIN_INFO);
    for (size_t i = 0; gauges->instances && i < settings->n_blocks; i++) {
        const struct block_settings *block = &settings->blocks[i];

        tell_plugin(gauges->metrics, block->role, block->name, instances_find(gauges->instances, block->role, block->name));
    }
}

void gauges_begin(const struct gauges *gauges)
{
    struct process_figures process;

    tell_build(gauges->metrics);
    gauges_tell_plugins(gauges);
    process_look(&process);
    if (process.started_us >= 0)
        metrics_gauge_us(gauges->metrics, "process_start_time_seconds", "When the process began, since 1970.", "",
                         process.started_us);
    metrics_declare(gauges->metrics, "countersign_visits_lost_total", "Visits that could not be recorded.", METRIC_COUNTER);
    metrics_declare(gauges->metrics, "countersign_labels_total", "Labels that clients gave, by what became of them.",
                    METRIC_COUNTER);
    metrics_declare(gauges->metrics, "countersign_dns_queries_total",
                    "Queries that a DNS back end of its own answered, by type and response code.", METRIC_COUNTER);
}

/* ---- The process ---- */

static void gauge_if_known(struct metrics *metrics, const char *name, const char *help, int64_t value)
{
    if (value >= 0)
        metrics_gauge(metrics, name, help, "", value);
}

static void look_at_process(struct metrics *metrics)
{
    struct process_figures process;

    process_look(&process);
    metrics_total_us(metrics, "process_cpu_seconds_total", "User and system time of all threads.", "", process.cpu_us);
    gauge_if_known(metrics, "process_resident_memory_bytes", "Memory of the process that is in RAM.", process.resident_bytes);
    gauge_if_known(metrics, "process_virtual_memory_bytes", "Address space of the process.", process.virtual_bytes);
    gauge_if_known(metrics, "process_open_fds", "Open file descriptors.", process.open_fds);
    gauge_if_known(metrics, "process_max_fds", "The most file descriptors that the process may have open.", process.max_fds);
    gauge_if_known(metrics, "process_threads", "Threads of the process.", process.threads);
}

/* ---- Requests and orders ---- */

static void count_queued(struct job *job, void *arg)
{
    *(int64_t *)arg += job->phase == JOB_QUEUED && job->ca_place.passed && !job->zone_place.running;
}

static void look_at_orders(const struct heart *heart)
{
    int64_t queued = 0;

    jobs_each(heart->jobs, count_queued, &queued);
    metrics_gauge(heart->metrics, "countersign_requests_waiting", "Requests that wait for an answer.", "",
                  (int64_t)heart->in_flight);
    metrics_gauge(heart->metrics, "countersign_orders_running", "Orders that have not ended.", "",
                  (int64_t)heart_orders(heart));
    metrics_gauge(heart->metrics, "countersign_orders_queued", "Orders that wait for their turn in their zone.", "", queued);
    ca_gates_measure(heart->gates, heart->metrics);
    metrics_gauge(heart->metrics, "countersign_revocations_open", "Revocations that no CA has confirmed or refused yet.", "",
                  (int64_t)revocations_open(heart->revocations));
    metrics_gauge(heart->metrics, "countersign_revoked_keys", "Keys that are refused: a certificate with them was revoked.", "",
                  (int64_t)revoked_keys_count(heart->revoked_keys));
}

/* ---- DNS servers of our own ---- */

struct dns_counts {
    int64_t n[DNS_TYPE_WORDS][DNS_RCODE_WORDS];
};

static void add_dns_count(void *arg, const char *type, const char *rcode, int64_t n)
{
    struct dns_counts *counts = arg;

    counts->n[dns_type_place_of(type)][dns_rcode_place_of(rcode)] += n;
}

static void show_dns_count(struct metrics *metrics, const char *dns, size_t type, size_t rcode, int64_t n)
{
    struct text labels = TEXT_MAX(200);

    metrics_add_label(&labels, "dns", dns);
    metrics_add_label(&labels, "type", dns_type_word(type));
    metrics_add_label(&labels, "rcode", dns_rcode_word(rcode));
    metrics_total(metrics, "countersign_dns_queries_total",
                  "Queries that a DNS back end of its own answered, by type and response code.", text_of(&labels), n);
    text_free(&labels);
}

static void look_at_dns(struct metrics *metrics, struct instances *instances)
{
    const struct instance *instance;

    for (size_t i = 0; (instance = instances_at(instances, ROLE_DNS, i)) != NULL; i++) {
        struct dns_counts counts = { 0 };

        if (!instance->started || !instance->plugin.dns.counts)
            continue;
        instance->plugin.dns.counts(instance->self, add_dns_count, &counts);
        for (size_t t = 0; t < DNS_TYPE_WORDS; t++)
            for (size_t r = 0; r < DNS_RCODE_WORDS; r++)
                if (counts.n[t][r] > 0)
                    show_dns_count(metrics, instance->in.name, t, r, counts.n[t][r]);
    }
}

void gauges_refresh(const struct gauges *gauges)
{
    look_at_process(gauges->metrics);
    if (gauges->heart)
        look_at_orders(gauges->heart);
    if (gauges->store)
        store_measure(gauges->store, gauges->metrics, "state");
    if (gauges->visits)
        visits_measure(gauges->visits);
    else if (gauges->visits_are_lost)
        metrics_gauge(gauges->metrics, "countersign_store_failing", "1: what was written last could not be committed.",
                      "records=\"visits\"", 1);
    if (gauges->outbox)
        outbox_measure(gauges->outbox, gauges->metrics);
    ledger_measure(gauges->ledger);
    if (gauges->instances)
        look_at_dns(gauges->metrics, gauges->instances);
}
