/*
 * All visits: the accounting day, its key, the batches to the visits store, what is forgotten when. visit.h has what a single
 * request does. Made by command/serve.c; asked by the privacy commands through the control socket. Loop thread only.
 */
#ifndef RECORDS_VISITS_H
#define RECORDS_VISITS_H

#include "records/ledger.h"
#include "records/outbox.h"
#include "records/visit.h"

/* Who is believed when he says where a client is. What it points to is the settings'. */
struct visits_trust {
    const char *const *proxies;
    size_t n_proxies;
    const struct listen_settings *listen; /* whose clients begin with a PROXY header */
    size_t n_listen;
};

struct visits_with {
    struct loop *loop;
    struct instance *plugin; /* the store's */
    struct store *state;     /* what is to be found again after a restart is kept there */
    struct outbox *outbox;   /* is told that a key was destroyed; NULL: nobody is */
    struct metrics *metrics;
    struct labels_declared *labels; /* NULL: no labels are recorded */
    struct ledger *ledger;          /* NULL: none */
    const struct visits_settings *settings;
    const char *runtime; /* folder of the day's key and of the count of arrivals */
    struct visits_trust trust;
};

/* Can the store record visits? NULL: yes; otherwise the function that it lacks. */
const char *visits_lacks(const struct cs_store_ops *ops);

/* With `enabled` false nothing is recorded and no key is made, but what was recorded before is forgotten in its time.
 * Takes up the day, or begins it: reads the visits store and writes to it, in this thread, before loop_run(). Everything given
 * lives longer. NULL and *err. */
struct visits *visits_open(const struct visits_with *with, struct cs_error *err);

/* May anything be forgotten because its time has passed? Not while the clock is doubted: see must_confirm below. NULL: yes. */
bool visits_may_purge(struct visits *visits);

/* A new file: the settings that `with` points to hold its values now, these are the rest. What they were is still there. */
void visits_change(struct visits *visits, const char *runtime, const struct visits_trust *trust);

/* Before /metrics is written: their store's figures, and how many visits were lost. */
void visits_measure(const struct visits *visits);

/* After loop_run() has returned, before the outbox and the state's store are closed. Open visits are recorded as unfinished
 * (their owners may still end them), keys are destroyed or put away, what is queued is written, within 5 s; then the analysts'
 * file is published. Turns the loop itself. NULL is allowed. */
void visits_close(struct visits *visits);

/* ---- For `countersign privacy` ---- */

struct visits_status {
    int64_t day;                     /* the accounting day */
    int64_t keys;                    /* made for it; 0: none could be made */
    int64_t key_made_ms;             /* wall clock; 0: there is none */
    bool key_in_file;                /* it is also in the runtime folder */
    const char *key_why_not;         /* why not, "" */
    int64_t flags;                   /* of the day: enum cs_day_flag */
    int64_t received;                /* visits that began on it */
    size_t open;                     /* visits under way, of all days that are not closed */
    size_t queued;                   /* over, and not yet written */
    int64_t lost;                    /* since the start: for want of memory, or more than may wait */
    int64_t purged_ms, published_ms; /* wall clock, of the last time that it was done; 0: not since the start */
    bool scrubbed;                   /* nothing of what was forgotten is left in the files */
    bool must_confirm;   /* nothing is purged until visits_confirm(): the clock is far ahead of the last recorded time */
    int64_t recorded_ms; /* that time */
};
/* Strings live as long as the visits. */
void visits_status(const struct visits *visits, struct visits_status *out);

/* The operator says that the clock is right: purging goes on. `done` on the loop once that is kept. */
void visits_confirm(struct visits *visits, cs_done_fn *done, void *arg);

/* What is to be erased: all that is said must match. Strings are copied. */
struct visits_what {
    bool has_source;
    struct source source;    /* in every zone, unless one is said, on the days whose key is there: today, and until the grace is
                                over    yesterday */
    const char *zone;        /* NULL: every zone */
    const char *label_name;  /* NULL: whatever the labels; see struct cs_visits_erasure */
    const char *label_value; /* NULL: any value */
    int64_t before_day;      /* 0: of any age */
};
struct visits_erased {
    int64_t requests; /* that were taken away, or of which a label was */
    int64_t days[2];  /* by source: the days that it could be looked for on, latest first */
    size_t n_days;
    bool scrubbed;  /* false: a reader holds the old bytes; they go as soon as it lets go */
    bool published; /* the analysts' file was written anew */
};
typedef void visits_erased_fn(void *arg, const struct visits_erased *erased, const struct cs_error *err);
/* Visits that are under way and those that wait to be written are covered. `done` on the loop, once. */
void visits_erase(struct visits *visits, const struct visits_what *what, visits_erased_fn *done, void *arg);

struct visits_count {
    int64_t day;
    const char *zone, *outcome; /* outcome "": still under way */
    int64_t requests;
};
typedef void visits_counts_fn(void *arg, const struct visits_count *counts, size_t n, const int64_t *days, size_t n_days,
                              const struct cs_error *err);
/* What is held about a source: requests by day, zone and outcome, on the days whose key is there (`days`). `done` on the loop,
 * once; all it gets is valid inside. */
void visits_export(struct visits *visits, const struct source *source, visits_counts_fn *done, void *arg);

#endif
