/*
 * The lines before CAs that are out, and their release; see ca_gate.h. Calls job_line.c when a CA goes out.
 */
#include <stdlib.h>
#include <string.h>

#include "request/ca_gate_parts.h"
#include "request/counts.h"

#define WIDEN_EVERY_MS  5000
#define MOST_AT_ONCE    16
#define AT_ONCE_GUESSED 4    /* orders, on the average, while a line is let go */
#define SETTLE_MS       2000 /* from the time of a probe that works to the end of an order that waited for it */
#define ORDER_FIRST_MS  2000 /* how long an order takes, before one was seen */

struct ca_gates {
    struct ca_gate *first;
};

/* ---- The line ---------------------------------------------------------------------------------------------------- */

static void on_soon(void *arg);

void ca_gate_look_soon(struct ca_gate *gate)
{
    if (!gate->heart->stopping && !timer_is_set(&gate->soon))
        timer_set_in(gate->heart->loop, &gate->soon, 0, on_soon, gate);
}

/* The first order that may pass would tell whether the CA is back. */
static bool wants_probe(const struct ca_gate *gate)
{
    return gate->breaker.state == BREAKER_HALF_OPEN && !gate->ca->plugin.ca.status && !gate->probe;
}

static bool is_passable(const struct ca_gate *gate)
{
    switch (gate->breaker.state) {
    case BREAKER_OPEN:
        return false;
    case BREAKER_HALF_OPEN:
        return wants_probe(gate);
    case BREAKER_CLOSED:
        break;
    }
    return !gate->width || gate->let_go < gate->width;
}

static void enter(struct ca_gate *gate, struct ca_place *place)
{
    struct ca_place *before = gate->last;

    while (before && before->number > place->number)
        before = before->prev;
    place->prev = before;
    place->next = before ? before->next : gate->first;
    *(before ? &before->next : &gate->first) = place;
    *(place->next ? &place->next->prev : &gate->last) = place;
    gate->waiting++;
}

static void take_off(struct ca_gate *gate, struct ca_place *place)
{
    *(place->prev ? &place->prev->next : &gate->first) = place->next;
    *(place->next ? &place->next->prev : &gate->last) = place->prev;
    place->next = place->prev = NULL;
    gate->waiting--;
}

static void mark_passed(struct ca_place *place)
{
    place->passed = true;
    place->generation = place->gate->generation;
}

bool ca_gate_join(struct ca_gate *gate, struct ca_place *place, uint64_t number, void (*pass)(void *arg), void *arg)
{
    ca_gate_leave(place);
    *place = (struct ca_place){ .gate = gate, .number = number, .pass = pass, .arg = arg };
    if (gate->breaker.state == BREAKER_CLOSED && !gate->width) {
        mark_passed(place);
        return true;
    }
    enter(gate, place);
    ca_gate_look_soon(gate);
    return false;
}

void ca_gate_pass(struct ca_gate *gate, struct ca_place *place)
{
    *place = (struct ca_place){ .gate = gate };
    mark_passed(place);
}

void ca_gate_leave(struct ca_place *place)
{
    struct ca_gate *gate = place->gate;

    if (!gate)
        return;
    if (!place->passed && !place->reserved)
        take_off(gate, place);
    gate->reserved -= place->reserved;
    gate->let_go -= place->counted;
    if (gate->probe == place)
        gate->probe = NULL;
    *place = (struct ca_place){ 0 };
    if (gate->first)
        ca_gate_look_soon(gate);
}

static void let_pass(struct ca_gate *gate)
{
    while (gate->first && is_passable(gate)) {
        struct ca_place *place = gate->first;

        take_off(gate, place);
        mark_passed(place);
        place->let_go = true;
        if (ca_gate_is_out(gate))
            gate->probe = place;
        place->counted = gate->width > 0;
        gate->let_go += place->counted;
        place->pass(place->arg);
    }
}

static void on_soon(void *arg)
{
    struct ca_gate *gate = arg;

    if (gate->is_news)
        job_line_out(gate->heart, gate);
    gate->is_news = false;
    let_pass(gate);
    if (gate->width && !gate->first && !ca_gate_is_out(gate)) {
        gate->width = 0;
        timer_clear(&gate->timer);
    }
}

/* ---- After an outage: more and more ------------------------------------------------------------------------------ */

static void on_widen(void *arg);

void ca_gate_limit_to_one(struct ca_gate *gate)
{
    gate->width = 1;
    timer_set_in(gate->heart->loop, &gate->timer, WIDEN_EVERY_MS, on_widen, gate);
}

void ca_gate_widen(struct ca_gate *gate)
{
    if (gate->width && gate->width < MOST_AT_ONCE)
        gate->width++;
    ca_gate_look_soon(gate);
}

/* An order may take long for reasons of its own; those behind it need not wait for that. */
static void on_widen(void *arg)
{
    struct ca_gate *gate = arg;

    if (gate->breaker.faults == 0)
        ca_gate_widen(gate);
    timer_set_in(gate->heart->loop, &gate->timer, WIDEN_EVERY_MS, on_widen, gate);
}

void ca_gate_expect(struct ca_gate *gate)
{
    if (gate->heart->breakers && !ca_gate_is_out(gate) && !gate->width)
        ca_gate_limit_to_one(gate);
}

/* ---- Asked by the jobs ------------------------------------------------------------------------------------------- */

int64_t ca_gate_probe_in_ms(const struct ca_gate *gate)
{
    const int64_t ms = gate->breaker.probe_ms - cs_now_ms();

    return ms > 0 ? ms : 0;
}

