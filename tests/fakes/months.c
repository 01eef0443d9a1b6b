/* Simulated months of visits; see months.h. */
#include "months.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, UNKNOWN_SUBJECTS = 4, WITHOUT_LABELS = 8 /* in 100 */, VISITS_A_SOURCE = 5 };

/* Healthy zones, and a troubled one; each column adds up to 1000. */
static const struct {
    const char *outcome, *reached, *error;
    int healthy, troubled;
} outcomes[MONTHS_OUTCOMES] = {
    { "issued", "issued", "", 770, 520 },
    { "stored", "issued", "", 140, 110 },
    { "refused", "subject", "weak-key", 20, 25 },
    { "refused", "csr", "name-not-allowed", 25, 60 },
    { "failed", "csr", "dns-failed", 14, 170 },
    { "failed", "challenge", "ca-refused", 14, 70 },
    { "late", "challenge", "timed-out", 6, 25 },
    { "left", "csr", "", 9, 18 },
    { "unfinished", "csr", "", 2, 2 },
};
static const char *const zones[] = { "trial.example", "go.example.com", "lab.example", "shop.example", "edu.example", "" };
static const bool is_troubled[MONTHS_ZONES] = { [3] = true };
static const char *const label_names[MONTHS_LABELS] = { "campaign", "partner", "version" };
static const char *const label_values[MONTHS_VALUES] = {
    "spring", "summer", "autumn", "winter",  "expo",   "fair",  "mail",  "search", "video", "print",
    "radio",  "blog",   "forum",  "podcast", "banner", "north", "south", "east",   "west",  "alpha",
    "beta",   "gamma",  "delta",  "one",     "two",    "three", "other", "school", "club",  "none-yet",
};
static const char *const algs[] = { "ecdsa-p256", "rsa-2048", "ecdsa-p384", "rsa-4096" };
static const int alg_weights[] = { 60, 90, 96, 100 }; /* running sums */
static const char *const clients[] = { "curl", "countersign", "python", "other", "none" };

uint64_t months_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double fraction(uint64_t *seed)
{
    return (double)(months_random(seed) >> 11) * 0x1p-53;
}

static int below(uint64_t *seed, int most)
{
    return (int)(months_random(seed) % (uint64_t)most);
}

static void zipf(double *sums, size_t n, double exponent)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sums[i] = sum += pow((double)(i + 1), -exponent);
}

static size_t pick(uint64_t *seed, const double *sums, size_t n)
{
    double at = fraction(seed) * sums[n - 1];
    size_t low = 0, high = n - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (sums[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void months_open(struct months *m, size_t visits, size_t days, uint64_t seed)
{
    *m = (struct months){ .seed = seed, .key_seed = seed << 32, .per_day = visits / days };
    m->sources = visits / VISITS_A_SOURCE + 50;
    m->source_weights = malloc(m->sources * sizeof *m->source_weights);
    if (!m->source_weights)
        abort();
    zipf(m->source_weights, m->sources, 0.7);
    zipf(m->value_weights, MONTHS_VALUES, 0.8);
    zipf(m->zone_weights, MONTHS_ZONES, 0.9);
}

void months_close(struct months *m)
{
    free(m->source_weights);
}

static uint8_t pick_outcome(struct months *m, uint8_t zone)
{
    int at = below(&m->seed, 1000);

    for (uint8_t i = 0; i < MONTHS_OUTCOMES; i++) {
        at -= is_troubled[zone] ? outcomes[i].troubled : outcomes[i].healthy;
        if (at < 0)
            return i;
    }
    return 0;
}

/* Busier by day than by night. */
static int64_t pick_time(struct months *m)
{
    int64_t ms;

    do
        ms = (int64_t)(fraction(&m->seed) * DAY_MS);
    while (fraction(&m->seed) > 0.55 - 0.45 * cos((double)ms / DAY_MS * 6.283185307));
    return ms;
}

static struct months_visit one(struct months *m)
{
    struct months_visit v = { .ms = pick_time(m), .zone = MONTHS_ZONES, .value = { -1, -1, -1 } };
    int at = below(&m->seed, 100);

    v.source = (uint32_t)pick(&m->seed, m->source_weights, m->sources);
    v.client = (uint8_t)below(&m->seed, 5);
    if (below(&m->seed, 100) < UNKNOWN_SUBJECTS)
        return v;
    v.zone = (uint8_t)pick(&m->seed, m->zone_weights, MONTHS_ZONES);
    v.outcome = pick_outcome(m, v.zone);
    while (alg_weights[v.alg] <= at)
        v.alg++;
    if (below(&m->seed, 100) >= WITHOUT_LABELS)
        for (int i = 0; i < MONTHS_LABELS; i++)
            v.value[i] = (int16_t)pick(&m->seed, m->value_weights, MONTHS_VALUES);
    return v;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct months_visit *)a)->ms, y = ((const struct months_visit *)b)->ms;

    return x < y ? -1 : x > y;
}

struct months_visit *months_day(struct months *m, size_t *n)
{
    struct months_visit *day = calloc(m->per_day, sizeof *day);

    if (!day)
        abort();
    *n = m->per_day;
    for (size_t i = 0; i < *n; i++)
        day[i] = one(m);
    qsort(day, *n, sizeof *day, by_time);
    return day;
}

const char *months_zone(const struct months_visit *v)
{
    return zones[v->zone];
}

const char *months_label_name(int label)
{
    return label_names[label];
}

/* Each label has names of its own for its values. */
const char *months_label_value(int label, int value)
{
    return label_values[(value + 7 * label) % MONTHS_VALUES];
}

struct cs_visit months_as_visit(const struct months_visit *v, int64_t day, struct cs_visit_label *labels)
{
    bool known = v->zone < MONTHS_ZONES;
    size_t n = 0;

    for (int i = 0; i < MONTHS_LABELS; i++)
        if (v->value[i] >= 0)
            labels[n++] = (struct cs_visit_label){ label_names[i], months_label_value(i, v->value[i]) };
    return (struct cs_visit){
        .size = sizeof(struct cs_visit),
        .day = day,
        .hour = v->ms / (3600 * 1000),
        .zone = zones[v->zone],
        .has_src = true,
        .src = v->src,
        .labels = labels,
        .n_labels = n,
        .outcome = known ? outcomes[v->outcome].outcome : "refused",
        .reached = known ? outcomes[v->outcome].reached : "posted",
        .error = known ? outcomes[v->outcome].error : "unknown-subject",
        .alg = known ? algs[v->alg] : "",
        .client = clients[v->client],
    };
}
