/* Who may change something now; see turn.h. */
#include "turn.h"

#include "step.h"

bool turn_take(struct owner *owner)
{
    struct pdns *pdns = owner->pdns;
    struct owner **at = &pdns->waiting;

    if (owner->turn == TURN_HAS)
        return true;
    if (owner->turn == TURN_WAITS)
        return false;
    if (!pdns->changing) {
        pdns->changing = owner;
        owner->turn = TURN_HAS;
        return true;
    }
    while (*at)
        at = &(*at)->turn_next;
    *at = owner;
    owner->turn = TURN_WAITS;
    return false;
}

static void stop_waiting(struct owner *owner)
{
    struct owner **at = &owner->pdns->waiting;

    while (*at != owner)
        at = &(*at)->turn_next;
    *at = owner->turn_next;
    owner->turn_next = NULL;
}

static void pass_on(struct pdns *pdns)
{
    struct owner *next = pdns->waiting;

    pdns->changing = next;
    if (!next)
        return;
    stop_waiting(next);
    next->turn = TURN_HAS;
    step_turn(next);
}

void turn_leave(struct owner *owner)
{
    const enum turn was = owner->turn;

    owner->turn = TURN_NOT_ASKED;
    if (was == TURN_WAITS)
        stop_waiting(owner);
    else if (was == TURN_HAS)
        pass_on(owner->pdns);
}
