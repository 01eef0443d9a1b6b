/* records/ledger.c and visit_sink.c: visits by the hour, in no order, without a time; lost rather than late or on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/clock.h"
#include "records/ledger.h"

enum { HOUR_MS = 3600 * 1000, LINES_MOST = 150000 };

struct instances {
    size_t n;
};

/* What a sink was given, one JSON object for each event; called in its own thread. */
static struct fake_sink {
    struct instance instance;
    pthread_mutex_t lock;
    char **lines;
    size_t n;
    int calls, fail, reopened; /* fail: so many calls fail; -1: all */
    bool odd;                  /* an event that had a number, a time or another kind */
    atomic_bool held;
    sem_t gate; /* a call waits here while `held` */
} sinks[3];
static struct instances all;
static struct loop *loop;
static struct metrics *metrics;
static struct ledger *ledger;

struct instance *instances_at(struct instances *instances, enum role role, size_t index)
{
    assert_int_equal(role, ROLE_AUDIT);
    return index < instances->n ? &sinks[index].instance : NULL;
}

static struct fake_sink *sink_of(const struct instance *instance)
{
    for (size_t i = 0; i < 3; i++)
        if (instance == &sinks[i].instance)
            return &sinks[i];
    abort();
}

int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err)
{
    struct fake_sink *sink = sink_of(instance);
    int rc = 0;

    if (sink->held)
        sem_wait(&sink->gate);
    pthread_mutex_lock(&sink->lock);
    sink->calls++;
    if (sink->fail) {
        sink->fail -= sink->fail > 0;
        rc = cs_fail(err, CS_EUPSTREAM, "the sink is down");
    }
    for (size_t i = 0; rc == 0 && i < n && sink->n < LINES_MOST; i++) {
        sink->odd |= events[i].number || events[i].time_ms || strcmp(events[i].kind, "visit") != 0;
        sink->lines[sink->n++] = strndup(events[i].json, events[i].json_len);
    }
    pthread_mutex_unlock(&sink->lock);
    return rc;
}

void instance_audit_reopen(struct instance *instance)
{
    struct fake_sink *sink = sink_of(instance);

    pthread_mutex_lock(&sink->lock);
    sink->reopened++;
    pthread_mutex_unlock(&sink->lock);
}

static int set_up(void **state)
{
    static const char *const names[] = { "people", "file", "siem" };
    static const char *const who[] = { "audit.people", "audit.file", "audit.siem" };

    (void)state;
    loop = loop_new(NULL);
    metrics = metrics_new();
    assert_true(loop && metrics);
    for (size_t i = 0; i < 3; i++) {
        sinks[i] = (struct fake_sink){ .instance = { .in = { .name = names[i], .role = "audit", .who = who[i], .loop = loop },
                                                     .block.ledger = i == 2 ? LEDGER_ISSUANCE : LEDGER_VISITS },
                                       .lines = calloc(LINES_MOST, sizeof(char *)) };
        assert_non_null(sinks[i].lines);
        pthread_mutex_init(&sinks[i].lock, NULL);
        sem_init(&sinks[i].gate, 0, 0);
    }
    return 0;
}

static void open_ledger(size_t n_sinks)
{
    struct cs_error err = { 0 };

    all.n = n_sinks;
    ledger = ledger_open(loop, &all, metrics, &err);
    assert_string_equal(err.text, "");
    assert_non_null(ledger);
}

static int tear_down(void **state)
{
    (void)state;
    ledger_close(ledger);
    ledger = NULL;
    metrics_free(metrics);
    loop_free(loop);
    for (size_t i = 0; i < 3; i++) {
        for (size_t l = 0; l < sinks[i].n; l++)
            free(sinks[i].lines[l]);
        free(sinks[i].lines);
    }
    return 0;
}

static size_t lines_of(struct fake_sink *sink)
{
    size_t n;

    pthread_mutex_lock(&sink->lock);
    n = sink->n;
    pthread_mutex_unlock(&sink->lock);
    return n;
}

static int calls_of(struct fake_sink *sink)
{
    int calls;

    pthread_mutex_lock(&sink->lock);
    calls = sink->calls;
    pthread_mutex_unlock(&sink->lock);
    return calls;
}

