/*
 * Records simulated months of visits through the functions of store-sqlite, for tests/peers/test_months.py and bench/visits:
 *
 *     visits_driver FOLDER FIRST VISITS DAYS SEED BATCH
 *
 * FIRST is the first day, since 1970-01-01. The store's files are FOLDER/state.db, visits.db and analytics.db. Obeys what it
 * reads, a word a line, each answered by "ok MICROSECONDS", those of the clock and those of
 * the CPU:
 *
 *     hour      the visits of the next hour, BATCH of them a transaction
 *     day       those of the rest of the day
 *     close     the day is over: it is closed, and the next one begins
 *     publish   analytics.db
 *     truth     FOLDER/truth.tsv: who really came, one line for each visit of the days so far
 *     recount   FOLDER/recount.tsv: all totals of the days so far, counted without the store
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <countersign/store.h>

#include "engine/host.h"
#include "months.h"
#include "records/pseudonym.h"

extern const struct cs_plugin cs_plugin;

enum { FILES = 3, K = 10, HOUR_MS = 3600 * 1000, DAYS_MOST = 366 };

struct driver {
    const char *folder;
    struct cs_instance in;
    const struct cs_store_ops *ops;
    void *self, *writer, *reader;
    char *settings, paths[FILES][4096];
    size_t batch;
    struct months months;
    int64_t first, days; /* days begun */
    int64_t hour;
    struct {
        struct months_visit *visits;
        size_t n, done;
    } day[DAYS_MOST];
};

static void must(int rc, const struct cs_error *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "visits_driver: %s\n", err->text);
    exit(1);
}

/* ---- The store ---- */

static void *setting(const struct driver *d, const char *name)
{
    const struct cs_option *o = cs_plugin.settings;

    while (strcmp(o->name, name) != 0)
        o++;
    return d->settings + o->offset;
}

/* The numbers of words and labels, which the store draws, and with them the places of rows: the same for the same seed. */
static void seed_sqlite(size_t seed)
{
    if (sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed, (sqlite3 *)NULL) != SQLITE_OK)
        abort();
}

static void open_store(struct driver *d)
{
    static const char *const files[FILES][2] = { { "file", "state.db" },
                                                 { "visits", "visits.db" },
                                                 { "analytics", "analytics.db" } };
    struct cs_error err = { 0 };

    d->settings = calloc(1, cs_plugin.settings_size);
    if (!d->settings)
        abort();
    for (size_t i = 0; i < FILES; i++) {
        snprintf(d->paths[i], sizeof d->paths[i], "%s/%s", d->folder, files[i][1]);
        *(const char **)setting(d, files[i][0]) = d->paths[i];
    }
    *(const char **)setting(d, "analytics_group") = "";
    *(int64_t *)setting(d, "busy_timeout") = 5000;
    must(cs_plugin.open(&d->in, d->settings, &d->self, &err), &err);
    d->ops = cs_plugin.store;
    must(d->ops->migrate(d->self, true, &err), &err);
    must(d->ops->connect(d->self, CS_VISITS_WRITER, &d->writer, &err), &err);
    must(d->ops->connect(d->self, CS_VISITS_READER, &d->reader, &err), &err);
}

static void close_store(struct driver *d)
{
    d->ops->disconnect(d->self, d->reader);
    d->ops->disconnect(d->self, d->writer);
    cs_plugin.close(d->self);
    free(d->settings);
    for (int64_t at = 0; at < d->days; at++)
        free(d->day[at].visits);
    months_close(&d->months);
}

static void note_day(struct driver *d, int64_t at, int64_t flags)
{
    struct cs_day day = {
        .size = sizeof day, .day = d->first + at, .keys = 1, .received = (int64_t)d->day[at].done, .flags = flags
    };
    struct cs_error err = { 0 };

    must(d->ops->begin(d->writer, &err), &err);
    must(d->ops->day_put(d->writer, &day, &err), &err);
    must(d->ops->commit(d->writer, &err), &err);
}

/* ---- Visits ---- */

/* As the core has it, under a key that is the same for the same seed. */
static uint64_t pseudonym(const struct driver *d, const struct months_visit *v, int64_t day)
{
    uint64_t seed = d->months.key_seed + (uint64_t)day, zone_id, found = 0;
    struct source source = { .family = SOURCE_IPV4 };
    uint8_t key[PSEUDONYM_KEY_LEN];

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)months_random(&seed);
    seed = d->months.key_seed - 1 - v->zone;
    zone_id = months_random(&seed);
    for (int i = 0; i < 4; i++)
        source.address[i] = (uint8_t)(v->source >> (8 * i));
    if (pseudonym_of(key, zone_id, &source, &found) < 0)
        abort();
    return found;
}

static void begin_day(struct driver *d)
{
    int64_t at = d->days++;

    if (d->days > DAYS_MOST)
        abort();
    d->hour = 0;
    d->day[at].visits = months_day(&d->months, &d->day[at].n);
    for (size_t i = 0; i < d->day[at].n; i++)
        d->day[at].visits[i].src = pseudonym(d, &d->day[at].visits[i], at);
}

