/*
 * The accounting day: when it begins, which key it has, when it ends, and that its key is destroyed then. See visit_parts.h.
 *
 * A day begins with the first look at a clock that shows it, and never goes back. The one before is over then, but stays open
 * for a grace; then its visits that are still under way are recorded as unfinished, its key is destroyed, and with its last
 * records it is closed.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/day_key_place.h"
#include "records/visit_parts.h"

#define LOG_WHO "visits"

enum { LOOK_MS = 60 * 1000 }; /* somebody may set the clock */

struct visit_day *visit_day_find(struct visits *visits, int64_t number)
{
    struct visit_day *day = visits->days;

    while (day && day->day != number)
        day = day->next;
    return day;
}

void visit_day_flag(struct visit_day *day, enum cs_day_flag flag)
{
    day->changed = day->changed || !(day->flags & flag);
    day->flags |= flag;
}

/* ---- its key ----------------------------------------------------------------------------------------------------- */

/* The operator hears of it once, and again when the reason changes. */
static void look_at_place(struct visits *visits)
{
    char why[sizeof visits->key_why_not] = "";

    visits->key_may_have_file = day_key_place_is_safe(visits->with.runtime, why, sizeof why);
    if (*why && strcmp(why, visits->key_why_not) != 0)
        log_line(CS_LOG_WARN, LOG_WHO, "",
                 "the key of the day is kept in memory only, so a restart makes a second one, and sources that came before and "
                 "after it count twice that day: %s",
                 why);
    memcpy(visits->key_why_not, why, sizeof why);
}

static int64_t age_ms(const struct day_key *key)
{
    const int64_t age = cs_wall_ms() - day_key_made_ms(key);

    return age < 0 ? 0 : age < DAY_MS ? age : DAY_MS;
}

/* A key under which nobody was counted makes no difference: the next one takes its place. */
static void count_key(struct visit_day *day, bool is_new)
{
    if (!day->received)
        day->keys = 1;
    else
        day->keys += is_new || !day->keys;
    day->changed = true;
    if (day->keys > 1)
        visit_day_flag(day, CS_DAY_TWO_KEYS);
}

static void open_key(struct visits *visits, struct visit_day *day)
{
    struct cs_error err;
    bool is_new = true;

    if (!visits->with.settings->enabled)
        return;
    look_at_place(visits);
    day->key = day_key_open(visits->with.runtime, visits->key_may_have_file, day->day, &is_new, &err);
    if (!day->key) {
        log_line(CS_LOG_ERROR, LOG_WHO, "", "sources are not counted until there is a key: %s", err.text);
        return;
    }
    day->key_since_ms = cs_now_ms() - age_ms(day->key);
    day->key_destroyed_ms = 0;
    count_key(day, is_new);
}

static void tell_ledger(struct visits *visits, const char *text)
{
    json_t *event = !visits->with.outbox ? NULL : json_pack("{s:s}", "day", text);
    char *json = event ? json_dumps(event, JSON_COMPACT) : NULL;

    if (json)
        outbox_tell(visits->with.outbox, "key-destroyed", json, strlen(json));
    free(json);
    json_decref(event);
}

static void note_destroyed(struct visits *visits, struct visit_day *day)
{
    char text[DAY_TEXT];

    day->key_destroyed_ms = cs_wall_ms();
    day->changed = true;
    day_text(text, day->day);
    log_line(CS_LOG_INFO, LOG_WHO, "", "key of %s destroyed", text);
    tell_ledger(visits, text);
}

/* What could not be destroyed is not noted: the next start, and the timer of the service, try it again. */
static void destroy_key(struct visits *visits, struct visit_day *day)
{
    struct day_key *key = day->key;

    if (!key)
        return;
    day->key = NULL;
    if (day_key_destroy(key))
        note_destroyed(visits, day);
}

/* ---- beginning and ending ---------------------------------------------------------------------------------------- */

static struct visit_day *add_day(struct visits *visits, int64_t number)
{
    struct visit_day *day = calloc(1, sizeof *day), **at = &visits->days;

    if (!day)
        return NULL;
    *day = (struct visit_day){ .day = number, .state = DAY_RUNS };
    while (*at && (*at)->day > number)
        at = &(*at)->next;
    day->next = *at;
    *at = day;
    return day;
}