bool ca_gate_is_out(const struct ca_gate *gate)
{
    return gate->breaker.state != BREAKER_CLOSED;
}

bool ca_gate_has_passed(const struct ca_place *place)
{
    return place->passed && (!ca_gate_is_out(place->gate) || place->gate->probe == place);
}

bool ca_gate_reserve(struct ca_gate *gate, struct ca_place *place)
{
    const bool is_probe = wants_probe(gate) && !gate->first && !gate->reserved;

    if (!ca_gate_is_out(gate))
        return true;
    if (!is_probe && gate->waiting + gate->reserved >= (size_t)gate->heart->settings->outage_queue)
        return false;
    *place = (struct ca_place){ .gate = gate, .reserved = true };
    gate->reserved++;
    return true;
}

int64_t ca_gate_closed_until_ms(const struct ca_gate *gate)
{
    return gate->breaker.state == BREAKER_OPEN ? gate->breaker.probe_ms : 0;
}

static size_t count_ahead(const struct ca_gate *gate, const struct ca_place *place)
{
    size_t n = 0;

    if (!place || !place->gate || place->reserved)
        return gate->waiting;
    for (const struct ca_place *p = place->prev; p; p = p->prev)
        n++;
    return n;
}

int64_t ca_gate_wait_ms(const struct ca_gate *gate, const struct ca_place *place)
{
    const bool is_under_way = place && place->passed;
    const int64_t ahead = is_under_way ? 0 : (int64_t)count_ahead(gate, place);

    if (ca_gate_is_out(gate))
        return ca_gate_probe_in_ms(gate) + SETTLE_MS + ahead * gate->order_ms / AT_ONCE_GUESSED;
    return gate->width && !is_under_way ? (ahead / (int64_t)gate->width + 1) * gate->order_ms : 0;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

/* A gate stays where it is when its CA's block changes. */
static struct ca_gate *find_named(const struct ca_gates *gates, const char *ca)
{
    struct ca_gate *gate = gates->first;

    while (gate && strcmp(gate->ca->in.name, ca) != 0)
        gate = gate->next;
    return gate;
}

static int add_gate(struct ca_gates *gates, struct heart *heart, struct instance *ca)
{
    struct ca_gate *gate = calloc(1, sizeof *gate);

    if (!gate)
        return -1;
    *gate = (struct ca_gate){ .next = gates->first, .heart = heart, .ca = ca, .order_ms = ORDER_FIRST_MS };
    gate->guard = ca_health_guard(gate);
    gates->first = gate;
    return 0;
}

/* What a plugin that is a DNS back end, too, asks over HTTP may be about that. */
static void guard(struct ca_gate *gate)
{
    if (gate->heart->breakers && !gate->ca->plugin.about.dns)
        gate->ca->in.guard = &gate->guard;
}

struct ca_gates *ca_gates_new(struct heart *heart)
{
    struct ca_gates *gates = ca_gates_prepare(heart, NULL, heart->instances);

    for (struct ca_gate *gate = gates ? gates->first : NULL; gate; gate = gate->next)
        guard(gate);
    return gates;
}

struct ca_gates *ca_gates_prepare(struct heart *heart, const struct ca_gates *now, struct instances *instances)
{
    struct ca_gates *gates = calloc(1, sizeof *gates);
    struct instance *ca;

    for (size_t i = 0; gates && (ca = instances_at(instances, ROLE_CA, i)); i++)
        if (!(now && find_named(now, ca->in.name)) && !ca_gates_find(gates, ca) && add_gate(gates, heart, ca) < 0) {
            ca_gates_free(gates);
            return NULL;
        }
    return gates;
}

void ca_gates_switch(struct ca_gates *gates, struct ca_gates *more)
{
    struct ca_gate **end = &gates->first;

    while (*end)
        end = &(*end)->next;
    *end = more->first;
    free(more);
    for (struct ca_gate *gate = gates->first; gate; gate = gate->next) {
        struct instance *heir = instances_heir(gate->heart->instances, gate->ca);

        if (heir)
            gate->ca = heir;
        guard(gate);
    }
}

void ca_gates_forget(struct ca_gates *gates, const struct instance *ca)
{
    struct ca_gate **at = &gates->first, *gate;

    while (*at && (*at)->ca != ca)
        at = &(*at)->next;
    gate = *at;
    if (!gate)
        return;
    *at = gate->next;
    timer_clear(&gate->timer);
    timer_clear(&gate->soon);
    free(gate);
}

struct ca_gate *ca_gates_find(struct ca_gates *gates, const struct instance *ca)
{
    struct ca_gate *gate = gates->first;

    while (gate && gate->ca != ca)
        gate = gate->next;
    return gate;
}

void ca_gates_stop(struct ca_gates *gates)
{
    for (struct ca_gate *gate = gates->first; gate; gate = gate->next) {
        timer_clear(&gate->timer);
        timer_clear(&gate->soon);
    }
}

void ca_gates_measure(const struct ca_gates *gates, struct metrics *metrics)
{
    for (const struct ca_gate *gate = gates->first; gate; gate = gate->next)
        counts_ca(metrics, gate->ca->in.name, ca_gate_is_out(gate), gate->waiting);
}

void ca_gates_free(struct ca_gates *gates)
{
    struct ca_gate *gate;

    if (!gates)
        return;
    ca_gates_stop(gates);
    while ((gate = gates->first)) {
        gates->first = gate->next;
        free(gate);
    }
    free(gates);
}
