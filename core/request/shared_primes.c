/*
 * Orders and their moduli; see shared_primes.h. What the loop wants done is a line of notes, each part of what it is about, so
 * that none is lost for want of memory; the thread works them off in that order.
 */
#include "request/shared_primes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "engine/workers.h"
#include "request/stored_moduli.h"

#define LOG_WHO       "keys"
#define KICK_AGAIN_MS 1000 /* when no thread could be told */
#define LOAD_AGAIN_MS (60 * 1000)

struct note {
    struct note *next;
    void (*work)(struct shared_primes *all, void *arg); /* in the thread */
    void *arg;
};

struct line {
    struct note *first, **end;
};

struct prime_claim {
    struct shared_primes *all;
    struct note check, keep, drop;
    char job[MODULI_OWNER_SIZE];
    uint64_t look; /* of the store, when `keep` was noted */
    int found;     /* of moduli_find_shared() */
    struct moduli_other other;
    prime_claim_fn *fn;
    void *arg;
    struct mail mail;
    size_t len;
    uint8_t modulus[];
};

struct shared_primes {
    struct heart *heart;
    struct workers *workers;
    struct moduli *moduli; /* the thread's */
    pthread_mutex_t lock;  /* of the next two */
    struct line line;
    bool is_awake;         /* the thread will look at the line */
    /* the loop's */
    struct line early; /* checks from before the store was read */
    bool has_read, is_reading;
    uint64_t look; /* how often it was, or is being, read */
    struct timer kick, again;
};

/* ---- The line of notes ---- */

static void line_add(struct line *line, struct note *note)
{
    note->next = NULL;
    *line->end = note;
    line->end = &note->next;
}

static struct note *line_take(struct line *line)
{
    struct note *note = line->first;

    if (note)
        line->first = note->next;
    if (!line->first)
        line->end = &line->first;
    return note;
}

static struct note *next_note(struct shared_primes *all)
{
    struct note *note;

    pthread_mutex_lock(&all->lock);
    note = line_take(&all->line);
    all->is_awake = note != NULL;
    pthread_mutex_unlock(&all->lock);
    return note;
}

/* In the thread. A note may be gone as soon as it was worked off. */
static void work_off(void *arg)
{
    struct shared_primes *all = arg;
    struct note *note;

    while ((note = next_note(all)))
        note->work(all, note->arg);
}

static void wake(struct shared_primes *all);

static void on_kick(void *arg)
{
    wake(arg);
}

static void wake(struct shared_primes *all)
{
    struct cs_error err;
    bool was_awake;

    pthread_mutex_lock(&all->lock);
    was_awake = all->is_awake;
    all->is_awake = true;
    pthread_mutex_unlock(&all->lock);
    if (was_awake || workers_run(all->workers, work_off, all, &err) == 0)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_awake = false;
    pthread_mutex_unlock(&all->lock);
    timer_set_in(all->heart->loop, &all->kick, KICK_AGAIN_MS, on_kick, all);
}

static void hand_over(struct shared_primes *all, struct note *note)
{
    pthread_mutex_lock(&all->lock);
    line_add(&all->line, note);
    pthread_mutex_unlock(&all->lock);
    wake(all);
}

/* ---- An order ---- */

struct prime_claim *prime_claim_new(struct shared_primes *all, struct der_span modulus, const char *job)
{
    struct prime_claim *claim = calloc(1, sizeof *claim + modulus.len);

    if (!claim)
        return NULL;
    claim->all = all;
    claim->len = modulus.len;
    claim->found = -1; /* nobody looked yet */
    memcpy(claim->modulus, modulus.at, modulus.len);
    memcpy(claim->job, job, strnlen(job, sizeof claim->job - 1));
    return claim;
}

static void on_checked(struct mail *mail)
{
    struct prime_claim *claim = (struct prime_claim *)((char *)mail - offsetof(struct prime_claim, mail));
    struct cs_error err;

    if (claim->found < 0)
        cs_fail(&err, CS_EBUSY, "no memory to compare the key with others; try again in a moment");
    claim->fn(claim->arg, claim->found > 0 ? &claim->other : NULL, claim->found < 0 ? &err : NULL);
}

static void check(struct shared_primes *all, void *arg)
{
    struct prime_claim *claim = arg;

    claim->found = moduli_find_shared(all->moduli, claim->modulus, claim->len, &claim->other);
    if (claim->found == 0)
        claim->found = moduli_hold(all->moduli, claim->modulus, claim->len, claim->job);
    claim->mail.fn = on_checked;
    loop_post(all->heart->loop, &claim->mail);
}

void prime_claim_check(struct prime_claim *claim, prime_claim_fn *fn, void *arg)
{
    struct shared_primes *all = claim->all;

    claim->fn = fn;
    claim->arg = arg;
    claim->check = (struct note){ .work = check, .arg = claim };
    if (all->has_read)
        hand_over(all, &claim->check);
    else
        line_add(&all->early, &claim->check);
}

