/*
 * What the next start must know, kept in state.db: when the server last ran, so that a clock that jumped purges nothing, and
 * which proxies it trusted. See visit_parts.h.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/visit_parts.h"

#define LOG_WHO    "visits"
#define KEPT_BY    "core", "visits"
#define TRUSTED_MS (48 * 3600 * INT64_C(1000)) /* a clock that is so far ahead of the last recorded time is not trusted */
#define HASH_HEX   64

/* ---- writing it down ----------------------------------------------------------------------------------------------- */

struct note {
    struct visits *visits;
    const char *key;
    char value[HASH_HEX + 1];
    cs_done_fn *done;
    void *arg;
};

static int write_note(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct note *note = arg;

    return c->ops->keep_put(c->conn, KEPT_BY, note->key, note->value, strlen(note->value), err);
}

static void on_noted(void *arg, const struct cs_error *err)
{
    struct note *note = arg;

    note->visits->calls--;
    if (note->done)
        note->done(note->arg, err);
    free(note);
}

static void keep(struct visits *visits, const char *key, const char *value, cs_done_fn *done, void *arg)
{
    struct note *note = calloc(1, sizeof *note);

    if (!note) {
        if (done)
            done(arg, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    *note = (struct note){ .visits = visits, .key = key, .done = done, .arg = arg };
    snprintf(note->value, sizeof note->value, "%s", value);
    visits->calls++;
    if (done)
        store_write(visits->with.state, write_note, note, on_noted, note);
    else
        store_write_lazily(visits->with.state, write_note, note, on_noted, note);
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

static void keep_time(struct visits *visits, int64_t ms, cs_done_fn *done, void *arg)
{
    char text[32];

    visits->recorded_ms = ms;
    snprintf(text, sizeof text, "%" PRId64, visits->recorded_ms);
    keep(visits, "clock", text, done, arg);
}

/* A clock that is behind is no danger: nothing is purged too early. */
static bool is_far_ahead(const struct visits *visits)
{
    return visits->recorded_ms && cs_wall_ms() > visits->recorded_ms + TRUSTED_MS;
}

static void doubt_clock(struct visits *visits)
{
    char text[DAY_TEXT];

    visits->must_confirm = true;
    day_text(text, day_of_ms(visits->recorded_ms));
    log_line(
        CS_LOG_WARN, LOG_WHO, "",
        "the clock is more than 48 h ahead of the time that was recorded last, on %s: nothing is purged until somebody who has "
        "looked at the clock runs `countersign privacy confirm`",
        text);
}

bool visit_kept_doubts(struct visits *visits)
{
    if (!visits->must_confirm && is_far_ahead(visits))
        doubt_clock(visits);
    return visits->must_confirm;
}

/* Not an earlier time than is kept: once a clock that was behind is right again it would be doubted. */
void visit_kept_note_time(struct visits *visits)
{
    const int64_t now_ms = cs_wall_ms();

    if (!visit_kept_doubts(visits) && now_ms > visits->recorded_ms)
        keep_time(visits, now_ms, NULL, NULL);
}

bool visits_may_purge(struct visits *visits)
{
    if (!visits)
        return true;
    visit_kept_note_time(visits);
    return !visits->must_confirm;
}

void visits_confirm(struct visits *visits, cs_done_fn *done, void *arg)
{
    if (visits->must_confirm)
        log_line(CS_LOG_INFO, LOG_WHO, "", "the clock was confirmed: purging goes on");
    visits->must_confirm = false;
    keep_time(visits, cs_wall_ms(), done, arg);
    visit_upkeep_purge(visits);
}

/* ---- the proxies ------------------------------------------------------------------------------------------------- */

/* A listener counts only when its clients come through a proxy. */
static void add_trusted(struct text *all, const struct visits_trust *trust)
{
    for (size_t i = 0; i < trust->n_proxies; i++)
        text_addf(all, "%s\n", trust->proxies[i]);
    for (size_t i = 0; i < trust->n_listen; i++)
        if (trust->listen[i].proxy_protocol)
            text_addf(all, "proxy_protocol %s %lld\n", trust->listen[i].address, (long long)trust->listen[i].port);
}

static int hash_trust(const struct visits_trust *trust, char out[HASH_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    struct text all = TEXT_MAX(1 << 20);
    unsigned char hash[HASH_HEX / 2] = { 0 };
    int ok;

    add_trusted(&all, trust);
    ok = !text_failed(&all) && EVP_Digest(text_of(&all), all.len, hash, NULL, EVP_sha256(), NULL) == 1;
    text_free(&all);
    for (size_t i = 0; i < sizeof hash; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[HASH_HEX] = '\0';
    return ok ? 0 : -1;
}

static void count_change(struct visit_day *day)
{
    if (!day->received)
        return; /* nobody was counted behind the others */
    visit_day_flag(day, CS_DAY_PROXIES);
    day->proxy_changes++;
    day->changed = true;
}

/* Behind other proxies the same client may be another address. */
static void look_at_trust(struct visits *visits, const char *kept)
{
    char now[HASH_HEX + 1];

    if (hash_trust(&visits->with.trust, now) < 0 || strcmp(now, kept) == 0)
        return;
    if (*kept)
        count_change(visits->days);
    keep(visits, "proxies", now, NULL, NULL);
    visit_batch_soon(visits);
}

void visits_change(struct visits *visits, const char *runtime, const struct visits_trust *trust)
{
    char before[HASH_HEX + 1];
    const bool known = hash_trust(&visits->with.trust, before) == 0;

    visits->with.runtime = runtime;
    visits->with.trust = *trust;
    if (known)
        look_at_trust(visits, before);
}

/* ---- the start --------------------------------------------------------------------------------------------------- */

struct kept {
    char clock[32], proxies[HASH_HEX + 1];
};

struct place {
    char *at;
    size_t room;
};

static int take_text(void *arg, const void *data, size_t len)
{
    const struct place *place = arg;

    if (len < place->room)
        memcpy(place->at, data, len);
    return 1;
}

static int read_kept(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct kept *kept = arg;
    struct place clock = { kept->clock, sizeof kept->clock }, proxies = { kept->proxies, sizeof kept->proxies };

    if (c->ops->keep_get(c->conn, KEPT_BY, "clock", take_text, &clock, err) < 0)
        return -1;
    return c->ops->keep_get(c->conn, KEPT_BY, "proxies", take_text, &proxies, err);
}

/* The beginning of the newest earlier day says something, too, should the state have been replaced. */
static void take_clock(struct visits *visits, const char *clock)
{
    const struct visit_day *earlier = visits->days->next;
    char *end;

    visits->recorded_ms = strtoll(clock, &end, 10);
    if (!*clock || *end)
        visits->recorded_ms = 0;
    if (earlier && day_start_ms(earlier->day) > visits->recorded_ms)
        visits->recorded_ms = day_start_ms(earlier->day);
}

int visit_kept_start(struct visits *visits, struct cs_error *err)
{
    struct kept kept = { 0 };

    if (store_with(visits->with.plugin, CS_STATE_READER, read_kept, &kept, err) < 0)
        return -1;
    take_clock(visits, kept.clock);
    visit_kept_note_time(visits);
    look_at_trust(visits, kept.proxies);
    return 0;
}
