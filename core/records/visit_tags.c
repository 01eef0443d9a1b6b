/*
 * The pseudonyms of one source; see visit_tags.h.
 */
#include "records/visit_tags.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "records/pseudonym.h"

static int compare(const void *a, const void *b)
{
    const struct visit_tag *x = a, *y = b;

    return x->src < y->src ? -1 : x->src > y->src;
}

static size_t count_zones(const struct visits *visits)
{
    size_t n = 0;

    for (const struct visit_zone *zone = visit_zones_first(visits->zones); zone; zone = zone->next)
        n++;
    return n;
}

static int add(struct visit_tags *tags, const struct visit_day *day, const struct visit_zone *zone, const struct source *source)
{
    struct visit_tag *tag = &tags->at[tags->n];

    tag->day = day->day;
    tag->zone = text_copy(zone->name);
    if (!tag->zone)
        return -1;
    tags->n++;
    return pseudonym_of(day_key_bytes(day->key), zone->id, source, &tag->src);
}

static int add_day(struct visit_tags *tags, const struct visits *visits, const struct visit_day *day,
                   const struct source *source, const char *only)
{
    tags->days[tags->n_days++] = day->day;
    for (const struct visit_zone *zone = visit_zones_first(visits->zones); zone; zone = zone->next)
        if ((!only || strcmp(only, zone->name) == 0) && add(tags, day, zone, source) < 0)
            return -1;
    return 0;
}

int visit_tags_make(struct visit_tags *tags, const struct visits *visits, const struct source *source, const char *zone,
                    struct cs_error *err)
{
    const size_t most_days = sizeof tags->days / sizeof *tags->days;
    int rc = 0;

    *tags = (struct visit_tags){ .at = calloc(most_days * count_zones(visits) + 1, sizeof *tags->at) };
    if (!tags->at)
        return cs_fail(err, CS_EBUSY, "no memory to look for a source");
    for (const struct visit_day *day = visits->days; day && rc == 0; day = day->next)
        if (day->key && tags->n_days < most_days)
            rc = add_day(tags, visits, day, source, zone);
    if (rc < 0) {
        visit_tags_free(tags);
        return cs_fail(err, CS_EBUSY, "no memory to look for a source");
    }
    qsort(tags->at, tags->n, sizeof *tags->at, compare);
    return 0;
}

void visit_tags_free(struct visit_tags *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        tags->at[i].src = 0;
        free(tags->at[i].zone);
    }
    if (tags->at)
        OPENSSL_cleanse(tags->at, tags->n * sizeof *tags->at);
    free(tags->at);
    *tags = (struct visit_tags){ 0 };
}

bool visit_tags_have(const struct visit_tags *tags, const struct visit_record *record)
{
    const struct visit_tag key = { .src = record->v.src };
    const struct visit_tag *tag = record->v.has_src && tags->n ? bsearch(&key, tags->at, tags->n, sizeof key, compare) : NULL;

    return tag && tag->day == record->v.day;
}

bool visit_tags_same_source(const struct source *a, const struct source *b)
{
    return a->family == b->family && memcmp(a->address, b->address, sizeof a->address) == 0;
}
