/*
 * What a rig waits for, and what can be seen of it from outside: its orders, and what the fake plugins were asked; see rig.h.
 */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/clock.h"

/* ---- Time ---- */

int64_t rig_real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void rig_wait_on(struct rig *rig, int64_t end_ms, const char *condition)
{
    if (rig_real_ms() >= end_ms)
        fail_msg("waited in vain for: %s", condition);
    loop_run_once(rig->loop, 10);
}

void rig_hurry_on(struct rig *rig, int64_t end_ms, int64_t step_ms, const char *condition)
{
    const int64_t step_end_ms = rig_real_ms() + 10;

    do
        rig_wait_on(rig, end_ms, condition);
    while (rig_real_ms() < step_end_ms);
    clock_move(rig->loop, step_ms);
}

void rig_until(struct rig *rig, const bool *flag)
{
    rig_until_true(rig, *flag);
}

void rig_hurry(struct rig *rig, int64_t step_ms, const bool *flag)
{
    rig_hurry_until(rig, step_ms, *flag);
}

void rig_rest(struct rig *rig)
{
    rig_until_true(rig, heart_busy(rig->heart) == 0);
}

void rig_settle(struct rig *rig)
{
    for (int i = 0; i < 10; i++)
        loop_run_once(rig->loop, 5);
}

/* ---- Where the orders are ---- */

struct census {
    const char *word;
    enum job_phase phase;
    enum cs_job_state state;
    size_t at_word, in_phase, in_state, in_zone, waiters;
};

static void count_job(struct job *job, void *arg)
{
    struct census *census = arg;

    census->at_word += census->word && job->phase == JOB_SIGNING && strcmp(job_step(job), census->word) == 0;
    census->in_phase += job->phase == census->phase;
    census->in_state += job->state == census->state;
    census->in_zone += job->zone_place.running;
    for (const struct job_waiter *waiter = job->first; waiter; waiter = waiter->next)
        census->waiters++;
}

size_t rig_at_step(struct rig *rig, const char *word)
{
    struct census census = { .word = word };

    jobs_each(rig->heart->jobs, count_job, &census);
    return census.at_word;
}

size_t rig_in_phase(struct rig *rig, enum job_phase phase)
{
    struct census census = { .phase = phase };

    jobs_each(rig->heart->jobs, count_job, &census);
    return census.in_phase;
}

size_t rig_in_state(struct rig *rig, enum cs_job_state state)
{
    struct census census = { .state = state };

    jobs_each(rig->heart->jobs, count_job, &census);
    return census.in_state;
}

size_t rig_in_zone(struct rig *rig)
{
    struct census census = { 0 };

    jobs_each(rig->heart->jobs, count_job, &census);
    return census.in_zone;
}

size_t rig_waiters(struct rig *rig)
{
    struct census census = { 0 };

    jobs_each(rig->heart->jobs, count_job, &census);
    return census.waiters;
}

void rig_open_gate(struct rig *rig, const char *name)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/calls.%s", rig->folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

void rig_close_gate(struct rig *rig, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/calls.%s", rig->folder, name);
    assert_int_equal(unlink(path), 0);
}

/* ---- What the fakes did ---- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    ssize_t n;

    if (!f)
        return NULL;
    n = getdelim(&text, &room, '\0', f);
    fclose(f);
    if (n >= 0)
        return text;
    free(text);
    return NULL;
}

char *rig_calls(struct rig *rig)
{
    char path[128], *text;

    snprintf(path, sizeof path, "%s/calls", rig->folder);
    text = read_file(path);
    return text ? text : text_copy("");
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (const char *at = text; at && *at; at++)
        lines += *at == '\n';
    return lines;
}

void rig_assert_calls(struct rig *rig, size_t n)
{
    char *calls = rig_calls(rig);

    assert_int_equal(count_lines(calls), n);
    free(calls);
}

bool rig_calls_have(struct rig *rig, const char *word)
{
    char *calls = rig_calls(rig);
    const bool has = strstr(calls, word) != NULL;

    free(calls);
    return has;
}

char *rig_served_other(struct rig *rig, const char *owner)
{
    char path[400];

    snprintf(path, sizeof path, "%s/other/%s", rig->folder, owner);
    return read_file(path);
}

char *rig_served(struct rig *rig, const char *owner)
{
    char path[400];

    snprintf(path, sizeof path, "%s/dns/%s", rig->folder, owner);
    return read_file(path);
}

bool rig_serves(struct rig *rig, const char *owner, const char *lines)
{
    char *served = rig_served(rig, owner);
    const bool same = served && lines ? strcmp(served, lines) == 0 : !served && !lines;

    free(served);
    return same;
}

size_t rig_dns_calls(struct rig *rig)
{
    char *calls = rig_served(rig, "calls");
    const size_t n = count_lines(calls);

    free(calls);
    return n;
}

size_t rig_challenges(struct rig *rig)
{
    return rig_count(rig, "job_challenge");
}
