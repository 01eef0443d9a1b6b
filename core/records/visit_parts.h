/*
 * What the files of the visits share. visit.c has one visit's life, visit_day.c the days and their keys, visit_batch.c the way
 * to the store, visit_upkeep.c what is forgotten and published, visit_aside.c what cannot be forgotten, visit_kept.c what the
 * next start must know, visit_erase.c and visit_export.c what is erased and told on demand, visits.c the start and the stop of
 * it all.
 */
#ifndef RECORDS_VISIT_PARTS_H
#define RECORDS_VISIT_PARTS_H

#include "engine/timer.h"
#include "plugin/settings.h"
#include "records/day_key.h"
#include "records/visit_counter.h"
#include "records/visit_latency.h"
#include "records/visit_zones.h"
#include "records/visits.h"

enum { VISIT_WORD = 64, VISIT_LABELS_MOST = 8, VISITS_MOST = 100000 /* under way, and waiting to be written */ };

/* What becomes of a visit: made with it, on its way to the store once it is over. */
struct visit_record {
    struct visit_record *next;
    struct visit_day *day;
    struct cs_visit v; /* its strings are static, or those below */
    char *zone;        /* NULL: not known yet */
    char error[VISIT_WORD + 1];
    struct cs_visit_label labels[VISIT_LABELS_MOST]; /* copies */
};

/* One that is under way. */
struct visit {
    struct visits *visits;
    struct visit_record *record; /* NULL: it was taken away from its owner, by the day's end or an erasure */
    struct visit *next, *prev;   /* of the same day */
    struct source source;        /* forgotten when the pseudonym is there */
    struct visit_label *given;   /* labels as they came, copies, until the zone is known */
    size_t n_given;
    int64_t reached;
};

enum day_state {
    DAY_RUNS = 1, /* the accounting day */
    DAY_ENDS,     /* over, but visits that came in on it are under way, and its key is there */
    DAY_CLOSES    /* its key is destroyed; once its last records are written it is closed */
};

struct visit_day {
    struct visit_day *next; /* an earlier one */
    int64_t day;
    enum day_state state;
    struct day_key *key;  /* NULL: destroyed, or could not be made */
    int64_t key_since_ms; /* on cs_now_ms() */
    int64_t ends_ms;      /* DAY_ENDS: when the grace is over, on cs_now_ms() */
    int64_t keys, received, flags, key_destroyed_ms, proxy_changes;
    bool changed;        /* since it was last written */
    struct visit *first; /* under way */
    size_t n_open, unwritten;
};

struct visits {
    struct visits_with with;
    struct store *store;
    struct visit_day *days; /* the accounting day first */
    struct visit_zones *zones;
    struct visit_counter *counter;
    struct visit_latencies latencies;
    struct timer tick; /* midnight, a grace's end, and now and then to see whether the clock was set */
    char key_why_not[240];
    bool key_may_have_file;
    bool stopping;

    /* visit_batch.c */
    struct visit_record *first, **last; /* over, oldest first */
    size_t n_queued;
    struct visit_batch *out;
    int64_t pause_ms;
    struct timer write; /* the next batch is due */
    int64_t lost, lost_logged_ms;
    struct visit_task *tasks, **last_task; /* wait until no batch is out */
    size_t held;                           /* by so many tasks */

    /* visit_upkeep.c */
    struct timer upkeep, scrub, publish;
    int64_t scrub_pause_ms, recorded_ms, purged_ms, published_ms;
    int64_t unscrubbed_ms; /* when the purge was whose bytes are not scrubbed yet; 0: there is none */
    bool purging, purge_again, scrubbing, scrub_again, publishing, publish_again;
    bool scrubbed, published; /* how the last ones went */
    bool first_written;       /* a batch was, since the start */
    bool must_confirm;
    size_t calls;                                       /* of upkeep and of tasks that are out */
    struct visit_task *publish_waiters, *scrub_waiters; /* hear of the next end */
};

/* Something that waits for its time; embedded first in what it is about. */
struct visit_task {
    struct visit_task *next;
    void (*run)(struct visit_task *task);
};

/* ---- visit.c ---- */
void visit_forget(struct visit *visit); /* its record is freed, and nothing of it is recorded */
void visit_finish(struct visit *visit, enum visit_outcome outcome,
                  const char *error); /* its record is queued; its owner keeps it */
void visit_record_free(struct visit_record *record);

/* ---- visit_day.c ---- */
int visit_days_start(struct visits *visits, struct cs_error *err);
void visit_days_look(struct visits *visits); /* what time is it? Ends days, and begins the next */
void visit_days_stop(struct visits *visits); /* the server stops: every day's open visits are ended, its key goes */
struct visit_day *visit_day_find(struct visits *visits, int64_t number);
void visit_day_flag(struct visit_day *day, enum cs_day_flag flag);
void visit_days_free(struct visits *visits);
void visit_day_closed(struct visits *visits, struct visit_day *day); /* the store has closed it: it is freed */

/* ---- visit_batch.c ---- */
void visit_batch_add(struct visits *visits, struct visit_record *record);
void visit_batch_soon(struct visits *visits); /* something of a day changed */
void visit_batch_now(struct visits *visits);
bool visit_batch_idle(const struct visits *visits); /* everything is written */
void visit_batch_drop(struct visits *visits);       /* the end: what could not be written is freed */
void visit_lost(struct visits *visits);
/* As soon as no batch is out: then every record is in the store, or in the queue. */
void visit_batch_task(struct visits *visits, struct visit_task *task);
/* No batch goes out until it is let go as often: what a task found in the queue stays there while it looks into the store. */
void visit_batch_hold(struct visits *visits);
void visit_batch_let_go(struct visits *visits);

/* ---- visit_kept.c ---- */
/* What the last run left; flags the day when it trusted other proxies. *err: it cannot be read. */
int visit_kept_start(struct visits *visits, struct cs_error *err);
/* Is the clock so far ahead that nothing may be purged? Says so when it has just become so. */
bool visit_kept_doubts(struct visits *visits);
/* The server runs now. Not while the clock is doubted: the next start must doubt it, too. */
void visit_kept_note_time(struct visits *visits);

/* ---- visit_upkeep.c ---- */
int visit_upkeep_start(struct visits *visits, struct cs_error *err);
void visit_upkeep_purge(struct visits *visits); /* a day was closed */
/* `task` (may be NULL) runs when a scrubbing that began after this call has ended, well or not. */
void visit_upkeep_scrub(struct visits *visits, struct visit_task *task);
/* Visits were written: a store's log may have them in the order in which they came, so it is scrubbed before long. */
void visit_upkeep_written(struct visits *visits);
void visit_upkeep_publish(struct visits *visits, struct visit_task *task);
void visit_upkeep_stop(struct visits *visits);

/* ---- visit_aside.c ---- */
void visit_aside_look(struct visits *visits); /* a purge was done */

#endif