static void count_from(struct visits *visits, struct visit_day *day)
{
    const int64_t counted = visit_counter_get(visits->counter, day->day);

    if (counted > day->received) {
        day->received = counted;
        day->changed = true;
    }
}

static void finish_open(struct visit_day *day)
{
    while (day->first)
        visit_finish(day->first, VISIT_UNFINISHED, "");
}

static void close_day(struct visits *visits, struct visit_day *day)
{
    finish_open(day);
    destroy_key(visits, day);
    day->state = DAY_CLOSES;
    visit_batch_soon(visits);
}

static void begin_day(struct visits *visits, int64_t number)
{
    struct visit_day *over = visits->days, *day = add_day(visits, number);
    const int64_t since_ms = cs_wall_ms() - day_start_ms(number);
    const int64_t grace_ms = visits->with.settings->grace_ms;

    if (!day) {
        log_line(CS_LOG_ERROR, LOG_WHO, "", "no memory to begin the next day: what comes now counts for the last one");
        return;
    }
    over->state = DAY_ENDS;
    over->ends_ms = cs_now_ms() + (since_ms < grace_ms ? grace_ms - since_ms : 0);
    open_key(visits, day);
    day->changed = true;
    visit_batch_soon(visits);
    visit_kept_note_time(visits);
}

/* The day never goes back, so it may last for long. */
static void warn_of_clock(const struct visit_day *day)
{
    char text[DAY_TEXT];

    day_text(text, day->day);
    log_line(CS_LOG_WARN, LOG_WHO, "",
             "the clock shows an earlier day than %s, for which visits are counted: so they are until it is over, and labels "
             "and sources are told then",
             text);
}

/* Two graces do not overlap: with the clock set forward by days, the one before ends at once. */
static bool has_ended(const struct visits *visits, const struct visit_day *day, int64_t wall_ms)
{
    return cs_now_ms() >= day->ends_ms || wall_ms >= day_start_ms(day->day + 1) + visits->with.settings->grace_ms ||
           visits->days->day > day->day + 1;
}

/* The clock stands behind the day, perhaps for long: its key gets no older than any other. */
static void look_at_key(struct visits *visits, struct visit_day *day)
{
    if (day->key && cs_now_ms() - day->key_since_ms <= DAY_MS + visits->with.settings->grace_ms)
        return;
    destroy_key(visits, day);
    open_key(visits, day);
    visit_batch_soon(visits);
}

void visit_days_look(struct visits *visits)
{
    const int64_t wall_ms = cs_wall_ms(), number = day_of_ms(wall_ms);

    if (number > visits->days->day)
        begin_day(visits, number);
    else if (number < visits->days->day && !(visits->days->flags & CS_DAY_CLOCK)) {
        warn_of_clock(visits->days);
        visit_day_flag(visits->days, CS_DAY_CLOCK);
    }
    for (struct visit_day *day = visits->days->next; day; day = day->next)
        if (day->state == DAY_ENDS && has_ended(visits, day, wall_ms))
            close_day(visits, day);
}

/* ---- the timer --------------------------------------------------------------------------------------------------- */

static int64_t next_look_ms(const struct visits *visits)
{
    const int64_t wall_ms = cs_wall_ms(), midnight_ms = day_start_ms(day_of_ms(wall_ms) + 1) - wall_ms;
    int64_t in_ms = midnight_ms < LOOK_MS ? midnight_ms : LOOK_MS;

    for (const struct visit_day *day = visits->days; day; day = day->next)
        if (day->state == DAY_ENDS && day->ends_ms - cs_now_ms() < in_ms)
            in_ms = day->ends_ms - cs_now_ms();
    return in_ms > 0 ? in_ms : 0;
}

static void on_tick(void *arg)
{
    struct visits *visits = arg;

    visit_days_look(visits);
    look_at_key(visits, visits->days);
    visit_batch_soon(visits);
    timer_set_in(visits->with.loop, &visits->tick, next_look_ms(visits), on_tick, visits);
}

/* ---- the start --------------------------------------------------------------------------------------------------- */

struct found {
    struct visits *visits;
    int64_t newest_open, newest_closed;
    bool failed;
};

