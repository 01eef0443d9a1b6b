/*
 * One visit, from its arrival to its end; see visit.h. The address lives here and nowhere else, until the zone is known.
 */
#include "records/visit.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/pseudonym.h"
#include "records/visit_parts.h"

static const char *const outcomes[] = {
    [VISIT_ISSUED] = "issued", [VISIT_STORED] = "stored", [VISIT_REFUSED] = "refused",       [VISIT_FAILED] = "failed",
    [VISIT_LATE] = "late",     [VISIT_LEFT] = "left",     [VISIT_UNFINISHED] = "unfinished",
};
static const char *const steps[] = {
    [VISIT_POSTED] = "posted",       [VISIT_SUBJECT] = "subject", [VISIT_CSR] = "csr",
    [VISIT_CHALLENGE] = "challenge", [VISIT_AT_CHAIN] = "issued",
};

/* ---- what it consists of ----------------------------------------------------------------------------------------- */

void visit_record_free(struct visit_record *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->v.n_labels; i++) {
        free((char *)record->labels[i].name);
        free((char *)record->labels[i].value);
    }
    free(record->zone);
    OPENSSL_cleanse(record, sizeof *record);
    free(record);
}

static void forget_given(struct visit *visit)
{
    for (size_t i = 0; i < visit->n_given; i++) {
        free((char *)visit->given[i].name);
        free((char *)visit->given[i].value);
    }
    free(visit->given);
    visit->given = NULL;
    visit->n_given = 0;
}

static void forget_source(struct visit *visit)
{
    OPENSSL_cleanse(&visit->source, sizeof visit->source);
}

static void free_visit(struct visit *visit)
{
    forget_given(visit);
    forget_source(visit);
    free(visit);
}

/* ---- arrival ----------------------------------------------------------------------------------------------------- */

static void join_day(struct visit *visit, struct visit_day *day)
{
    visit->next = day->first;
    if (day->first)
        day->first->prev = visit;
    day->first = visit;
    day->n_open++;
}

static void leave_day(struct visit *visit)
{
    struct visit_day *day = visit->record->day;

    *(visit->prev ? &visit->prev->next : &day->first) = visit->next;
    if (visit->next)
        visit->next->prev = visit->prev;
    visit->next = visit->prev = NULL;
    day->n_open--;
}

static struct visit *make(struct visits *visits, struct visit_day *day, const struct visit_arrival *arrival)
{
    struct visit *visit = calloc(1, sizeof *visit);
    struct visit_record *record = visit ? calloc(1, sizeof *record) : NULL;

    if (!record) {
        free(visit);
        return NULL;
    }
    *visit = (struct visit){ .visits = visits, .record = record, .source = arrival->source, .reached = VISIT_POSTED };
    record->day = day;
    record->v = (struct cs_visit){ .size = sizeof record->v,
                                   .day = day->day,
                                   .hour = day_hour(cs_wall_ms()),
                                   .zone = "",
                                   .alg = "",
                                   .client = arrival->client };
    return visit;
}

struct visit *visit_begin(struct visits *visits, const struct visit_arrival *arrival)
{
    struct visit_day *day;
    struct visit *visit;

    if (!visits || visits->stopping || !visits->with.settings->enabled)
        return NULL;
    visit_days_look(visits);
    day = visits->days;
    day->received++;
    day->changed = true;
    visit_counter_put(visits->counter, day->day, day->received);
    visit = day->n_open < VISITS_MOST ? make(visits, day, arrival) : NULL;
    if (!visit) {
        visit_lost(visits);
        return NULL;
    }
    join_day(visit, day);
    return visit;
}

void visit_labels(struct visit *visit, const struct visit_label *labels, size_t n)
{
    bool ok = true;

    if (!visit || !visit->record || visit->record->zone || visit->given)
        return;
    n = n < VISIT_LABELS_MOST ? n : VISIT_LABELS_MOST;
    visit->given = calloc(n ? n : 1, sizeof *visit->given);
    if (!visit->given)
        return;
    visit->n_given = n;
    for (size_t i = 0; i < n; i++) {
        visit->given[i] = (struct visit_label){ text_copy(labels[i].name), text_copy(labels[i].value) };
        ok = ok && visit->given[i].name && visit->given[i].value;
    }
    if (!ok)
        forget_given(visit);
}

