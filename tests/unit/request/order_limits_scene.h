/*
 * The scene of the tests of limits on orders: a zone with two subjects, a clock that stands, and orders that are taken or
 * refused. Included by test_order_limits*.c.
 */
#ifndef ORDER_LIMITS_SCENE_H
#define ORDER_LIMITS_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/order_limits.h"

#define HOUR_MS (3600 * INT64_C(1000))
#define DAY_MS  (24 * HOUR_MS)
#define MOST    40

static struct rig rig;
static struct rig_answer answers[MOST];
static struct order_limits *limits;

static void begin_run(void)
{
    rig_up(&rig, "");
    limits = &rig.setup.settings.limits.orders;
}

static int set_up(void **state)
{
    (void)state;
    clock_freeze(true);
    rig.credential = (struct credential){ 0 };
    begin_run();
    rig_zone(&rig, "x.example", 100);
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "ok");
    rig_subject(&rig, "CN=b.x.example", "x.example", ".x.example", "ok");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        rig_answer_free(&answers[i]);
    memset(answers, 0, sizeof answers);
    rig_down(&rig);
    rig_remove(&rig);
    clock_freeze(false);
    return 0;
}

/* Every call is a key of its own, so it is an order. */
static struct rig_answer *order(const char *name)
{
    struct rig_answer *answer = answers;
    char *csr = rig_csr(name);

    while (answer->came)
        answer++;
    rig_post(&rig, csr, answer);
    rig_until(&rig, &answer->came);
    free(csr);
    return answer;
}

static void assert_ordered(const char *name)
{
    const struct rig_answer *answer = order(name);

    if (answer->code != CS_OK)
        fail_msg("refused: %s", answer->text);
    assert_non_null(answer->chain);
}

static void assert_refused(const char *name, const char *reason, int64_t retry_after_ms)
{
    const struct rig_answer *answer = order(name);

    assert_int_equal(answer->code, CS_ELIMIT);
    assert_string_equal(answer->reason, reason);
    assert_int_equal(answer->retry_after_ms, retry_after_ms);
}

#endif
