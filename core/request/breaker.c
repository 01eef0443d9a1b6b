/*
 * Closed, open, half-open; see breaker.h.
 */
#include "request/breaker.h"

static bool is_too_much(const struct breaker *b, int64_t now_ms)
{
    if (b->on_trial)
        return true;
    return b->faults >= BREAKER_FAULTS && now_ms - b->fault_ms[b->faults % BREAKER_FAULTS] <= BREAKER_WITHIN_MS;
}

static int64_t clamp(int64_t retry_after_ms)
{
    if (retry_after_ms < BREAKER_RETRY_AFTER_LEAST)
        return BREAKER_RETRY_AFTER_LEAST;
    return retry_after_ms < BREAKER_RETRY_AFTER_MOST ? retry_after_ms : BREAKER_RETRY_AFTER_MOST;
}

static void plan_probe(struct breaker *b, int64_t now_ms, int64_t retry_after_ms, uint32_t chance)
{
    int64_t wait_ms;

    b->wait_ms = b->wait_ms ? 2 * b->wait_ms : BREAKER_FIRST_MS;
    if (b->wait_ms > BREAKER_MOST_MS)
        b->wait_ms = BREAKER_MOST_MS;
    wait_ms = retry_after_ms > 0 ? clamp(retry_after_ms) : b->wait_ms;
    b->probe_ms = now_ms + wait_ms + (int64_t)(chance % (uint32_t)(wait_ms / 5 + 1));
}

/* A request that was under way when the breaker opened may still bring the CA's word. */
static void postpone(struct breaker *b, int64_t now_ms, int64_t retry_after_ms)
{
    if (retry_after_ms > 0 && now_ms + clamp(retry_after_ms) > b->probe_ms)
        b->probe_ms = now_ms + clamp(retry_after_ms);
}

bool breaker_fault(struct breaker *b, int64_t now_ms, int64_t retry_after_ms, uint32_t chance)
{
    switch (b->state) {
    case BREAKER_OPEN:
        postpone(b, now_ms, retry_after_ms);
        return false;
    case BREAKER_HALF_OPEN:
        break;
    case BREAKER_CLOSED:
        if (b->on_trial && now_ms - b->closed_ms >= BREAKER_TRIAL_MS)
            breaker_order(b);
        b->fault_ms[b->faults++ % BREAKER_FAULTS] = now_ms;
        if (!is_too_much(b, now_ms))
            return false;
        if (!b->on_trial)
            b->since_ms = now_ms;
        break;
    }
    b->state = BREAKER_OPEN;
    plan_probe(b, now_ms, retry_after_ms, chance);
    return true;
}

void breaker_answer(struct breaker *b)
{
    b->faults = 0;
}

bool breaker_try(struct breaker *b, int64_t now_ms)
{
    if (b->state != BREAKER_OPEN || now_ms < b->probe_ms)
        return false;
    b->state = BREAKER_HALF_OPEN;
    return true;
}

void breaker_close(struct breaker *b, int64_t now_ms)
{
    b->state = BREAKER_CLOSED;
    b->on_trial = true;
    b->closed_ms = now_ms;
    b->faults = 0;
}

void breaker_put_off(struct breaker *b, int64_t probe_ms)
{
    b->state = BREAKER_OPEN;
    b->probe_ms = probe_ms;
}

void breaker_order(struct breaker *b)
{
    b->on_trial = false;
    b->wait_ms = 0;
    b->faults = 0;
}