static void add_batch(struct driver *d, const struct months_visit *visits, size_t n)
{
    struct cs_error err = { 0 };

    must(d->ops->begin(d->writer, &err), &err);
    for (size_t i = 0; i < n; i++) {
        struct cs_visit_label labels[MONTHS_LABELS];
        struct cs_visit visit = months_as_visit(&visits[i], d->first + d->days - 1, labels);

        must(d->ops->visit_add(d->writer, &visit, &err), &err);
    }
    must(d->ops->commit(d->writer, &err), &err);
}

/* The CA takes some seconds, the DNS some ten milliseconds. */
static void add_latencies(struct driver *d, size_t n)
{
    static const char *const who[][2] = { { "ca", "le" }, { "dns", "builtin" } };
    struct cs_error err = { 0 };

    must(d->ops->begin(d->writer, &err), &err);
    for (int i = 0; i < 2; i++)
        for (int spread = 0; spread < 12; spread++) {
            struct cs_latency latency = { .size = sizeof latency,
                                          .day = d->first + d->days - 1,
                                          .role = who[i][0],
                                          .instance = who[i][1],
                                          .bucket = (i ? 14 : 40) + spread,
                                          .n = 1 + (int64_t)n / (2 + spread * spread) };

            must(d->ops->latency_add(d->writer, &latency, &err), &err);
        }
    must(d->ops->commit(d->writer, &err), &err);
}

static void add_until(struct driver *d, int64_t hour)
{
    int64_t at = d->days - 1;
    size_t before = d->day[at].done;

    while (d->day[at].done < d->day[at].n && d->day[at].visits[d->day[at].done].ms < hour * HOUR_MS) {
        size_t first = d->day[at].done, end = first;

        while (end < d->day[at].n && end - first < d->batch && d->day[at].visits[end].ms < hour * HOUR_MS)
            end++;
        add_batch(d, d->day[at].visits + first, end - first);
        d->day[at].done = end;
    }
    d->hour = hour;
    add_latencies(d, d->day[at].done - before);
    note_day(d, at, 0);
}

static void close_day(struct driver *d)
{
    struct cs_error err = { 0 };
    bool done = false;

    must(d->ops->begin(d->writer, &err), &err);
    must(d->ops->day_close(d->writer, d->first + d->days - 1, K, &err), &err);
    must(d->ops->commit(d->writer, &err), &err);
    must(d->ops->scrub(d->writer, &done, &err), &err);
    begin_day(d);
}

/* ---- What was really there ---- */

static FILE *file_in(const struct driver *d, const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", d->folder, name);
    file = fopen(path, "w");
    if (!file)
        abort();
    return file;
}

static void write_truth(const struct driver *d)
{
    FILE *file = file_in(d, "truth.tsv");

    for (int64_t at = 0; at < d->days; at++)
        for (size_t i = 0; i < d->day[at].done; i++) {
            const struct months_visit *m = &d->day[at].visits[i];
            struct cs_visit_label labels[MONTHS_LABELS];
            struct cs_visit v = months_as_visit(m, d->first + at, labels);

            fprintf(file, "%" PRId64 "\t%" PRId64 "\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRId64 "\t", v.day, m->ms, v.zone, v.outcome,
                    v.reached, v.error, v.alg, v.client, (int64_t)v.src);
            for (size_t l = 0; l < v.n_labels; l++)
                fprintf(file, "%s%s=%s", l ? "," : "", labels[l].name, labels[l].value);
            fprintf(file, "\t%" PRIu32 "\n", m->source);
        }
    fclose(file);
}

/* One thing that a visit counts for: what, and who. */
struct counted {
    uint64_t what;
    uint64_t src;
};

static int by_what_and_who(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;

    if (x->what != y->what)
        return x->what < y->what ? -1 : 1;
    return x->src < y->src ? -1 : x->src > y->src;
}

/* day, zone, label (0: whatever), outcome (0: whatever), and then its values, all in one number. */
struct what {
    unsigned zone, label, outcome, set; /* label 1 to 3: of that name, 4: sets */
};

static uint64_t as_number(struct what what)
{
    return (uint64_t)what.zone << 40 | (uint64_t)what.label << 36 | (uint64_t)what.outcome << 32 | what.set;
}

static unsigned value_plus(const struct months_visit *v, int label)
{
    return (unsigned)(v->value[label] + 1);
}

/* As words for people have it, several rows of the table of outcomes are one. */
static unsigned outcome_of(const struct months_visit *v)
{
    static const char *const words[] = { "issued", "stored", "refused", "failed", "late", "left", "unfinished" };
    struct cs_visit_label labels[MONTHS_LABELS];
    struct cs_visit visit = months_as_visit(v, 0, labels);
    unsigned i = 0;

    while (strcmp(words[i], visit.outcome) != 0)
        i++;
    return i + 1;
}

