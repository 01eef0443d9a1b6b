/*
 * Runs the behaviours and tells how they went; see conformance.h.
 */
#include "command/conformance.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "command/conformance_behaviours.h"

void conformance_list(FILE *to)
{
    for (const struct behaviour *b = conformance_behaviours; b->name; b++)
        fprintf(to, "%-20s %s\n", b->name, b->shows);
}

/* ---- Which ---- */

/* Is `name` (len bytes) one of the names between commas? `only` NULL: yes. */
static bool is_among(const char *only, const char *name, size_t len)
{
    size_t n;

    for (const char *at = only; at && *at; at += n + (at[n] == ',')) {
        n = strcspn(at, ",");
        if (n == len && strncmp(at, name, n) == 0)
            return true;
    }
    return only == NULL;
}

static bool is_known(const char *name, size_t len)
{
    for (const struct behaviour *b = conformance_behaviours; b->name; b++)
        if (strlen(b->name) == len && strncmp(b->name, name, len) == 0)
            return true;
    return false;
}

static int refuse(const char *name, size_t len, struct cs_error *err)
{
    struct text known = TEXT_MAX(400);

    for (const struct behaviour *b = conformance_behaviours; b->name; b++)
        text_addf(&known, " %s", b->name);
    cs_fail(err, CS_EINPUT, "there is no behaviour `%.*s`; there are:%s", len < 40 ? (int)len : 40, name, text_of(&known));
    text_free(&known);
    return -1;
}

int conformance_check_names(const char *only, struct cs_error *err)
{
    size_t n;

    for (const char *at = only;; at += n + 1) {
        n = strcspn(at, ",");
        if (!is_known(at, n))
            return refuse(at, n, err);
        if (!at[n])
            return 0;
    }
}

/* ---- The run ---- */

/* The first signal ends the behaviour under way, and what it made is taken away; a second one ends the process. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct trial *t = arg;

    (void)what;
    t->interrupted = true;
    signal((int)number, SIG_DFL);
}

static struct event *watch_signal(struct trial *t, int number)
{
    struct event *event = evsignal_new(loop_base(t->lone->setup.loop), number, on_signal, t);

    if (event)
        event_add(event, NULL);
    return event;
}

/* Did it work, and was it all taken away again? */
static int try_behaviour(struct trial *t, const struct behaviour *b, struct cs_error *err)
{
    struct cs_error left = { 0 };
    int rc = b->run(t, err), cleaned = trial_clean(t, &left);

    if (cleaned == 0)
        return rc;
    if (rc < 0)
        return -1; /* what stopped the behaviour stops this, too */
    *err = left;
    return cs_fail_in(err, "taken away afterwards");
}

static bool run_behaviour(struct trial *t, const struct behaviour *b)
{
    const int64_t began_ms = cs_now_ms();
    struct cs_error err = { 0 };
    int rc;

    t->changes = 0;
    t->slowest_us = t->visible_us = 0;
    rc = try_behaviour(t, b, &err);
    printf("%s %-20s %6d  ", rc == 0 ? "pass" : "FAIL", b->name, (int)(cs_now_ms() - began_ms));
    if (rc == 0)
        printf("%zu changes, the slowest %.1f ms; visible after %.1f ms\n", t->changes, (double)t->slowest_us / 1000,
               (double)t->visible_us / 1000);
    else
        printf("%s\n", err.text);
    fflush(stdout);
    return rc == 0;
}

int conformance_run(struct lone *lone, const struct conformance_plan *plan, struct cs_error *err)
{
    struct event *events[2];
    struct trial t;
    int failed = 0;

    if (trial_begin(&t, lone, plan, err) < 0)
        return -1;
    events[0] = watch_signal(&t, SIGINT);
    events[1] = watch_signal(&t, SIGTERM);
    for (const struct behaviour *b = conformance_behaviours; b->name && !t.interrupted; b++)
        if (is_among(plan->only, b->name, strlen(b->name)))
            failed += !run_behaviour(&t, b);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    return failed;
}
