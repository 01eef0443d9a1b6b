/*
 * Counters of request/; see counts.h. An order counts some ten times, so labels are put together without memory.
 */
#include "request/counts.h"

#include <stdio.h>
#include <string.h>

#include "base/reason.h"

#define STEP_SECONDS    "countersign_order_step_seconds"
#define STEP_HELP       "How long orders were at each step, of the server or as the CA's plugin calls them."
#define ORDERS          "countersign_orders_total"
#define ORDERS_HELP     "Orders that ended, by CA and result."
#define ORDER_SECONDS   "countersign_order_seconds"
#define ORDER_HELP      "How long orders took from the request to their stored end."
#define REQUESTS        "countersign_requests_total"
#define REQUESTS_HELP   "Signing requests by how they were answered."
#define ISSUED          "countersign_certificates_issued_total"
#define ISSUED_HELP     "Certificates that were issued and stored."
#define LAST            "countersign_ca_last_success_timestamp_seconds"
#define LAST_HELP       "When the CA last issued a certificate, since 1970; not there before the first since the start."
#define OUT             "countersign_ca_out"
#define OUT_HELP        "1: the CA is out, and orders wait for it."
#define WAITING         "countersign_ca_orders_waiting"
#define WAITING_HELP    "Orders that wait because their CA is out, or was a moment ago."
#define PROBES          "countersign_ca_probes_total"
#define PROBES_HELP     "How often a CA that was out was asked whether it is back, by result."
#define REVOKED         "countersign_revocations_total"
#define REVOKED_HELP    "Revocations that ended, by CA and result."
#define CHANGES         "countersign_dns_changes_total"
#define CHANGES_HELP    "Changes of TXT records that a DNS back end was asked for, by result."
#define CHANGE_SECONDS  "countersign_dns_change_seconds"
#define CHANGE_HELP     "How long a DNS back end took to make a change."
#define VISIBLE_SECONDS "countersign_dns_visible_seconds"
#define VISIBLE_HELP    "How long it took until the zone's own name servers showed a value that their back end had."
#define LIMITED         "countersign_limits_refused_total"
#define LIMITED_HELP    "What was refused because of a limit, by limit."

enum { LABELS = 256 };

void counts_declare(struct metrics *metrics)
{
    metrics_declare(metrics, REQUESTS, REQUESTS_HELP, METRIC_COUNTER);
    metrics_declare(metrics, ORDERS, ORDERS_HELP, METRIC_COUNTER);
    metrics_declare(metrics, ORDER_SECONDS, ORDER_HELP, METRIC_HISTOGRAM);
    metrics_declare(metrics, STEP_SECONDS, STEP_HELP, METRIC_HISTOGRAM);
    metrics_declare(metrics, ISSUED, ISSUED_HELP, METRIC_COUNTER);
    metrics_declare(metrics, LAST, LAST_HELP, METRIC_GAUGE);
    metrics_declare(metrics, LIMITED, LIMITED_HELP, METRIC_COUNTER);
    metrics_declare(metrics, PROBES, PROBES_HELP, METRIC_COUNTER);
    metrics_declare(metrics, REVOKED, REVOKED_HELP, METRIC_COUNTER);
    metrics_declare(metrics, CHANGES, CHANGES_HELP, METRIC_COUNTER);
    metrics_declare(metrics, CHANGE_SECONDS, CHANGE_HELP, METRIC_HISTOGRAM);
    metrics_declare(metrics, VISIBLE_SECONDS, VISIBLE_HELP, METRIC_HISTOGRAM);
}

void counts_request(struct metrics *metrics, bool chain, const struct cs_error *err)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "outcome=\"%s\"", chain ? "issued" : err ? reason_word(err) : "accepted");
    metrics_count(metrics, REQUESTS, REQUESTS_HELP, labels, 1);
}

void counts_order(const struct job *job, const struct cs_error *err)
{
    struct metrics *metrics = job->heart->metrics;
    const char *ca = job->ca_name;
    char labels[LABELS];

    snprintf(labels, sizeof labels, "ca=\"%s\",result=\"%s\"", ca, err ? reason_word(err) : "issued");
    metrics_count(metrics, ORDERS, ORDERS_HELP, labels, 1);
    snprintf(labels, sizeof labels, "ca=\"%s\",result=\"%s\"", ca, err ? "failed" : "issued");
    metrics_time(metrics, ORDER_SECONDS, ORDER_HELP, labels, &histogram_order, (cs_now_ms() - job->began_ms) * 1000);
    if (err)
        return;
    snprintf(labels, sizeof labels, "ca=\"%s\"", ca);
    metrics_count(metrics, ISSUED, ISSUED_HELP, labels, 1);
    metrics_gauge_us(metrics, LAST, LAST_HELP, labels, cs_wall_ms() * 1000);
}

void counts_limit(struct metrics *metrics, const char *limit)
{
    char labels[LABELS];

    if (!limit)
        return;
    snprintf(labels, sizeof labels, "limit=\"%s\"", limit);
    metrics_count(metrics, LIMITED, LIMITED_HELP, labels, 1);
}

void counts_ca_probe(struct metrics *metrics, const char *ca, bool worked)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "ca=\"%s\",result=\"%s\"", ca, worked ? "worked" : "failed");
    metrics_count(metrics, PROBES, PROBES_HELP, labels, 1);
}

void counts_ca(struct metrics *metrics, const char *ca, bool is_out, size_t orders_waiting)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "ca=\"%s\"", ca);
    metrics_gauge(metrics, OUT, OUT_HELP, labels, is_out);
    metrics_gauge(metrics, WAITING, WAITING_HELP, labels, (int64_t)orders_waiting);
}

/* Names of steps are the plugin's own. */
static bool is_word(const char *step)
{
    return *step && !step[strspn(step, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

void counts_step(struct job *job, const char *step)
{
    const int64_t now_ms = cs_now_ms(), began_ms = job->step_began_ms;
    char labels[LABELS];

    job->step_began_ms = now_ms;
    if (!step || !*step)
        return;
    snprintf(labels, sizeof labels, "ca=\"%s\",step=\"%s\"", job->ca_name, is_word(step) ? step : "other");
    metrics_time(job->heart->metrics, STEP_SECONDS, STEP_HELP, labels, &histogram_order, (now_ms - began_ms) * 1000);
}

void counts_revocation(struct metrics *metrics, const char *ca, const struct cs_error *err)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "ca=\"%s\",result=\"%s\"", ca, err ? reason_word(err) : "revoked");
    metrics_count(metrics, REVOKED, REVOKED_HELP, labels, 1);
}

void counts_dns_change(struct metrics *metrics, const char *dns, int64_t began_ms, const struct cs_error *err)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "dns=\"%s\",result=\"%s\"", dns, err ? reason_word(err) : "done");
    metrics_count(metrics, CHANGES, CHANGES_HELP, labels, 1);
    snprintf(labels, sizeof labels, "dns=\"%s\"", dns);
    metrics_time(metrics, CHANGE_SECONDS, CHANGE_HELP, labels, &histogram_order, (cs_now_ms() - began_ms) * 1000);
}

void counts_dns_visible(struct metrics *metrics, const char *dns, int64_t began_ms, const struct cs_error *err)
{
    char labels[LABELS];

    snprintf(labels, sizeof labels, "dns=\"%s\",result=\"%s\"", dns, err ? "not-visible" : "visible");
    metrics_time(metrics, VISIBLE_SECONDS, VISIBLE_HELP, labels, &histogram_order, (cs_now_ms() - began_ms) * 1000);
}
