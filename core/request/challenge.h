/*
 * Challenges: a CA plugin puts a value, the core writes it down, sets it in the DNS, waits until the world sees it, and always
 * takes it away again. cs_challenge_put() and its kin are defined in publication.c. Called by the files of job.h, by resume.c,
 * heart.c and heart_reload.c.
 */
#ifndef REQUEST_CHALLENGE_H
#define REQUEST_CHALLENGE_H

#include "request/job.h"

struct challenges;
struct challenges *challenges_new(struct heart *heart);
void challenges_free(struct challenges *challenges); /* NULL is allowed */

/* The job has ended (or starts anew): nobody waits for its values any more, and they are taken away in the background. */
void challenges_release(struct challenges *challenges, struct job *job);

/* The job is suspended: nobody waits for its values any more, but they stay for the next run. */
void challenges_abandon(struct challenges *challenges, struct job *job);

/* A value that an earlier run wrote down. It is served again if its job is `open`, and taken away otherwise: at
 * challenges_push_revived(), which is called for each row once all are known, so that each owner name gets its full set at
 * once. */
void challenges_revive(struct challenges *challenges, const struct cs_job_challenge *row, bool open);
void challenges_push_revived(struct challenges *challenges, const struct cs_job_challenge *row);

/* Values that are still to be taken away. */
struct owners *challenges_owners(const struct challenges *challenges); /* for heart_reload.c */
size_t challenges_busy(const struct challenges *challenges);

#endif