/* ---- its zone ---------------------------------------------------------------------------------------------------- */

/* Who cannot say where he comes from is one more source at most; that nobody's could be told apart is about the whole day. */
static void take_pseudonym(struct visit *visit)
{
    struct visit_record *record = visit->record;
    const bool is_known = visit->source.family != SOURCE_UNKNOWN && record->day->key;
    struct cs_error err;
    const struct visit_zone *zone = is_known ? visit_zones_get(visit->visits->zones, record->zone, &err) : NULL;

    record->v.has_src = zone && pseudonym_of(day_key_bytes(record->day->key), zone->id, &visit->source, &record->v.src) == 0;
    if (!record->v.has_src && visit->source.family != SOURCE_UNKNOWN)
        visit_day_flag(record->day, CS_DAY_AT_LEAST);
}

/* A label for whose copy there is no memory is left out. */
static void take_labels(struct visit *visit)
{
    struct visit_record *record = visit->record;
    struct cs_visit_label screened[VISIT_LABELS_MOST];
    const size_t n =
        labels_screen(visit->visits->with.labels, record->zone, record->day->day, visit->given, visit->n_given, screened);

    for (size_t i = 0; i < n; i++) {
        struct cs_visit_label *label = &record->labels[record->v.n_labels];

        *label = (struct cs_visit_label){ text_copy(screened[i].name), text_copy(screened[i].value) };
        if (label->name && label->value) {
            record->v.n_labels++;
            continue;
        }
        free((char *)label->name);
        free((char *)label->value);
    }
}

void visit_zone(struct visit *visit, const char *zone)
{
    struct visit_record *record = visit ? visit->record : NULL;

    if (!record || record->zone)
        return;
    record->zone = text_copy(zone);
    if (!record->zone) {
        visit_lost(visit->visits);
        visit_forget(visit);
        return;
    }
    record->v.zone = record->zone;
    take_pseudonym(visit);
    take_labels(visit);
    forget_source(visit);
    forget_given(visit);
}

void visit_reached(struct visit *visit, enum visit_reached reached)
{
    if (visit && (int64_t)reached > visit->reached)
        visit->reached = reached;
}

void visit_alg(struct visit *visit, const char *alg)
{
    if (visit && visit->record)
        visit->record->v.alg = alg;
}

/* ---- its end ----------------------------------------------------------------------------------------------------- */

/* A reason may be somebody else's words. */
static void take_word(char out[VISIT_WORD + 1], const char *text)
{
    size_t n = 0;

    for (; n < VISIT_WORD && text[n]; n++) {
        const char c = text[n];

        if (c >= 'A' && c <= 'Z')
            out[n] = (char)(c - 'A' + 'a');
        else
            out[n] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ? c : '-';
    }
    out[n] = '\0';
}

void visit_finish(struct visit *visit, enum visit_outcome outcome, const char *error)
{
    struct visit_record *record;

    visit_zone(visit, ""); /* unless it is known */
    record = visit->record;
    if (!record)
        return;
    if (outcome == VISIT_ISSUED || outcome == VISIT_STORED)
        visit_reached(visit, VISIT_AT_CHAIN);
    take_word(record->error, error);
    record->v.outcome = outcomes[outcome];
    record->v.reached = steps[visit->reached];
    record->v.error = record->error;
    record->v.labels = record->labels;
    leave_day(visit);
    visit->record = NULL;
    visit_batch_add(visit->visits, record);
}

void visit_forget(struct visit *visit)
{
    struct visit_record *record = visit->record;

    if (!record)
        return;
    leave_day(visit);
    visit->record = NULL;
    visit_record_free(record);
    forget_source(visit);
    forget_given(visit);
}

/* One that was taken away has no `visits` to look at any more. */
void visit_end(struct visit *visit, enum visit_outcome outcome, const char *error)
{
    if (!visit)
        return;
    if (visit->record)
        visit_finish(visit, outcome, error);
    free_visit(visit);
}

void visits_latency(struct visits *visits, const char *role, const char *instance, int64_t ms)
{
    if (!visits || visits->stopping || !visits->with.settings->enabled)
        return;
    visit_latency_add(&visits->latencies, role, instance, ms);
    visit_batch_soon(visits);
}
