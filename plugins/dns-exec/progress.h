/*
 * Runs of a change that ran out of time: the next call for that owner name goes on behind them. A name with more values than
 * fit into one call would never be finished otherwise. Called by exec.c in its worker threads; calls for one name come one at
 * a time.
 */
#ifndef DNS_EXEC_PROGRESS_H
#define DNS_EXEC_PROGRESS_H

#include <countersign/dns.h>
#include <pthread.h>
#include <stdbool.h>

struct progress_run;
struct progress {
    pthread_mutex_t lock;
    struct progress_run *first;
    size_t n;
};

void progress_init(struct progress *progress);
void progress_free(struct progress *progress);

/* Was it done in an earlier call, which was not finished? `verb` is "add" or "remove". */
bool progress_has(struct progress *progress, const struct cs_txt_change *change, const char *verb, const char *value);
/* It is done now. Without memory, or room, it is done once more. */
void progress_keep(struct progress *progress, const struct cs_txt_change *change, const char *verb, const char *value);
/* The change is finished, or is to begin anew. */
void progress_forget(struct progress *progress, const struct cs_txt_change *change);

#endif
