/*
 * The list, the clock and the counters that a service's connections share; see service.h. Called by connection.c and
 * listener.c.
 */
#include "http/service.h"

#include <stdio.h>

#define EVENTS        "countersign_http_connection_events_total"
#define EVENTS_HELP   "What became of clients that connected."
#define TIMEOUTS      "countersign_http_timeouts_total"
#define TIMEOUTS_HELP "Connections that were too slow, by what they were at."
#define ANSWERS       "countersign_http_answers_total"
#define ANSWERS_HELP  "Answers by route and status."

const struct service_deadlines service_usual_deadlines = {
    .preface_ms = 5000,
    .handshake_ms = 10000,
    .header_ms = 10000,
    .body_ms = 20000,
    .idle_ms = 60000,
    .write_ms = 30000,
    .linger_ms = 5000,
};

void service_declare(struct metrics *metrics)
{
    metrics_declare(metrics, EVENTS, EVENTS_HELP, METRIC_COUNTER);
    metrics_declare(metrics, TIMEOUTS, TIMEOUTS_HELP, METRIC_COUNTER);
    metrics_declare(metrics, ANSWERS, ANSWERS_HELP, METRIC_COUNTER);
}

static void show_connections(struct service *service)
{
    char labels[64];

    snprintf(labels, sizeof labels, "listener=\"%s\"", service->name);
    metrics_gauge(service->metrics, "countersign_http_connections", "Open connections.", labels,
                  (int64_t)service->n_connections);
}

void service_list_add(struct service_list *list, struct service_link *link)
{
    *link = (struct service_link){ .next = list->first };
    *(link->next ? &link->next->previous : &list->last) = link;
    list->first = link;
}

void service_list_remove(struct service_list *list, struct service_link *link)
{
    *(link->previous ? &link->previous->next : &list->first) = link->next;
    *(link->next ? &link->next->previous : &list->last) = link->previous;
}

void service_add(struct service *service, struct service_link *link)
{
    service_list_add(&service->all, link);
    service->n_connections++;
    show_connections(service);
}

void service_remove(struct service *service, struct service_link *link)
{
    service_list_remove(&service->all, link);
    service->n_connections--;
    show_connections(service);
    if (service->on_room)
        service->on_room(service->room);
}

const char *service_date(struct service *service)
{
    int64_t now_ms = cs_wall_ms(), now_s = now_ms / 1000;

    if (now_s != service->date_s || !service->date[0]) {
        service->date_s = now_s;
        reply_date(service->date, now_ms);
    }
    return service->date;
}

void service_count_connection(struct service *service, const char *event)
{
    char labels[96];

    snprintf(labels, sizeof labels, "listener=\"%s\",event=\"%s\"", service->name, event);
    metrics_count(service->metrics, EVENTS, EVENTS_HELP, labels, 1);
}

void service_count_timeout(struct service *service, const char *phase)
{
    char labels[96];

    snprintf(labels, sizeof labels, "listener=\"%s\",phase=\"%s\"", service->name, phase);
    metrics_count(service->metrics, TIMEOUTS, TIMEOUTS_HELP, labels, 1);
}

void service_count_answer(struct service *service, const char *route, int status)
{
    char labels[128];

    snprintf(labels, sizeof labels, "listener=\"%s\",route=\"%s\",status=\"%d\"", service->name, route, status);
    metrics_count(service->metrics, ANSWERS, ANSWERS_HELP, labels, 1);
}
