/*
 * Every pseudonym that a source may have in the visits: one for each zone, on each day whose key is still there. Used by
 * visit_erase.c and visit_export.c; nobody can make this list once the keys are gone.
 */
#ifndef RECORDS_VISIT_TAGS_H
#define RECORDS_VISIT_TAGS_H

#include "records/visit_parts.h"

struct visit_tag {
    uint64_t src;
    int64_t day;
    char *zone;
};

struct visit_tags {
    struct visit_tag *at; /* by src */
    size_t n;
    int64_t days[2]; /* whose key is there, latest first */
    size_t n_days;
};

/* `zone` NULL: every zone that there has been. -1: no memory, or libcrypto failed; nothing is to be freed then. */
int visit_tags_make(struct visit_tags *tags, const struct visits *visits, const struct source *source, const char *zone,
                    struct cs_error *err);
void visit_tags_free(struct visit_tags *tags);
/* Is a record's pseudonym one of them? */
bool visit_tags_have(const struct visit_tags *tags, const struct visit_record *record);
/* Where a visit that has no pseudonym yet came from. */
bool visit_tags_same_source(const struct source *a, const struct source *b);

#endif
