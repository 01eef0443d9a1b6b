/*
 * The visits ledger, see ledger.h. Visits that say the same are counted together in a tree, so that nothing of the order in
 * which they came is left when an hour is over; then chance orders them. The delivery itself is in visit_sink.c.
 */
#include "records/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "records/sink_set.h"
#include "records/visit_sink.h"

/* Rows that are kept for the hour, and again for each sink that is down. */
enum { ROWS_MOST = 100000, LAST_CHANCE_MS = 2000 };
enum { HOUR_MS = 3600 * 1000 };

struct ledger {
    struct loop *loop;
    struct metrics *metrics;
    struct timer hour;
    int64_t first_ms; /* how long the first hour is to be */
    void *rows; /* a tree of struct ledger_row, by text */
    size_t n_rows;
    struct sink_set sinks;
};

/* ---- a visit comes ----------------------------------------------------------------------------------------------- */

static json_t *labels_json(const struct cs_visit *visit)
{
    json_t *labels = json_object();

    for (size_t i = 0; labels && i < visit->n_labels; i++)
        if (json_object_set_new(labels, visit->labels[i].name, json_string(visit->labels[i].value)) < 0) {
            json_decref(labels);
            return NULL;
        }
    return labels;
}

/* Neither the hour nor the source. NULL: no memory. */
static char *visit_text(const struct cs_visit *visit)
{
    char day[DAY_TEXT], *text;
    json_t *json;

    day_text(day, visit->day);
    json = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "day", day, "zone", visit->zone, "labels", labels_json(visit),
                     "outcome", visit->outcome, "reached", visit->reached, "error", visit->error, "alg", visit->alg, "client",
                     visit->client);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct ledger_row *)a)->json, ((const struct ledger_row *)b)->json);
}

static struct ledger_row *row_of(const char *text)
{
    const size_t len = strlen(text);
    struct ledger_row *row = malloc(sizeof *row + len + 1);

    if (!row)
        return NULL;
    row->n = 0;
    memcpy(row->json, text, len + 1);
    return row;
}

/* Where `row` is in the tree, or one that says the same; NULL: there is no room for another. */
static struct ledger_row *find_or_add(struct ledger *ledger, struct ledger_row *row)
{
    struct ledger_row **at = ledger->n_rows < ROWS_MOST ? tsearch(row, &ledger->rows, compare_rows)
                                                        : tfind(row, &ledger->rows, compare_rows);

    if (at && *at == row)
        ledger->n_rows++;
    return at ? *at : NULL;
}

static void lose(struct ledger *ledger, int64_t n)
{
    for (size_t i = 0; i < ledger->sinks.n; i++)
        visit_sink_lose(ledger->sinks.at[i], n);
}

void ledger_add(struct ledger *ledger, const struct cs_visit *visit)
{
    struct ledger_row *row = NULL, *there;
    char *text;

    if (!ledger || !ledger->sinks.n)
        return;
    assert(on_loop_thread());
    text = visit_text(visit);
    if (text)
        row = row_of(text);
    free(text);
    there = row ? find_or_add(ledger, row) : NULL;
    if (there != row)
        free(row);
    if (there)
        there->n++;
    else
        lose(ledger, 1);
}

/* ---- an hour is over --------------------------------------------------------------------------------------------- */

static void collect(const void *node, VISIT which, void *arg)
{
    struct ledger_hour *hour = arg;

    if (which == postorder || which == leaf)
        hour->rows[hour->n++] = *(struct ledger_row *const *)node;
}

static void keep_row(void *row)
{
    (void)row;
}

/* Numbers from chance, without asking for each of them. */
struct chance {
    uint32_t numbers[1024];
    size_t left;
};