static void await_lines(struct fake_sink *sink, size_t n)
{
    for (int i = 0; i < 2000 && lines_of(sink) < n; i++)
        loop_run_once(loop, 10);
    assert_int_equal(lines_of(sink), n);
}

static void add(int64_t day, const char *value, const char *outcome)
{
    const struct cs_visit_label label = { "campaign", value };
    const struct cs_visit visit = { .size = sizeof visit, .day = day, .hour = 17, .zone = "go.example", .has_src = true,
                                    .src = UINT64_C(0x1122334455667788), .labels = &label, .n_labels = 1, .outcome = outcome,
                                    .reached = "issued", .error = "", .alg = "ecdsa-p256", .client = "curl" };

    ledger_add(ledger, &visit);
}

static void add_many(int n)
{
    char value[32];

    for (int i = 0; i < n; i++) {
        snprintf(value, sizeof value, "%06d", i);
        add(20778, value, "issued");
    }
}

static void a_visit_comes_with_its_day_and_nothing_that_tells_more(void **state)
{
    (void)state;
    open_ledger(1);
    add(20778, "fair", "issued");
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[0], 1);
    assert_string_equal(sinks[0].lines[0],
                        "{\"day\":\"2026-11-21\",\"zone\":\"go.example\",\"labels\":{\"campaign\":\"fair\"},"
                        "\"outcome\":\"issued\",\"reached\":\"issued\",\"error\":\"\",\"alg\":\"ecdsa-p256\","
                        "\"client\":\"curl\",\"n\":1}");
    assert_false(sinks[0].odd);
}

static void visits_that_say_the_same_are_counted(void **state)
{
    (void)state;
    open_ledger(1);
    for (int i = 0; i < 3; i++)
        add(20778, "fair", "issued");
    add(20779, "fair", "issued");
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[0], 2);
    assert_true(strstr(sinks[0].lines[0], "\"n\":3}") || strstr(sinks[0].lines[1], "\"n\":3}"));
    assert_true(strstr(sinks[0].lines[0], "\"n\":1}") || strstr(sinks[0].lines[1], "\"n\":1}"));
}

static void nothing_leaves_before_the_hour_is_over(void **state)
{
    (void)state;
    open_ledger(1);
    clock_move(loop, HOUR_MS);
    loop_run_once(loop, 0);
    add(20778, "fair", "issued");
    clock_move(loop, HOUR_MS - 1000);
    for (int i = 0; i < 5; i++)
        loop_run_once(loop, 1);
    assert_int_equal(calls_of(&sinks[0]), 0);
    clock_move(loop, 1000);
    await_lines(&sinks[0], 1);
}

/* The same visits come in another order each time; with 500 of them, chance gives the same one never. */
static void the_order_is_left_to_chance(void **state)
{
    int rises = 0, moved = 0;

    (void)state;
    open_ledger(1);
    for (int round = 0; round < 2; round++) {
        add_many(500);
        clock_move(loop, HOUR_MS);
        await_lines(&sinks[0], 500 * ((size_t)round + 1));
    }
    for (int i = 0; i < 500; i++)
        moved += strcmp(sinks[0].lines[i], sinks[0].lines[500 + i]) != 0;
    for (int i = 1; i < 500; i++)
        rises += strcmp(sinks[0].lines[i - 1], sinks[0].lines[i]) < 0;
    assert_true(moved > 450);
    assert_true(rises > 180 && rises < 320);
}

static void every_visits_sink_gets_all_and_an_issuance_sink_none(void **state)
{
    (void)state;
    open_ledger(3);
    add_many(1200);
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[0], 1200);
    await_lines(&sinks[1], 1200);
    assert_int_equal(calls_of(&sinks[2]), 0);
    assert_int_equal(calls_of(&sinks[0]), 3);
}

static void without_a_sink_nothing_is_kept(void **state)
{
    (void)state;
    open_ledger(0);
    add(20778, "fair", "issued");
    ledger_add(NULL, NULL);
    clock_move(loop, 2 * HOUR_MS);
    loop_run_once(loop, 0);
}

