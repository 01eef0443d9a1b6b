/*
 * A line, a call, an answer; see steps.h.
 *
 *   {"owner": "_acme-challenge.www.lab.example.", "want": ["…"], "gone": ["…"], "ttl": 10, "expires_ms": 0}
 *   {"ok": true, "ms": 1.204}    {"ok": false, "code": "CS_EREFUSED", "text": "…", "ms": 3.1}
 */
#include "command/steps.h"

#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/name.h"
#include "command/table.h"
#include "request/owner.h"

enum { LINE_MOST = 1 << 20, VALUES_MOST = 1000, TTL_MOST = 86400 };

struct steps {
    struct lone *lone;
    const char *zone; /* without a dot at its end */
    int fd;
    struct event *event; /* NULL: the file can always be read */
    bool readable, end;
    struct text in;
    size_t line;
    bool failed;
};

/* ---- One step ---- */

struct step {
    json_t *root;
    char zone[NAME_MAX_LEN + 2], owner[NAME_MAX_LEN + 2];
    const char *want[VALUES_MOST], *gone[VALUES_MOST];
    struct cs_txt_change change;
};

static int read_values(const json_t *list, const char *what, const char **out, size_t *n, struct cs_error *err)
{
    const json_t *value;
    size_t i;

    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > VALUES_MOST)
        return cs_fail(err, CS_EINPUT, "\"%s\" is not a list of at most %d strings", what, VALUES_MOST);
    json_array_foreach(list, i, value) {
        if (!json_is_string(value) || !json_string_length(value))
            return cs_fail(err, CS_EINPUT, "\"%s\" holds something that is not a string", what);
        out[(*n)++] = json_string_value(value);
    }
    return 0;
}

static int read_owner(struct step *step, const char *owner, const char *zone, struct cs_error *err)
{
    char name[NAME_MAX_LEN + 1];

    if (!owner)
        return cs_fail(err, CS_EINPUT, "it has no \"owner\"");
    if (table_name(name, owner, NAME_UNDERSCORE | NAME_ONE_LABEL, "owner", err) < 0)
        return -1;
    if (!name_in_zone(name, zone))
        return cs_fail(err, CS_EINPUT, "%s does not lie in the zone %s", name, zone);
    snprintf(step->owner, sizeof step->owner, "%s.", name);
    snprintf(step->zone, sizeof step->zone, "%s.", zone);
    return 0;
}

static int read_known_keys(const json_t *root, struct cs_error *err)
{
    static const char *const known[] = { "owner", "want", "gone", "ttl", "expires_ms" };
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)root, key, value) {
        size_t i = 0;

        while (i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0)
            i++;
        if (i == sizeof known / sizeof *known)
            return cs_fail(err, CS_EINPUT, "a step has owner, want, gone, ttl, expires_ms; nothing else");
    }
    return 0;
}

static int read_numbers(struct step *step, struct cs_error *err)
{
    const json_t *ttl = json_object_get(step->root, "ttl"), *expires_ms = json_object_get(step->root, "expires_ms");

    if ((ttl && !json_is_integer(ttl)) || (expires_ms && !json_is_integer(expires_ms)))
        return cs_fail(err, CS_EINPUT, "\"ttl\" and \"expires_ms\" are whole numbers");
    if (ttl && (json_integer_value(ttl) < 0 || json_integer_value(ttl) > TTL_MOST))
        return cs_fail(err, CS_EINPUT, "\"ttl\" is between 0 and %d seconds", TTL_MOST);
    step->change.ttl = ttl ? (uint32_t)json_integer_value(ttl) : OWNER_TTL_S;
    step->change.expires_ms = json_integer_value(expires_ms);
    return 0;
}

static int read_step(struct step *step, const char *line, size_t len, const char *zone, struct cs_error *err)
{
    json_error_t why;

    step->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(step->root))
        return cs_fail(err, CS_EINPUT, "not a JSON object: %s", step->root ? "something else" : why.text);
    step->change = (struct cs_txt_change){ .size = sizeof step->change, .zone = step->zone, .owner = step->owner,
                                           .want = step->want, .gone = step->gone };
    if (read_known_keys(step->root, err) < 0 ||
        read_owner(step, json_string_value(json_object_get(step->root, "owner")), zone, err) < 0 ||
        read_values(json_object_get(step->root, "want"), "want", step->want, &step->change.n_want, err) < 0 ||
        read_values(json_object_get(step->root, "gone"), "gone", step->gone, &step->change.n_gone, err) < 0)
        return -1;
    return read_numbers(step, err);
}