/* From 0 to `most`, each as likely as the others. */
static int pick(struct chance *chance, uint32_t most, uint32_t *out)
{
    const uint32_t range = most + 1, limit = UINT32_MAX - UINT32_MAX % range;

    do {
        if (!chance->left && RAND_bytes((unsigned char *)chance->numbers, sizeof chance->numbers) != 1)
            return -1;
        if (!chance->left)
            chance->left = sizeof chance->numbers / sizeof *chance->numbers;
        *out = chance->numbers[--chance->left];
    } while (*out >= limit);
    *out %= range;
    return 0;
}

/* Fisher and Yates. */
static int shuffle(struct ledger_hour *hour)
{
    struct chance chance = { .left = 0 };

    for (size_t i = hour->n; i > 1; i--) {
        struct ledger_row *row = hour->rows[i - 1];
        uint32_t j;

        if (pick(&chance, (uint32_t)i - 1, &j) < 0)
            return -1;
        hour->rows[i - 1] = hour->rows[j];
        hour->rows[j] = row;
    }
    return 0;
}

static int64_t visits_in(const struct ledger_hour *hour)
{
    int64_t n = 0;

    for (size_t i = 0; i < hour->n; i++)
        n += hour->rows[i]->n;
    return n;
}

/* Empties the tree into an hour. NULL: no memory, and the tree goes on. */
static struct ledger_hour *take_hour(struct ledger *ledger)
{
    struct ledger_hour *hour = malloc(sizeof *hour + ledger->n_rows * sizeof(struct ledger_row *));

    if (!hour)
        return NULL;
    *hour = (struct ledger_hour){ .refs = 1 };
    twalk_r(ledger->rows, collect, hour);
    assert(hour->n == ledger->n_rows);
    tdestroy(ledger->rows, keep_row);
    ledger->rows = NULL;
    ledger->n_rows = 0;
    return hour;
}

/* Without chance the order would be the alphabet's, which tells nothing of time either; but that is not what is promised. */
static void hand_over(struct ledger *ledger)
{
    struct ledger_hour *hour = ledger->n_rows ? take_hour(ledger) : NULL;

    if (!hour)
        return;
    if (shuffle(hour) < 0) {
        log_line(CS_LOG_ERROR, "ledger", "", "there are no random numbers: an hour of visits is not handed over");
        lose(ledger, visits_in(hour));
    } else {
        for (size_t i = 0; i < ledger->sinks.n; i++)
            visit_sink_give(ledger->sinks.at[i], hour);
    }
    ledger_hour_drop(hour);
}

