/*
 * Keeps and releases what may be nobody; see order_source.h. Called by request.c and job_source.c.
 */
#include "request/order_source.h"

struct order_source order_source_keep(const struct order_source *source)
{
    if (source->ops)
        source->ops->keep(source);
    return *source;
}

void order_source_release(struct order_source *source)
{
    if (source->ops)
        source->ops->release(source);
    *source = (struct order_source){ 0 };
}
