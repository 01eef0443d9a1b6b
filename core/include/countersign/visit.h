/*
 * A visit: one signing request as it is recorded about people, pseudonymous and without any key, order or time that could join
 * it to a certificate (docs/privacy.md). Part of the `store` role, whose visits functions store.h lists.
 */
#ifndef COUNTERSIGN_VISIT_H
#define COUNTERSIGN_VISIT_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Screened already: a name that the zone declares, and a value it allows or "other". */
struct cs_visit_label {
    const char *name, *value;
};

/* Words are 1 to 64 of a-z, 0-9, "-", "." and "_" unless said. Strings are never NULL. */
struct cs_visit {
    uint32_t size;
    int64_t day;      /* on which it came in: days since 1970-01-01, UTC */
    int64_t hour;     /* 0 to 23, UTC: for the hours' totals only, never beside the rest */
    const char *zone; /* "": the subject was not known */
    bool has_src;     /* false: where it came from is not known; it counts as a request, not as a source */
    uint64_t src;     /* the source's pseudonym for this day and zone */
    const struct cs_visit_label *labels;
    size_t n_labels; /* by name, each name once */
    const char *outcome; /* "issued", "stored", "refused", "failed", "late", "left", "unfinished" */
    const char *reached; /* "posted", "subject", "csr", "challenge", "issued" */
    const char *error;   /* the reason of a problem document, or "" */
    const char *alg;     /* of the CSR's key: "ecdsa-p256", "rsa-2048", …; "" while it is not known */
    const char *client;  /* "countersign", "curl", …, "other", "none" */
};

/* How long calls of an instance took: never part of a visit. */
struct cs_latency {
    uint32_t size;
    int64_t day;
    const char *role; /* "ca", "dns" */
    const char *instance;
    int64_t bucket; /* quarter-octave: calls of up to 2^(bucket/4) ms, and more than those of the bucket before */
    int64_t n;
};

enum cs_day_flag {
    CS_DAY_AT_LEAST = 1,   /* counts of sources are lower bounds                                     */
    CS_DAY_TWO_KEYS = 2,   /* a second key was made that day: a source may count once for each       */
    CS_DAY_PROXIES = 4,    /* the list of trusted proxies changed: a source may count once more      */
    CS_DAY_CLOCK = 8,      /* the wall clock stepped back behind the day                             */
    CS_DAY_ERASED = 16,    /* visits of the day were erased on demand                                */
    CS_DAY_CLOSED = 32     /* nothing is added any more, and its key is destroyed                    */
};

/* What is to be known about a day's figures. */
struct cs_day {
    uint32_t size;
    int64_t day;
    int64_t keys;     /* made for it */
    int64_t received; /* visits that began */
    int64_t recorded; /* visits that visit_add() has stored; the difference was lost, or is under way */
    int64_t flags;    /* enum cs_day_flag */
    int64_t key_destroyed_ms; /* wall clock; 0: it is not */
    int64_t proxy_changes;    /* how often the list of trusted proxies changed: with each, a source may count once more */
};

/* What visits_erase() takes away. Rows that match all that is said; nothing said matches nothing. */
struct cs_visits_erasure {
    uint32_t size;
    int64_t day;        /* -1: every day */
    const char *zone;   /* NULL: every zone; "": visits of no zone */
    bool has_src;       /* only those of `src`, which needs a day and a zone */
    uint64_t src;
    const char *label_name;  /* NULL: whatever the labels; a visit keeps its other labels, the label itself goes */
    const char *label_value; /* NULL: any value of that name */
    int64_t before_day; /* 0: of any age; otherwise days before that one only */
};

/* What is forgotten because its time has passed: days before each of these. */
struct cs_visits_retention {
    uint32_t size;
    int64_t visits_before; /* the days' tables of visits, with pseudonyms */
    int64_t labels_before; /* labels with less than `k` sources become "other" */
    int64_t totals_before; /* everything else about the day */
    int64_t k;
};

typedef int cs_day_fn(void *arg, const struct cs_day *row);
typedef int cs_zone_id_fn(void *arg, const char *zone, uint64_t id);
typedef int cs_visit_label_fn(void *arg, const char *zone, const struct cs_visit_label *label);

#ifdef __cplusplus
}
#endif
#endif