static void print_result(const struct lone_result *result)
{
    json_t *out = json_pack("{s:b}", "ok", !result->failed);

    if (result->failed) {
        json_object_set_new(out, "code", json_string(error_kind(result->err.code)->name));
        json_object_set_new(out, "text", json_string(result->err.text));
    }
    json_object_set_new(out, "ms", json_real((double)result->us / 1000));
    json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(out);
}

static void run_step(struct steps *steps, const char *line, size_t len)
{
    struct step *step = calloc(1, sizeof *step);
    struct lone_result result = { .failed = true };

    steps->line++;
    if (!step)
        cs_fail(&result.err, CS_EINTERNAL, "out of memory");
    else if (read_step(step, line, len, steps->zone, &result.err) < 0)
        cs_fail_in(&result.err, "step %zu", steps->line);
    else
        lone_set_txt(steps->lone, &step->change, &result);
    print_result(&result);
    steps->failed |= result.failed;
    if (step)
        json_decref(step->root);
    free(step);
}

/* ---- Lines ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ((struct steps *)arg)->readable = true;
}

/* Files are always ready, and epoll would refuse them. */
static int watch(struct steps *steps, struct cs_error *err)
{
    struct stat st;

    steps->readable = true;
    if (fstat(steps->fd, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "the steps cannot be read: %s", strerror(errno));
    if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) && !isatty(steps->fd))
        return 0;
    steps->readable = false;
    steps->event = event_new(loop_base(steps->lone->setup.loop), steps->fd, EV_READ, on_readable, steps);
    return steps->event ? 0 : cs_fail(err, CS_EINTERNAL, "out of memory");
}

/* Waits on the loop, so that the plugin's own timers and sockets are served meanwhile. */
static int read_more(struct steps *steps, struct cs_error *err)
{
    char bytes[65536];
    ssize_t n;

    if (steps->event && event_add(steps->event, NULL) < 0)
        return cs_fail(err, CS_EINTERNAL, "the steps cannot be watched");
    while (!steps->readable)
        loop_run_once(steps->lone->setup.loop, 1000);
    steps->readable = !steps->event;
    n = read(steps->fd, bytes, sizeof bytes);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return cs_fail(err, CS_ECONFIG, "the steps cannot be read: %s", strerror(errno));
    steps->end = n == 0;
    if (n > 0)
        text_add_n(&steps->in, bytes, (size_t)n);
    return text_failed(&steps->in) ? cs_fail(err, CS_EINPUT, "a line of the steps is longer than %d bytes", LINE_MOST) : 0;
}

/* Every whole line that is there, and at the end what is left. */
static void run_lines(struct steps *steps)
{
    const char *at = text_of(&steps->in), *const end = at + steps->in.len, *newline;
    struct text rest = TEXT_MAX(LINE_MOST);

    while (at < end) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline && !steps->end)
            break;
        newline = newline ? newline : end;
        if (newline > at)
            run_step(steps, at, (size_t)(newline - at));
        at = newline < end ? newline + 1 : end;
    }
    if (at < end)
        text_add_n(&rest, at, (size_t)(end - at));
    text_free(&steps->in);
    steps->in = rest;
}

int steps_run(struct lone *lone, const char *zone, int fd, struct cs_error *err)
{
    struct steps steps = { .lone = lone, .zone = zone, .fd = fd, .in = TEXT_MAX(LINE_MOST) };
    int rc = watch(&steps, err);

    while (rc == 0 && !steps.end) {
        rc = read_more(&steps, err);
        if (rc == 0)
            run_lines(&steps);
    }
    if (steps.event)
        event_free(steps.event);
    text_free(&steps.in);
    return rc < 0 ? -1 : steps.failed;
}
