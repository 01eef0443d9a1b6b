/*
 * Those who wait for one thing that is under way; see waiter.h. First come, first told.
 */
#include "waiter.h"

void waiter_join(struct waiter **list, struct waiter *waiter, waiter_fn *fn, void *arg)
{
    while (*list)
        list = &(*list)->next;
    *waiter = (struct waiter){ .link = list, .fn = fn, .arg = arg };
    *list = waiter;
}

void waiter_leave(struct waiter *waiter)
{
    if (!waiter->link)
        return;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

void waiters_tell(struct waiter **list, const struct failure *failure)
{
    struct waiter *told = *list;

    *list = NULL;
    if (told)
        told->link = &told;
    while (told) {
        struct waiter *one = told;

        waiter_leave(one);
        one->fn(one->arg, failure);
    }
}
