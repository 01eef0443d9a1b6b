/*
 * For which source a new order counts while it is open (docs/limits.md); see job.h. Called by job.c and job_again.c.
 */
#include "request/counts.h"
#include "request/job.h"

static int count_for(struct job *job, const struct order_source *source, struct cs_error *err)
{
    struct order_source kept = order_source_keep(source);
    const int taken = kept.ops ? kept.ops->take(&kept, err) : 0;

    if (taken <= 0)
        order_source_release(&kept);
    if (taken < 0)
        return -1;
    order_source_release(&job->source);
    job->source = kept;
    job->is_counted = taken > 0;
    return 0;
}

/* Who has joined meanwhile may have it in the maker's place. */
static bool count_for_another(struct job *job)
{
    struct cs_error err;

    for (const struct job_waiter *waiter = job->first; waiter; waiter = waiter->next)
        if (waiter->source.place != job->source.place && count_for(job, &waiter->source, &err) == 0)
            return true;
    return false;
}

int job_source_take(struct job *job, struct cs_error *err)
{
    if (count_for(job, &job->source, err) == 0 || count_for_another(job))
        return 0;
    counts_limit(job->heart->metrics, "open-orders");
    return -1;
}

bool job_source_has_room(struct job *job)
{
    struct cs_error err;

    if (job_source_take(job, &err) == 0)
        return true;
    job_tell(job, &(struct job_news){ .err = &err });
    return false;
}

void job_leave_source(struct job *job)
{
    if (job->is_counted)
        job->source.ops->give_back(&job->source);
    job->is_counted = false;
    order_source_release(&job->source);
}
