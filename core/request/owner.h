/*
 * The full set of our TXT values at one owner name for one zone of the table, and its back end: one set_txt call at a time for
 * the name, whatever the zone; what piled up meanwhile merged into the next; failures retried. Used by challenge.c,
 * publication.c and challenge_record.c.
 */
#ifndef REQUEST_OWNER_H
#define REQUEST_OWNER_H

#include "engine/timer.h"
#include "request/heart.h"

struct owner;

enum {
    OWNER_CALL_MS = 30 * 1000, /* the deadline of one set_txt */
    OWNER_TTL_S = 10,
    OWNER_LIFE_MS = 3600 * 1000 /* so long at least does a back end keep a value after it was told to serve it */
};

enum value_state {
    VALUE_RECORDING, /* its row is on its way to the store: not asked for yet */
    VALUE_WANTED,
    VALUE_GONE /* to be taken away */
};

/* One value of one job. */
struct value {
    struct value *next;
    struct owner *owner;
    struct value *next_of_job, *before_of_job;
    struct values_of_job *of_job;
    const char *job; /* id */
    char *name; /* what is validated */
    char *text;
    int64_t expires_ms; /* wall clock; moved on with each call that wants it */
    enum value_state state;
    enum value_state sent_as;    /* in the call that is out; VALUE_RECORDING: not in it */
    int tries;                   /* in a row that failed, to serve it or, once its back end has left, to take it away */
    bool recording;              /* its row is on its way */
    bool unwanted;               /* its job let go of it while it was being recorded */
    struct publication *waiting; /* who wants to know, or NULL */
};

struct owners;
/* What became of a value that was sent: served (err NULL) or not. For VALUE_GONE it is the owner's last mention of it. */
typedef void owner_told_fn(void *arg, struct value *value, const struct cs_error *err);
struct owners *owners_new(struct heart *heart, owner_told_fn *told, void *arg);
void owners_free(struct owners *owners); /* NULL is allowed */
/* Values to be taken away, and calls that are out. When the server stops: only these, as nothing is tried again then. */
size_t owners_busy(const struct owners *owners);

/* The value of that job at that owner, made in VALUE_RECORDING when there is none yet; it lives until `expires_ms` at least.
 * NULL: no memory. */
struct value *owners_value(struct owners *owners, struct instance *dns, const char *zone, const char *owner, const char *job,
                           const char *name, const char *text, int64_t expires_ms);
/* A new file: each owner goes to the heir of its instance, which is told all its values. Where there is none, what is to be
 * taken away is tried some more times, and then left to the operator. */
void owners_move(struct owners *owners, const struct instances *instances);
bool owners_use(const struct owners *owners, const struct instance *dns);
/* Was that heir told everything, whatever it said to it? */
bool owners_were_told(const struct owners *owners, const struct instance *dns);
/* Somebody begins to wait for the value: the pace of the tries is that of a back end of which nothing bad is known yet,
 * whatever was left behind at its name. Withdrawals keep their own pace. */
void owner_await(struct value *value);
/* A change was made to a value's state: tell the back end soon. */
void owner_push(struct owner *owner);
void owner_push_soon(struct owner *owner); /* the same, and nobody hears of it before the caller has returned to the loop */
const char *owner_name(const struct owner *owner);
const char *owner_zone(const struct owner *owner);
const char *owner_dns(const struct owner *owner); /* the instance's name */
void owners_forget_value(struct value *value);           /* takes it off its owner and frees it */
/* Every value of a job. `fn` may forget the value it is given. */
void owners_each_of_job(struct owners *owners, const char *job, void (*fn)(struct value *value));
/* All there are; `fn` may forget none. */
void owners_each(struct owners *owners, void (*fn)(struct value *value));

#endif
