/*
 * Is a CA out? What is seen of its exchanges and its orders goes into its breaker; probes, and what the operator hears. See
 * ca_gate.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "request/ca_gate_parts.h"
#include "request/counts.h"

#define PROBE_MS        30000 /* for an answer to a probe */
#define PROBE_LATER_MS  1000  /* an order's exchange was in its way */
#define STAGGER_MS      3000  /* orders under way come back within this after the probe */
#define ORDERS_AVERAGED 8

/* ---- It goes out, is asked, and comes back ----------------------------------------------------------------------- */

static void on_probe_time(void *arg);

static const char *who(const struct ca_gate *gate)
{
    return gate->ca->in.who;
}

static void wait_for_probe(struct ca_gate *gate)
{
    timer_set_at(gate->heart->loop, &gate->timer, gate->breaker.probe_ms, on_probe_time, gate);
}

static void fault(struct ca_gate *gate, int64_t retry_after_ms, const char *what)
{
    const bool was_probed = gate->breaker.state == BREAKER_HALF_OPEN, was_open = gate->breaker.state == BREAKER_OPEN;

    if (!breaker_fault(&gate->breaker, cs_now_ms(), retry_after_ms, arc4random())) {
        if (was_open)
            wait_for_probe(gate);
        return;
    }
    gate->generation++;
    gate->width = 0;
    gate->exchange_is_out = false;
    snprintf(gate->fault, sizeof gate->fault, "%s", what);
    if (was_probed) {
        counts_ca_probe(gate->heart->metrics, gate->ca->in.name, false);
        log_line(CS_LOG_INFO, who(gate), "", "the CA is still out, asked again in_s=%" PRId64 " orders_waiting=%zu: %s",
                 ca_gate_probe_in_ms(gate) / 1000, gate->waiting, what);
    } else {
        log_line(CS_LOG_WARN, who(gate), "", "the CA is out, orders wait for it, asked again in_s=%" PRId64 ": %s",
                 ca_gate_probe_in_ms(gate) / 1000, what);
    }
    wait_for_probe(gate);
    gate->is_news = true;
    ca_gate_look_soon(gate);
}

static void is_back(struct ca_gate *gate)
{
    breaker_close(&gate->breaker, cs_now_ms());
    gate->generation++;
    gate->exchange_is_out = false;
    counts_ca_probe(gate->heart->metrics, gate->ca->in.name, true);
    log_line(CS_LOG_INFO, who(gate), "", "the CA is back after_s=%" PRId64 " orders_waiting=%zu",
             (cs_now_ms() - gate->breaker.since_ms) / 1000, gate->waiting);
    timer_clear(&gate->timer);
    if (gate->first)
        ca_gate_limit_to_one(gate);
    ca_gate_look_soon(gate);
}

/* What an error says about the CA's health. */
enum word { WORD_NONE, WORD_ANSWERED, WORD_FAULT };

static enum word word_of(const struct cs_error *err)
{
    switch (err ? err->code : CS_OK) {
    case CS_EUPSTREAM:
    case CS_ETIMEDOUT:
        return WORD_FAULT;
    case CS_EBUSY:
    case CS_ESHUTDOWN:
    case CS_EINTERNAL:
        return WORD_NONE;
    case CS_OK:
    case CS_EINPUT:
    case CS_EDENIED:
    case CS_ENOTFOUND:
    case CS_ECONFLICT:
    case CS_ELIMIT:
    case CS_EREFUSED:
    case CS_ECONFIG:
    case CS_ERESTART:
    case CS_ECREDENTIAL:
        break;
    }
    return WORD_ANSWERED;
}

static void on_probed(void *arg, const struct op_result *result)
{
    struct ca_gate *gate = arg;

    gate->probe_is_out = result->cancelled;
    if (result->late || gate->heart->stopping || gate->breaker.state != BREAKER_HALF_OPEN)
        return;
    if (word_of(result->err) == WORD_ANSWERED)
        is_back(gate);
    else if (strcmp(result->err->reason, CS_CA_OUT) == 0)
        timer_set_in(gate->heart->loop, &gate->timer, PROBE_LATER_MS, on_probe_time, gate);
    else
        fault(gate, result->err->retry_after_ms > 0 ? result->err->retry_after_ms : gate->retry_after_ms, result->err->text);
}

static void on_probe_time(void *arg)
{
    struct ca_gate *gate = arg;
    struct cs_error err;

    if (!breaker_try(&gate->breaker, cs_now_ms()) && gate->breaker.state != BREAKER_HALF_OPEN)
        return;
    if (!gate->ca->plugin.ca.status) {
        ca_gate_look_soon(gate);
    } else if (gate->probe_is_out) {
        fault(gate, 0, "the plugin has not finished the last probe");
    } else {
        gate->probe_is_out = true;
        gate->retry_after_ms = 0;
        if (instance_status(gate->ca, cs_now_ms() + PROBE_MS, on_probed, gate, &err) < 0) {
            gate->probe_is_out = false;
            fault(gate, 0, err.text);
        }
    }
}

/* ---- Its exchanges ----------------------------------------------------------------------------------------------- */