static void on_hour_over(void *arg)
{
    struct ledger *ledger = arg;

    hand_over(ledger);
    timer_set_in(ledger->loop, &ledger->hour, HOUR_MS, on_hour_over, ledger);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void ledger_reopen(struct ledger *ledger)
{
    for (size_t i = 0; ledger && i < ledger->sinks.n; i++)
        visit_sink_reopen(ledger->sinks.at[i]);
}

/* The rows of this hour are not told: their number, looked at often, would say when each visit came. */
void ledger_measure(const struct ledger *ledger)
{
    for (size_t i = 0; ledger && i < ledger->sinks.n; i++) {
        struct text labels = TEXT_MAX(100);

        metrics_add_label(&labels, "sink", visit_sink_name(ledger->sinks.at[i]));
        metrics_gauge(ledger->metrics, "countersign_visits_sink_waiting",
                      "Rows of the visits ledger that a sink has not taken yet.", text_of(&labels),
                      (int64_t)visit_sink_waiting(ledger->sinks.at[i]));
        metrics_total(ledger->metrics, "countersign_visits_sink_lost_total",
                      "Visits that a sink of the visits ledger did not get.", text_of(&labels),
                      visit_sink_lost(ledger->sinks.at[i]));
        text_free(&labels);
    }
}

static void ledger_free(struct ledger *ledger)
{
    timer_clear(&ledger->hour);
    sink_set_free(&ledger->sinks);
    tdestroy(ledger->rows, free);
    free(ledger);
}

static void *make_sink(void *arg, struct instance *instance, struct cs_error *err)
{
    const struct ledger *ledger = arg;

    return visit_sink_new(ledger->loop, instance, ROWS_MOST, err);
}

static void free_sink(void *sink)
{
    visit_sink_free(sink);
}

static void stop_sink(void *sink)
{
    visit_sink_stop(sink);
}

static bool is_sink_out(const void *sink)
{
    return visit_sink_is_out(sink);
}

static void move_sink(void *sink, struct instance *instance)
{
    visit_sink_move(sink, instance);
}

static const struct instance *instance_of_sink(const void *sink)
{
    return visit_sink_instance(sink);
}

static const struct sink_kind kind = { .ledger = LEDGER_VISITS, .make = make_sink, .free = free_sink, .stop = stop_sink,
                                       .is_out = is_sink_out, .move = move_sink, .instance = instance_of_sink };

/* The first hour is shorter, by chance: when it is over tells nothing of the server's start, nor of the clock. */
static int choose_first(struct ledger *ledger, struct cs_error *err)
{
    struct chance chance = { .left = 0 };
    uint32_t ms;

    if (pick(&chance, HOUR_MS / 2, &ms) < 0)
        return cs_fail(err, CS_EINTERNAL, "there are no random numbers");
    ledger->first_ms = HOUR_MS / 2 + (int64_t)ms;
    return 0;
}

struct sink_change *ledger_prepare(struct ledger *ledger, struct instances *all, struct cs_error *err)
{
    return choose_first(ledger, err) < 0 ? NULL : sink_set_prepare(&ledger->sinks, all, err);
}

void ledger_drop(struct ledger *ledger, struct sink_change *change)
{
    sink_set_drop(&ledger->sinks, change);
}

void ledger_switch(struct ledger *ledger, struct sink_change *change)
{
    sink_set_switch(&ledger->sinks, change);
    if (ledger->sinks.n && !timer_is_set(&ledger->hour))
        timer_set_in(ledger->loop, &ledger->hour, ledger->first_ms, on_hour_over, ledger);
}

bool ledger_uses(struct ledger *ledger, const struct instance *instance)
{
    return sink_set_uses(&ledger->sinks, instance);
}

struct ledger *ledger_open(struct loop *loop, struct instances *all, struct metrics *metrics, struct cs_error *err)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    struct sink_change *change;

    if (!ledger) {
        cs_fail(err, CS_EBUSY, "no memory for the visits ledger");
        return NULL;
    }
    *ledger = (struct ledger){ .loop = loop, .metrics = metrics, .sinks = { .kind = &kind, .arg = ledger } };
    change = ledger_prepare(ledger, all, err);
    if (!change) {
        ledger_free(ledger);
        return NULL;
    }
    ledger_switch(ledger, change);
    return ledger;
}

static bool every_sink(const struct ledger *ledger, bool (*is)(const struct visit_sink *sink), bool wanted)
{
    for (size_t i = 0; i < ledger->sinks.n; i++)
        if (is(ledger->sinks.at[i]) != wanted)
            return false;
    return true;
}

static void give_last_chance(struct ledger *ledger)
{
    const int64_t until_ms = cs_now_ms() + LAST_CHANCE_MS;

    for (size_t i = 0; i < ledger->sinks.n; i++)
        visit_sink_last_chance(ledger->sinks.at[i]);
    while (!every_sink(ledger, visit_sink_is_quiet, true) && cs_now_ms() < until_ms)
        loop_run_once(ledger->loop, 20);
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    hand_over(ledger);
    give_last_chance(ledger);
    for (size_t i = 0; i < ledger->sinks.n; i++)
        visit_sink_stop(ledger->sinks.at[i]);
    while (!every_sink(ledger, visit_sink_is_out, false) || sink_set_is_leaving(&ledger->sinks))
        loop_run_once(ledger->loop, 20);
    ledger_free(ledger);
}
