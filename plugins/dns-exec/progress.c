/*
 * Which runs of unfinished changes are done; see progress.h.
 */
#include "progress.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { RUNS_MOST = 10000 };

struct progress_run {
    struct progress_run *next;
    char *zone, *owner, *value;
    const char *verb; /* static */
};

void progress_init(struct progress *progress)
{
    *progress = (struct progress){ 0 };
    pthread_mutex_init(&progress->lock, NULL);
}

static void free_run(struct progress_run *run)
{
    free(run->zone);
    free(run->owner);
    free(run->value);
    free(run);
}

void progress_free(struct progress *progress)
{
    struct progress_run *next;

    for (struct progress_run *run = progress->first; run; run = next) {
        next = run->next;
        free_run(run);
    }
    pthread_mutex_destroy(&progress->lock);
}

static bool is_of(const struct progress_run *run, const struct cs_txt_change *change)
{
    return strcmp(run->owner, change->owner) == 0 && strcmp(run->zone, change->zone) == 0;
}

/* Those of a change, or of a value of it, whatever was done with that. */
static void forget(struct progress *progress, const struct cs_txt_change *change, const char *value)
{
    for (struct progress_run **at = &progress->first; *at;) {
        struct progress_run *run = *at;

        if (!is_of(run, change) || (value && strcmp(run->value, value) != 0)) {
            at = &run->next;
            continue;
        }
        *at = run->next;
        progress->n--;
        free_run(run);
    }
}

static struct progress_run *make_run(const struct cs_txt_change *change, const char *verb, const char *value)
{
    struct progress_run *run = calloc(1, sizeof *run);

    if (!run)
        return NULL;
    *run = (struct progress_run){
        .zone = text_copy(change->zone), .owner = text_copy(change->owner), .value = text_copy(value), .verb = verb
    };
    if (run->zone && run->owner && run->value)
        return run;
    free_run(run);
    return NULL;
}

bool progress_has(struct progress *progress, const struct cs_txt_change *change, const char *verb, const char *value)
{
    bool has = false;

    pthread_mutex_lock(&progress->lock);
    for (const struct progress_run *run = progress->first; run && !has; run = run->next)
        has = is_of(run, change) && strcmp(run->verb, verb) == 0 && strcmp(run->value, value) == 0;
    pthread_mutex_unlock(&progress->lock);
    return has;
}

void progress_keep(struct progress *progress, const struct cs_txt_change *change, const char *verb, const char *value)
{
    struct progress_run *run = make_run(change, verb, value);

    pthread_mutex_lock(&progress->lock);
    forget(progress, change, value);
    if (run && progress->n < RUNS_MOST) {
        run->next = progress->first;
        progress->first = run;
        progress->n++;
        run = NULL;
    }
    pthread_mutex_unlock(&progress->lock);
    if (run)
        free_run(run);
}

void progress_forget(struct progress *progress, const struct cs_txt_change *change)
{
    pthread_mutex_lock(&progress->lock);
    forget(progress, change, NULL);
    pthread_mutex_unlock(&progress->lock);
}
