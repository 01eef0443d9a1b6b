/*
 * Changes, looks and the cleaning up behind them; see trial.h.
 */
#include "command/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/base64url.h"
#include "base/error.h"
#include "base/name.h"
#include "command/txt_look.h"
#include "request/owner.h"

enum { LABEL_MOST = 63, LOOK_AGAIN_MS = 2, LOOK_AGAIN_MOST_MS = 100, EXPIRES_MS = 3600 * 1000 };

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int trial_begin(struct trial *t, struct lone *lone, const struct conformance_plan *plan, struct cs_error *err)
{
    uint8_t random[4];

    *t = (struct trial){ .lone = lone, .plan = plan };
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return cs_fail(err, CS_EINTERNAL, "no random numbers");
    hex_encode(t->mark, random, sizeof random);
    snprintf(t->zone, sizeof t->zone, "%s.", plan->zone);
    return txt_look_zone(lone->setup.loop, &plan->server, plan->server_len, t->zone, err);
}

/* ---- Owners and values ---- */

/* `rest` without the zone. */
static struct owner_tried *add_owner(struct trial *t, const char *rest, struct cs_error *err)
{
    struct owner_tried *owner = calloc(1, sizeof *owner);
    int len;

    if (!owner) {
        cs_fail(err, CS_EINTERNAL, "out of memory");
        return NULL;
    }
    len = snprintf(owner->name, sizeof owner->name, "_acme-challenge.%s.%s", rest, t->zone);
    if (len < 0 || len > NAME_MAX_LEN + 1) {
        cs_fail(err, CS_EINPUT, "the zone's name is too long to try this in it");
        free(owner);
        return NULL;
    }
    owner->next = t->owners;
    t->owners = owner;
    return owner;
}

struct owner_tried *trial_owner(struct trial *t, const char *word, struct cs_error *err)
{
    char label[64];

    snprintf(label, sizeof label, "%s-%s", word, t->mark);
    return add_owner(t, label, err);
}

struct owner_tried *trial_long_owner(struct trial *t, struct cs_error *err)
{
    const size_t taken = strlen("_acme-challenge.") + strlen(t->zone);
    size_t room = taken < NAME_MAX_LEN ? NAME_MAX_LEN + 1 - taken : 0; /* labels, a dot behind each */
    struct text rest = TEXT_MAX(NAME_MAX_LEN);
    struct owner_tried *owner;

    for (size_t i = 0; room > 1; i++) {
        size_t len = room > LABEL_MOST + 1 ? LABEL_MOST : room - 1;

        len -= room - len == 2; /* the last label has a byte, too */
        text_addf(&rest, "%s", i ? "." : "");
        for (size_t at = 0; at < len; at++)
            text_add_char(&rest, i == 0 && at < strlen(t->mark) ? t->mark[at] : 'x');
        room -= len + 1;
    }
    owner = add_owner(t, text_of(&rest), err);
    text_free(&rest);
    return owner;
}

const char *trial_value(struct owner_tried *owner, struct cs_error *err)
{
    char **more = realloc(owner->values, (owner->n_values + 1) * sizeof *more), *value = malloc(TRIAL_VALUE + 1);
    uint8_t random[32];

    if (more)
        owner->values = more;
    if (!more || !value || getrandom(random, sizeof random, 0) != sizeof random) {
        free(value);
        cs_fail(err, CS_EINTERNAL, "out of memory");
        return NULL;
    }
    base64url_encode(value, random, sizeof random);
    owner->values[owner->n_values++] = value;
    return value;
}

static void forget_owners(struct trial *t)
{
    struct owner_tried *next;

    for (struct owner_tried *owner = t->owners; owner; owner = next) {
        next = owner->next;
        for (size_t i = 0; i < owner->n_values; i++)
            free(owner->values[i]);
        free(owner->values);
        free(owner);
    }
    t->owners = NULL;
}

/* ---- Changes ---- */

static struct cs_txt_change change_of(const struct trial *t, const struct owner_tried *owner)
{
    return (struct cs_txt_change){ .size = sizeof(struct cs_txt_change), .zone = t->zone, .owner = owner->name,
                                   .ttl = OWNER_TTL_S, .expires_ms = cs_wall_ms() + EXPIRES_MS };
}

static int end_change(struct trial *t, const struct owner_tried *owner, struct lone_call *call, struct cs_error *err)
{
    struct lone_result result = { 0 };

    if (!call)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    lone_end(t->lone, call, &result);
    t->changes++;
    t->set_at_us = now_us();
    t->slowest_us = result.us > t->slowest_us ? result.us : t->slowest_us;
    if (!result.failed)
        return 0;
    *err = result.err;
    return cs_fail_in(err, "%.100s: %s", owner->name, error_kind(err->code)->name);
}

static int check_interrupted(const struct trial *t, struct cs_error *err)
{
    return t->interrupted ? cs_fail(err, CS_ESHUTDOWN, "interrupted by a signal") : 0;
}

static int set_in(struct trial *t, const char *zone, const struct owner_tried *owner, const struct few *want,
                  const struct few *gone, struct cs_error *err)
{
    struct cs_txt_change change = change_of(t, owner);

    change.zone = zone;
    change.want = want->v;
    change.n_want = want->n;
    change.gone = gone->v;
    change.n_gone = gone->n;
    if (check_interrupted(t, err) < 0)
        return -1;
    return end_change(t, owner, lone_begin(t->lone, &change), err);
}

int trial_set(struct trial *t, const struct owner_tried *owner, const struct few *want, const struct few *gone,
              struct cs_error *err)
{
    return set_in(t, t->zone, owner, want, gone, err);
}