/* Without memory its order is not compared with; it is refused nothing. */
static void hold(struct shared_primes *all, void *arg)
{
    const struct prime_claim *claim = arg;

    (void)moduli_hold(all->moduli, claim->modulus, claim->len, claim->job);
}

void prime_claim_hold(struct prime_claim *claim)
{
    claim->check = (struct note){ .work = hold, .arg = claim };
    hand_over(claim->all, &claim->check);
}

/* Without memory it comes with the next look at the store. */
static void keep(struct shared_primes *all, void *arg)
{
    const struct prime_claim *claim = arg;

    (void)moduli_keep(all->moduli, claim->modulus, claim->len, claim->job, claim->look);
}

void prime_claim_keep(struct prime_claim *claim)
{
    claim->look = claim->all->look;
    claim->keep = (struct note){ .work = keep, .arg = claim };
    hand_over(claim->all, &claim->keep);
}

static void drop(struct shared_primes *all, void *arg)
{
    struct prime_claim *claim = arg;

    if (claim->check.work == hold || (claim->check.work && claim->found == 0))
        moduli_release(all->moduli, claim->modulus, claim->len);
    free(claim);
}

void prime_claim_drop(struct prime_claim *claim)
{
    if (!claim)
        return;
    claim->drop = (struct note){ .work = drop, .arg = claim };
    hand_over(claim->all, &claim->drop);
}

/* ---- The store ---- */

struct reading {
    struct shared_primes *all;
    struct note note;
    uint64_t look;
    struct stored_moduli *list; /* the newest first */
};

static int read_store(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct reading *reading = arg;

    stored_moduli_free(reading->list); /* of a first try */
    reading->list = NULL;
    return stored_moduli_read(c, SHARED_PRIMES_MOST_ROWS, SHARED_PRIMES_MOST_BITS, &reading->list, err);
}

static void keep_all(struct shared_primes *all, const struct stored_moduli *list, uint64_t look)
{
    bool kept = true;

    for (size_t i = stored_moduli_count(list); i-- > 0;) {
        const struct stored_modulus *one = stored_moduli_at(list, i);

        kept &= moduli_keep(all->moduli, one->bytes, one->len, one->job, look) == 0;
    }
    moduli_forget(all->moduli, look);
    if (!kept)
        log_line(CS_LOG_WARN, LOG_WHO, "", "no memory for all RSA keys of certificates: new ones are not compared with all");
}

static void take_list(struct shared_primes *all, void *arg)
{
    struct reading *reading = arg;

    keep_all(all, reading->list, reading->look);
    stored_moduli_free(reading->list);
    free(reading);
}

static void on_again(void *arg)
{
    shared_primes_load(arg);
}

static void hand_over_early(struct shared_primes *all)
{
    struct note *note;

    all->has_read = true;
    while ((note = line_take(&all->early)))
        hand_over(all, note);
}

static void on_store_read(void *arg, const struct cs_error *err)
{
    struct reading *reading = arg;
    struct shared_primes *all = reading->all;

    all->is_reading = false;
    if (err) {
        log_line(CS_LOG_WARN, LOG_WHO, "", "the certificates' keys cannot be read from the store, trying again: %s", err->text);
        stored_moduli_free(reading->list);
        free(reading);
        if (!all->heart->stopping)
            timer_set_in(all->heart->loop, &all->again, LOAD_AGAIN_MS, on_again, all);
    } else {
        reading->note = (struct note){ .work = take_list, .arg = reading };
        hand_over(all, &reading->note);
    }
    hand_over_early(all);
}

/* What is kept while the store is read has this look's number, too, and is not forgotten at its end. */
void shared_primes_load(struct shared_primes *all)
{
    struct reading *reading = all->is_reading ? NULL : calloc(1, sizeof *reading);

    if (!reading)
        return;
    timer_clear(&all->again);
    *reading = (struct reading){ .all = all, .look = ++all->look };
    all->is_reading = true;
    store_read(all->heart->store, read_store, reading, on_store_read, reading);
}

/* ---- All of it ---- */

struct shared_primes *shared_primes_new(struct heart *heart, struct cs_error *err)
{
    struct shared_primes *all = calloc(1, sizeof *all);

    if (!all) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    all->heart = heart;
    all->line.end = &all->line.first;
    all->early.end = &all->early.first;
    pthread_mutex_init(&all->lock, NULL);
    all->moduli = moduli_new(SHARED_PRIMES_MOST_BITS);
    all->workers = workers_new("moduli", 1, err);
    if (all->moduli && all->workers)
        return all;
    if (!all->moduli)
        cs_fail(err, CS_EBUSY, "out of memory");
    shared_primes_free(all);
    return NULL;
}

size_t shared_primes_busy(const struct shared_primes *all)
{
    return all->is_reading;
}

/* What nobody could tell the thread is worked off here. */
void shared_primes_free(struct shared_primes *all)
{
    if (!all)
        return;
    timer_clear(&all->kick);
    timer_clear(&all->again);
    workers_free(all->workers);
    work_off(all);
    moduli_free(all->moduli);
    pthread_mutex_destroy(&all->lock);
    free(all);
}