static int refuse(const struct ca_gate *gate, struct cs_error *err)
{
    const int64_t probe_in_ms = ca_gate_probe_in_ms(gate);

    cs_fail_as(err, CS_EBUSY, CS_CA_OUT, "the CA is out; it is asked again in %" PRId64 " s", probe_in_ms / 1000 + 1);
    err->retry_after_ms = probe_in_ms + 1000 + arc4random_uniform(STAGGER_MS);
    return -1;
}

static int on_exchange(void *arg, uint64_t *mark, struct cs_error *err)
{
    struct ca_gate *gate = arg;

    gate->has_exchanges = true;
    *mark = gate->generation;
    if (gate->heart->stopping)
        return 0;
    switch (gate->breaker.state) {
    case BREAKER_CLOSED:
        return 0;
    case BREAKER_OPEN:
        return refuse(gate, err);
    case BREAKER_HALF_OPEN:
        break;
    }
    if (gate->exchange_is_out)
        return refuse(gate, err);
    gate->exchange_is_out = true;
    return 0;
}

/* While half-open the call of `status` tells. */
static void exchange_fault(struct ca_gate *gate, int64_t retry_after_ms, const char *what)
{
    if (gate->breaker.state == BREAKER_HALF_OPEN && gate->ca->plugin.ca.status)
        gate->retry_after_ms = retry_after_ms;
    else
        fault(gate, retry_after_ms, what);
}

/* Of an earlier generation: it tells nothing of how the CA is now; while it is out its Retry-After may be news. */
static bool is_too_old(const struct ca_gate *gate, uint64_t generation)
{
    return generation != gate->generation && gate->breaker.state != BREAKER_OPEN;
}

static void on_exchange_ended(void *arg, uint64_t mark, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct ca_gate *gate = arg;
    char what[32];

    if (mark == gate->generation)
        gate->exchange_is_out = false;
    if (gate->heart->stopping || is_too_old(gate, mark))
        return;
    if (reply && reply->status >= 500) {
        snprintf(what, sizeof what, "it answered %d", reply->status);
        exchange_fault(gate, reply->retry_after_ms, what);
    } else if (reply) {
        breaker_answer(&gate->breaker);
    } else if (err && (err->code == CS_EUPSTREAM || err->code == CS_ETIMEDOUT)) {
        exchange_fault(gate, 0, err->text);
    }
}

struct http_guard ca_health_guard(struct ca_gate *gate)
{
    return (struct http_guard){ .admit = on_exchange, .ended = on_exchange_ended, .arg = gate };
}

/* ---- Its orders -------------------------------------------------------------------------------------------------- */

/* The exchange of another order was in its way, and may be for a while. */
static void ask_later(struct ca_gate *gate, struct ca_place *place)
{
    place->let_go = false; /* it keeps its number */
    breaker_put_off(&gate->breaker, cs_now_ms() + PROBE_LATER_MS);
    wait_for_probe(gate);
}

/* The order that is the probe. Trouble with the DNS says nothing: the next one is asked. */
static void on_probe_order(struct ca_gate *gate, struct ca_place *place, enum word word, const struct cs_error *err)
{
    gate->probe = NULL;
    if (gate->breaker.state != BREAKER_HALF_OPEN)
        return;
    if (word == WORD_ANSWERED)
        is_back(gate);
    else if (word == WORD_FAULT)
        fault(gate, err->retry_after_ms, err->text);
    else if (err && strcmp(err->reason, CS_CA_OUT) == 0)
        ask_later(gate, place);
    else
        ca_gate_look_soon(gate);
}

/* Where exchanges are seen, only they tell whether one that failed was answered. A limit of the CA's own: those behind go
 * slowly. */
static void has_ended(struct ca_gate *gate, const struct cs_error *err)
{
    if (!err || !gate->has_exchanges)
        breaker_order(&gate->breaker);
    if (gate->width && err && err->code == CS_ELIMIT)
        gate->width = 1;
    else
        ca_gate_widen(gate);
}

void ca_gate_order(struct ca_place *place, int64_t took_ms, bool was_dns, const struct cs_error *err)
{
    struct ca_gate *gate = place->gate;
    const enum word word = was_dns ? WORD_NONE : word_of(err);

    if (!gate || !gate->heart->breakers || gate->heart->stopping)
        return;
    if (!err && took_ms > 0)
        gate->order_ms += (took_ms - gate->order_ms) / ORDERS_AVERAGED;
    if (gate->probe == place)
        on_probe_order(gate, place, word, err);
    else if (word == WORD_ANSWERED && !ca_gate_is_out(gate))
        has_ended(gate, err);
    else if (word == WORD_FAULT && !gate->has_exchanges && !is_too_old(gate, place->generation))
        fault(gate, err->retry_after_ms, err->text);
}

bool ca_gate_is_why(const struct ca_gate *gate, const struct cs_error *err)
{
    if (strcmp(err->reason, CS_CA_OUT) == 0)
        return true;
    return ca_gate_is_out(gate) && (err->code == CS_EUPSTREAM || err->code == CS_ETIMEDOUT);
}

void ca_gate_own_error(const struct ca_gate *gate, const struct cs_error *why, struct cs_error *err)
{
    *err = *why;
    if (strcmp(why->reason, CS_CA_OUT) == 0)
        cs_fail_as(err, CS_EUPSTREAM, "ca-unavailable", "the CA failed each time that this order was let go: %s", gate->fault);
}