static void a_sink_that_is_down_holds_up_no_other_and_gets_all_later(void **state)
{
    (void)state;
    open_ledger(2);
    sinks[0].fail = 2;
    add_many(10);
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[1], 10);
    for (int i = 0; i < 2000 && lines_of(&sinks[0]) < 10; i++) {
        clock_move(loop, 500);
        loop_run_once(loop, 1);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    assert_int_equal(lines_of(&sinks[0]), 10);
    assert_int_equal(calls_of(&sinks[0]), 3);
}

static void a_sink_that_hangs_holds_up_no_other(void **state)
{
    (void)state;
    open_ledger(2);
    sinks[0].held = true;
    add_many(10);
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[1], 10);
    add_many(10);
    clock_move(loop, HOUR_MS);
    await_lines(&sinks[1], 20);
    assert_int_equal(lines_of(&sinks[0]), 0);
    sinks[0].held = false;
    sem_post(&sinks[0].gate);
    await_lines(&sinks[0], 20);
}

static int64_t metric(const char *name)
{
    struct text out = TEXT_MAX(100000);
    const char *at;
    char *end;
    int64_t value;

    ledger_measure(ledger);
    metrics_write(metrics, &out);
    at = strstr(text_of(&out), name);
    assert_non_null(at);
    value = strtoll(at + strlen(name), &end, 10);
    assert_int_equal(*end, '\n');
    text_free(&out);
    return value;
}

#define LOST    "countersign_visits_sink_lost_total{sink=\"people\"} "
#define WAITING "countersign_visits_sink_waiting{sink=\"people\"} "

static void what_does_not_fit_into_memory_is_lost_and_counted(void **state)
{
    (void)state;
    open_ledger(1);
    assert_int_equal(metric(LOST), 0);
    add_many(100003);
    assert_int_equal(metric(WAITING), 0); /* of the running hour nothing is told */
    add(20778, "000007", "issued"); /* one more of what is there needs no room */
    assert_int_equal(metric(LOST), 3);
    sinks[0].fail = -1;
    clock_move(loop, HOUR_MS);
    for (int i = 0; i < 2000 && calls_of(&sinks[0]) < 1; i++)
        loop_run_once(loop, 10);
    assert_int_equal(metric(WAITING), 100000);
    for (int i = 0; i < 50; i++) /* let it be told that it failed */
        loop_run_once(loop, 1);
    add(20779, "newer", "issued");
    clock_move(loop, HOUR_MS);
    for (int i = 0; i < 2000 && metric(WAITING) != 1; i++)
        loop_run_once(loop, 1);
    assert_int_equal(metric(WAITING), 1);
    assert_int_equal(metric(LOST), 3 + 100001);
}

static void at_the_stop_what_there_is_goes_out(void **state)
{
    (void)state;
    open_ledger(1);
    add_many(700);
    ledger_close(ledger);
    ledger = NULL;
    assert_int_equal(lines_of(&sinks[0]), 700);
}

static void a_sink_that_is_down_at_the_stop_delays_it_no_longer_than_its_try(void **state)
{
    const int64_t began_ms = cs_now_ms();

    (void)state;
    open_ledger(1);
    sinks[0].fail = -1;
    add_many(3);
    ledger_close(ledger);
    ledger = NULL;
    assert_int_equal(calls_of(&sinks[0]), 1);
    assert_true(cs_now_ms() - began_ms < 1500);
}

static void a_hangup_reaches_every_sink(void **state)
{
    (void)state;
    open_ledger(2);
    ledger_reopen(ledger);
    ledger_reopen(NULL);
    ledger_close(ledger);
    ledger = NULL;
    loop_run_once(loop, 0); /* hears that they are done */
    assert_int_equal(sinks[0].reopened, 1);
    assert_int_equal(sinks[1].reopened, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_visit_comes_with_its_day_and_nothing_that_tells_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(visits_that_say_the_same_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_leaves_before_the_hour_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_is_left_to_chance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_visits_sink_gets_all_and_an_issuance_sink_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_sink_nothing_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sink_that_is_down_holds_up_no_other_and_gets_all_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sink_that_hangs_holds_up_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_into_memory_is_lost_and_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_the_stop_what_there_is_goes_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sink_that_is_down_at_the_stop_delays_it_no_longer_than_its_try, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hangup_reaches_every_sink, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