static size_t count_one(const struct months_visit *v, struct counted *out)
{
    unsigned outcomes[] = { 0, outcome_of(v) };
    size_t n = 0;

    for (int o = 0; o < 2; o++) {
        out[n++] = (struct counted){ as_number((struct what){ v->zone, 0, outcomes[o], 0 }), v->src };
        for (int l = 0; l < MONTHS_LABELS; l++)
            if (v->value[l] >= 0)
                out[n++] =
                    (struct counted){ as_number((struct what){ v->zone, (unsigned)l + 1, outcomes[o], value_plus(v, l) }),
                                      v->src };
        out[n++] =
            (struct counted){ as_number((struct what){ v->zone, 4, outcomes[o],
                                                       value_plus(v, 0) << 16 | value_plus(v, 1) << 8 | value_plus(v, 2) }),
                              v->src };
    }
    return n;
}

static void write_count(FILE *file, int64_t day, uint64_t what, size_t requests, size_t sources)
{
    static const char *const words[] = { "", "issued", "stored", "refused", "failed", "late", "left", "unfinished" };
    struct months_visit v = { .zone = (uint8_t)(what >> 40) };
    unsigned label = what >> 36 & 15, set = (unsigned)what;
    const char *between = "";

    fprintf(file, "%s\t%" PRId64 "\t%s\t%s\t", label == 4 ? "set" : "total", day, months_zone(&v), words[what >> 32 & 15]);
    if (label >= 1 && label <= 3)
        fprintf(file, "%s=%s", months_label_name((int)label - 1), months_label_value((int)label - 1, (int)set - 1));
    for (int l = 0; label == 4 && l < MONTHS_LABELS; l++) {
        unsigned value = set >> (8 * (MONTHS_LABELS - 1 - l)) & 255;

        if (value)
            fprintf(file, "%s%s=%s", between, months_label_name(l), months_label_value(l, (int)value - 1));
        between = value ? "," : between;
    }
    fprintf(file, "\t%zu\t%zu\n", requests, sources);
}

static void write_recount(const struct driver *d)
{
    FILE *file = file_in(d, "recount.tsv");

    for (int64_t at = 0; at < d->days; at++) {
        struct counted *all = malloc((d->day[at].done + 1) * 10 * sizeof *all);
        size_t n = 0;

        if (!all)
            abort();
        for (size_t i = 0; i < d->day[at].done; i++)
            n += count_one(&d->day[at].visits[i], all + n);
        qsort(all, n, sizeof *all, by_what_and_who);
        for (size_t first = 0, i; first < n; first = i) {
            size_t sources = 0;

            for (i = first; i < n && all[i].what == all[first].what; i++)
                sources += i == first || all[i].src != all[i - 1].src;
            write_count(file, d->first + at, all[first].what, i - first, sources);
        }
        free(all);
    }
    fclose(file);
}

/* ---- Commands ---- */

static int obey(struct driver *d, const char *word)
{
    struct cs_error err = { 0 };

    if (strcmp(word, "hour") == 0)
        add_until(d, d->hour + 1);
    else if (strcmp(word, "day") == 0)
        add_until(d, 24);
    else if (strcmp(word, "close") == 0)
        close_day(d);
    else if (strcmp(word, "publish") == 0)
        must(d->ops->publish(d->reader, &err), &err);
    else if (strcmp(word, "truth") == 0)
        write_truth(d);
    else if (strcmp(word, "recount") == 0)
        write_recount(d);
    else
        return -1;
    return 0;
}

static int64_t now_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t number(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    return *end ? 0 : (size_t)n;
}

int main(int argc, char **argv)
{
    static struct driver d;
    char line[64];

    if (argc != 7 || !number(argv[2]) || !number(argv[3]) || !number(argv[4]) || !number(argv[6])) {
        fprintf(stderr, "usage: visits_driver FOLDER FIRST VISITS DAYS SEED BATCH\n");
        return 2;
    }
    d.folder = argv[1];
    d.in = (struct cs_instance){ .name = "main", .role = "store", .who = "store.main" };
    d.first = (int64_t)number(argv[2]);
    d.batch = number(argv[6]);
    months_open(&d.months, number(argv[3]), number(argv[4]), number(argv[5]));
    seed_sqlite(number(argv[5]));
    open_store(&d);
    begin_day(&d);
    while (fgets(line, sizeof line, stdin)) {
        int64_t start_us = now_us(CLOCK_MONOTONIC), cpu_us = now_us(CLOCK_PROCESS_CPUTIME_ID);

        line[strcspn(line, "\n")] = '\0';
        if (obey(&d, line) < 0) {
            fprintf(stderr, "visits_driver: there is no command %s\n", line);
            return 2;
        }
        printf("ok %" PRId64 " %" PRId64 "\n", now_us(CLOCK_MONOTONIC) - start_us, now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us);
        fflush(stdout);
    }
    close_store(&d);
    return 0;
}
