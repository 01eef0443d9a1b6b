/*
 * The one place that maps (front, client, subject, names) to what may happen. Called by request.c for every front, and by
 * resume.c for a job of an earlier run.
 */
#ifndef REQUEST_GRANT_H
#define REQUEST_GRANT_H

#include "request/csr.h"
#include "request/subject.h"

struct asker {
    const char *front;            /* "http" */
    struct credential credential; /* what it shows; of its certificate it has a reference */
    struct standing standing;     /* whose that is: subjects_find() */
    const char *client;           /* grant_access() sets it: the client's name, "" for nobody in particular */
};
void asker_clear(struct asker *asker);

struct grant {
    struct instance *ca;
    const char *profile; /* of the row; valid as long as it */
    const char *client;  /* of the asker; valid as long as it */
};

/* Of what was granted earlier, in `zone`, to the subject that has this row now (NULL: none any more): does that still hold?
 * CS_EDENIED "not-granted". What a row lets its subject ask for may have changed meanwhile; that is not looked at. */
int grant_holds(const struct subject_row *row, const char *zone, struct cs_error *err);

/* Before the CSR is looked at in full: may this subject ask at all? CS_EINPUT "unknown-subject" for no row, a disabled one,
 * and one whose zone is disabled: who is refused learns no more. */
int grant_subject(const struct asker *asker, const struct subject_row *row, struct cs_error *err);

/* Of a subject that may: does who asks show what it needs to see? Whatever is shown must be good, also where nothing is needed:
 * nobody is to believe that his token works when it does not. A verified certificate that no row names is as good as none.
 * CS_ECREDENTIAL with a reason for each way, which docs/access.md lists; CS_EDENIED "wrong-subject". Judged by the wall clock
 * now. No public-key operation. */
int grant_access(struct asker *asker, const struct subject_row *row, struct cs_error *err);

/* May it have these names, and from which CA? CS_EDENIED "name-not-allowed", "name-not-of-key", "foreign-name"; CS_EINPUT
 * "cn-only"; CS_ECONFIG when the row names an instance that is not configured. */
int grant_names(struct heart *heart, const struct asker *asker, const struct subject_row *row, const struct csr *csr,
                struct grant *out, struct cs_error *err);

/* The CA instance of a row: the first of its list, or the only one of the configuration. */
struct instance *grant_ca(struct heart *heart, const struct subject_row *row, struct cs_error *err);

#endif