/* A day that an earlier run left open: it becomes the accounting day, or is closed. */
static int take_day(void *arg, const struct cs_day *row)
{
    struct found *found = arg;
    struct visit_day *day;

    if (row->flags & CS_DAY_CLOSED) {
        found->newest_closed = row->day > found->newest_closed ? row->day : found->newest_closed;
        return 0;
    }
    found->newest_open = row->day > found->newest_open ? row->day : found->newest_open;
    day = add_day(found->visits, row->day);
    found->failed = !day;
    if (!day)
        return 1;
    day->keys = row->keys;
    day->received = row->received;
    day->flags = row->flags;
    day->key_destroyed_ms = row->key_destroyed_ms;
    day->proxy_changes = row->proxy_changes;
    count_from(found->visits, day);
    return 0;
}

static int read_days(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct found *found = arg;

    if (c->ops->day_list(c->conn, take_day, found, err) < 0)
        return -1;
    return found->failed ? cs_fail(err, CS_EBUSY, "no memory for the days of the visits") : 0;
}

/* Nobody has those keys in memory any more; a file of one is destroyed here. So is today's when nothing is recorded now. */
static void close_earlier(struct visits *visits)
{
    const bool enabled = visits->with.settings->enabled;
    const int64_t but_day = enabled ? visits->days->day : INT64_MIN;
    struct cs_error err;
    bool are_gone;
    int n;

    are_gone = day_key_forget_stale(visits->with.runtime, INT64_MAX / 2, 0, but_day, &n, &err) == 0;
    if (!are_gone)
        log_line(CS_LOG_ERROR, LOG_WHO, "", "%s", err.text);
    if (are_gone && !enabled && visits->days->keys && !visits->days->key_destroyed_ms)
        note_destroyed(visits, visits->days);
    for (struct visit_day *day = visits->days->next; day; day = day->next) {
        day->state = DAY_CLOSES;
        if (are_gone && !day->key_destroyed_ms)
            note_destroyed(visits, day);
    }
}

int visit_days_start(struct visits *visits, struct cs_error *err)
{
    struct found found = { .visits = visits, .newest_open = INT64_MIN, .newest_closed = INT64_MIN };
    const int64_t wall_day = day_of_ms(cs_wall_ms());
    int64_t today;

    if (store_with(visits->with.plugin, CS_VISITS_READER, read_days, &found, err) < 0)
        return -1;
    today = found.newest_open > wall_day ? found.newest_open : wall_day;
    if (found.newest_closed >= today)
        today = found.newest_closed + 1;
    if (!visit_day_find(visits, today) && !add_day(visits, today))
        return cs_fail(err, CS_EBUSY, "no memory for the day");
    if (today > wall_day) {
        warn_of_clock(visits->days);
        visit_day_flag(visits->days, CS_DAY_CLOCK);
    }
    count_from(visits, visits->days);
    close_earlier(visits);
    open_key(visits, visits->days);
    timer_set_in(visits->with.loop, &visits->tick, next_look_ms(visits), on_tick, visits);
    visit_batch_soon(visits);
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void free_day(struct visit_day *day)
{
    day_key_destroy(day->key);
    free(day);
}

void visit_day_closed(struct visits *visits, struct visit_day *day)
{
    struct visit_day **at = &visits->days;

    while (*at != day)
        at = &(*at)->next;
    *at = day->next;
    free_day(day);
    visit_upkeep_purge(visits);
}

void visit_days_stop(struct visits *visits)
{
    struct visit_day *today = visits->days;

    timer_clear(&visits->tick);
    for (struct visit_day *day = today->next; day; day = day->next)
        if (day->state == DAY_ENDS)
            close_day(visits, day);
    finish_open(today);
    if (today->key && day_key_has_file(today->key) &&
        day_key_place_is_kept(visits->with.runtime, getenv("RUNTIME_DIRECTORY"))) {
        day_key_put_away(today->key);
        today->key = NULL;
    }
    destroy_key(visits, today);
    visit_batch_soon(visits);
}

void visit_days_free(struct visits *visits)
{
    struct visit_day *next;

    timer_clear(&visits->tick);
    for (struct visit_day *day = visits->days; day; day = next) {
        next = day->next;
        while (day->first)
            visit_forget(day->first);
        free_day(day);
    }
    visits->days = NULL;
}
