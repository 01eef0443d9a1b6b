/*
 * Takes a running server down without losing an order; see serve_stop.h.
 */
#include "command/serve_stop.h"

#include "command/serve_reload.h"
#include "engine/log.h"
#include "http/server.h"

#define LOOK_AGAIN_MS 20

static size_t connections(const struct server *s)
{
    return s->http ? http_server_connections(s->http) : 0;
}

/* look_whether_drained() asks for it, together with the orders. */
static void on_drained(void *arg)
{
    (void)arg;
}

static void drain_connections(struct server *s, int64_t ms)
{
    if (!s->http)
        return;
    serve_listeners_gone(s->listeners);
    http_server_drain(s->http, cs_now_ms() + ms, on_drained, s);
}

static void look_whether_closed(void *arg)
{
    struct server *s = arg;

    if (heart_busy(s->heart) || instances_calls(s->instances) || connections(s) || serve_reload_busy(s->reload))
        timer_set_in(s->loop, &s->look, LOOK_AGAIN_MS, look_whether_closed, s);
    else
        loop_stop(s->loop);
}

static void give_up(void *arg)
{
    struct server *s = arg;

    log_line(CS_LOG_WARN, SERVE_LOG_WHO, "",
             "not everything came to rest calls=%zu busy=%zu reload=%s: what is left goes on after the next start",
             instances_calls(s->instances), heart_busy(s->heart), serve_reload_busy(s->reload) ? "reading" : "none");
    s->gave_up = true;
    loop_stop(s->loop);
}

void serve_stop_now(struct server *s)
{
    if (s->phase == SERVE_CLOSING)
        return;
    if (s->phase == SERVE_STARTING)
        drain_connections(s, SERVE_CLOSING_MS / 2);
    s->phase = SERVE_CLOSING;
    serve_self_stop(s->self);
    heart_stop(s->heart);
    instances_stop(s->instances);
    timer_set_in(s->loop, &s->limit, SERVE_CLOSING_MS, give_up, s);
    timer_set_in(s->loop, &s->look, 0, look_whether_closed, s);
}

static void on_stop_limit(void *arg)
{
    serve_stop_now(arg);
}

static void look_whether_drained(void *arg)
{
    struct server *s = arg;

    if (s->phase != SERVE_DRAINING)
        return;
    if (heart_busy(s->heart) || connections(s))
        timer_set_in(s->loop, &s->look, LOOK_AGAIN_MS, look_whether_drained, s);
    else
        serve_stop_now(s);
}

void serve_stop(struct server *s, int signal)
{
    log_line(CS_LOG_INFO, SERVE_LOG_WHO, "", "stopping signal=%d waiting=%zu orders=%zu", signal, s->heart->in_flight,
             heart_orders(s->heart));
    if (s->phase != SERVE_SERVING) {
        notify_stopping(&s->notify, s->loop, SERVE_CLOSING_MS, "stopping");
        serve_stop_now(s);
        return;
    }
    notify_stopping(&s->notify, s->loop, s->setup.settings.stop_ms + SERVE_CLOSING_MS, "stopping");
    s->phase = SERVE_DRAINING;
    drain_connections(s, s->setup.settings.stop_ms + SERVE_CLOSING_MS / 2);
    timer_set_in(s->loop, &s->limit, s->setup.settings.stop_ms, on_stop_limit, s);
    timer_set_in(s->loop, &s->look, 0, look_whether_drained, s);
}

