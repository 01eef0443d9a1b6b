/*
 * cs_watch_fd(): a plugin's own sockets on the core's loop. Called by plugins that speak a protocol of their own.
 */
#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "engine/host.h"
#include "engine/loop.h"

struct cs_watch {
    struct event *event;
    const char *who;
    cs_watch_fn *fn;
    void *arg;
};

/* `fn` may end the watch: nothing of it is touched afterwards. */
static void on_ready(int fd, short events, void *arg)
{
    const struct cs_watch *watch = arg;
    int64_t began_us = loop_call_begin();

    loop_blame(watch->who);
    watch->fn(watch->arg, fd, (events & EV_READ ? CS_READ : 0) | (events & EV_WRITE ? CS_WRITE : 0));
    loop_call_end("watch", began_us);
}

struct cs_watch *cs_watch_fd(struct cs_instance *in, int fd, int events, cs_watch_fn *fn, void *arg)
{
    struct cs_watch *watch;
    short wanted = (short)((events & CS_READ ? EV_READ : 0) | (events & CS_WRITE ? EV_WRITE : 0));

    assert(on_loop_thread());
    if (fd < 0 || !wanted)
        return NULL;
    watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    *watch = (struct cs_watch){ .who = in->who, .fn = fn, .arg = arg };
    watch->event = event_new(loop_base(in->loop), fd, (short)(wanted | EV_PERSIST), on_ready, watch);
    if (!watch->event || event_add(watch->event, NULL) < 0) {
        cs_watch_end(watch);
        return NULL;
    }
    return watch;
}

void cs_watch_end(struct cs_watch *watch)
{
    if (!watch)
        return;
    if (watch->event)
        event_free(watch->event);
    free(watch);
}