int trial_set_below(struct trial *t, const struct owner_tried *owner, const struct few *want, const struct few *gone,
                    struct cs_error *err)
{
    return set_in(t, strchr(owner->name, '.') + 1, owner, want, gone, err); /* of the name that is validated */
}

static struct lone_call *begin_all_values(struct trial *t, const struct owner_tried *owner, bool gone)
{
    struct cs_txt_change change = change_of(t, owner);
    const char *const *values = (const char *const *)owner->values;

    change.want = change.gone = values;
    *(gone ? &change.n_gone : &change.n_want) = owner->n_values;
    return lone_begin(t->lone, &change);
}

int trial_set_all(struct trial *t, bool gone, struct cs_error *err)
{
    struct cs_error one = { 0 };
    struct lone_call **calls;
    size_t n = 0;
    int rc = check_interrupted(t, err);

    for (const struct owner_tried *owner = t->owners; owner; owner = owner->next)
        n++;
    calls = calloc(n + 1, sizeof(struct lone_call *));
    if (!calls || rc < 0) {
        free(calls);
        return rc < 0 ? -1 : cs_fail(err, CS_EINTERNAL, "out of memory");
    }
    n = 0;
    for (const struct owner_tried *owner = t->owners; owner; owner = owner->next)
        calls[n++] = begin_all_values(t, owner, gone);
    n = 0;
    for (const struct owner_tried *owner = t->owners; owner; owner = owner->next)
        if (end_change(t, owner, calls[n++], &one) < 0) {
            if (rc == 0)
                *err = one;
            rc = -1;
        }
    free(calls);
    return rc;
}

/* ---- Looks ---- */

struct wanted {
    const char *const *served, *const *absent;
    size_t n_served, n_absent;
};

/* 0: all is as it should be. Otherwise *err says what is not. */
static int compare(const struct wanted *wanted, const struct txt_look *look, struct cs_error *err)
{
    for (size_t i = 0; i < wanted->n_served; i++) {
        const size_t times = txt_look_count(look, wanted->served[i]);

        if (times != 1)
            return cs_fail(err, CS_EUPSTREAM, "value %zu of %zu is served %s, not once: the server has %s", i + 1,
                           wanted->n_served, times ? "more than once" : "not at all", look->said);
    }
    for (size_t i = 0; i < wanted->n_absent; i++)
        if (txt_look_count(look, wanted->absent[i]))
            return cs_fail(err, CS_EUPSTREAM, "value %zu of %zu that should be gone is still served: the server has %s", i + 1,
                           wanted->n_absent, look->said);
    return 0;
}

static void wait_ms(struct trial *t, int64_t ms)
{
    const int64_t until_ms = cs_now_ms() + ms;

    while (cs_now_ms() < until_ms)
        loop_run_once(t->lone->setup.loop, until_ms - cs_now_ms());
}

/* Looks until it is so, or `until_ms`. */
static int see(struct trial *t, const struct owner_tried *owner, const struct wanted *wanted, bool tcp, int64_t until_ms,
               struct cs_error *err)
{
    static struct txt_look look;
    int64_t again_ms = LOOK_AGAIN_MS, left_ms;

    for (;;) {
        if (check_interrupted(t, err) < 0)
            return -1;
        if (txt_look(&look, t->lone->setup.loop, &t->plan->server, t->plan->server_len, owner->name, tcp, err) == 0 &&
            compare(wanted, &look, err) == 0)
            return 0;
        left_ms = until_ms - cs_now_ms();
        if (left_ms <= 0)
            return cs_fail_in(err, "%.100s by %s", owner->name, tcp ? "TCP" : "UDP");
        wait_ms(t, again_ms < left_ms ? again_ms : left_ms);
        again_ms = 2 * again_ms < LOOK_AGAIN_MOST_MS ? 2 * again_ms : LOOK_AGAIN_MOST_MS;
    }
}

static int see_both(struct trial *t, const struct owner_tried *owner, const struct wanted *wanted, int64_t until_ms,
                    struct cs_error *err)
{
    int64_t took_us;

    if (see(t, owner, wanted, false, until_ms, err) < 0 || see(t, owner, wanted, true, until_ms, err) < 0)
        return -1;
    took_us = now_us() - t->set_at_us;
    t->visible_us = took_us > t->visible_us ? took_us : t->visible_us;
    return 0;
}

int trial_see(struct trial *t, const struct owner_tried *owner, const struct few *served, const struct few *absent,
              struct cs_error *err)
{
    const struct wanted wanted = { served->v, absent->v, served->n, absent->n };

    return see_both(t, owner, &wanted, cs_now_ms() + t->plan->visible_ms, err);
}

int trial_see_all(struct trial *t, bool gone, struct cs_error *err)
{
    const int64_t until_ms = cs_now_ms() + t->plan->visible_ms;

    for (const struct owner_tried *owner = t->owners; owner; owner = owner->next) {
        const char *const *values = (const char *const *)owner->values;
        const struct wanted wanted = { values, values, gone ? 0 : owner->n_values, gone ? owner->n_values : 0 };

        if (see_both(t, owner, &wanted, until_ms, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- The end ---- */

int trial_clean(struct trial *t, struct cs_error *err)
{
    const bool interrupted = t->interrupted;
    int rc;

    t->interrupted = false;
    rc = trial_set_all(t, true, err);
    if (rc == 0)
        rc = trial_see_all(t, true, err);
    forget_owners(t);
    t->interrupted |= interrupted;
    return rc;
}
