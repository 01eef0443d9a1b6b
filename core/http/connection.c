/*
 * One client's connection: its states, its answers, its end; see connection.h. connection_events.c has what arrives on it. Only
 * connection_move() changes the state, and with it the deadline.
 */
#include "http/connection.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "http/connection_parts.h"
#include "http/transport.h"
#include "http/trust.h"

/* Tell the handler that nobody wants its answer any more. */
static void let_go(struct connection *c)
{
    void (*gone)(void *arg) = c->exchange ? c->exchange->gone : NULL;

    if (!gone)
        return;
    c->exchange->gone = NULL;
    gone(c->exchange->arg);
}

/* A source with more than a tenth of all connections has many. */
static bool is_of_many(const struct connection *c)
{
    return 10 * limits_connections(&c->place) > c->service->max_connections;
}

static void be_idle(struct connection *c)
{
    c->idle_in = is_of_many(c) ? &c->service->crowded : &c->service->idle;
    service_list_add(c->idle_in, &c->idle_link);
}

static void be_busy(struct connection *c)
{
    if (c->idle_in)
        service_list_remove(c->idle_in, &c->idle_link);
    c->idle_in = NULL;
}

void connection_move(struct connection *c, enum connection_state state)
{
    const struct service_deadlines *deadlines = &c->service->deadlines;
    int64_t ms = 0;

    be_busy(c);
    c->state = state;
    timer_clear(&c->probe);
    switch (state) {
    case PREFACE:
        ms = deadlines->preface_ms;
        break;
    case HANDSHAKE:
        ms = deadlines->handshake_ms;
        break;
    case IDLE:
        be_idle(c);
        ms = c->header_by_ms ? deadlines->header_ms : deadlines->idle_ms;
        break;
    case BODY:
        c->header_by_ms = 0;
        ms = deadlines->body_ms;
        break;
    case WRITING:
        limits_finish(&c->place);
        ms = deadlines->write_ms;
        break;
    case LINGER:
        ms = deadlines->linger_ms;
        break;
    case HEAD: /* set when the head does not come at once */
        return;
    case WAITING:
    case CLOSED:
        limits_finish(&c->place);
        c->header_by_ms = 0;
        timer_clear(&c->deadline);
        return;
    }
    timer_set_in(c->service->loop, &c->deadline, ms, connection_on_deadline, c);
}

void connection_close(struct connection *c)
{
    if (c->state == CLOSED)
        return;
    let_go(c);
    connection_move(c, CLOSED);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
}

struct evbuffer *connection_input(const struct connection *c)
{
    return bufferevent_get_input(c->bev);
}

struct evbuffer *connection_output(const struct connection *c)
{
    return bufferevent_get_output(c->bev);
}

bool connection_has_input(const struct connection *c)
{
    return evbuffer_get_length(connection_input(c)) > 0;
}

bool connection_is_unfinished(struct connection *c)
{
    const struct service *service = c->service;

    if (!service->limits || limits_begin(service->limits, &c->peer, service->proxies, &c->place))
        return true;
    service_count_connection(c->service, "limited");
    return false;
}

/* ---- Answering ------------------------------------------------------------------------------------------------------ */

/* Of a request for which there was no memory nothing was read. */
static const struct message *message_of(const struct connection *c)
{
    static const struct message unread;

    return c->exchange ? &c->exchange->message : &unread;
}

static bool may_go_on(const struct connection *c, const struct reply *reply)
{
    const struct message *m = message_of(c);

    return m->state == MESSAGE_READY && m->keep_alive && !c->last && !reply->close && !c->service->draining &&
           !trust_has_ended(c->trust) && !(c->ended && !connection_has_input(c));
}

void connection_answer(struct connection *c, const struct reply *reply)
{
    const struct message *m = message_of(c);
    struct reply_frame frame = { .head_only = m->method == METHOD_HEAD,
                                 .keep_alive = may_go_on(c, reply),
                                 .minor = m->minor,
                                 .date = service_date(c->service) };

    assert(c->state == WAITING);
    connection_enter(c);
    if (c->exchange)
        c->exchange->gone = NULL;
    c->last = !frame.keep_alive;
    service_count_answer(c->service, reply->route, reply->status);
    connection_move(c, WRITING);
    if (reply_write(connection_output(c), reply, &frame) < 0)
        connection_close(c);
    connection_leave(c);
}

void connection_answer_problem(struct connection *c, const struct problem *problem, const struct reply *reply)
{
    char *text = problem_text(problem);
    struct reply full = *reply;

    full.status = problem->status;
    full.content_type = text ? PROBLEM_CONTENT_TYPE : NULL;
    full.body = text;
    full.body_len = text ? strlen(text) : 0;
    connection_answer(c, &full);
    free(text);
}

void connection_wait(struct connection *c, int64_t deadline_ms, void (*gone)(void *arg), void *arg)
{
    assert(c->state == WAITING);
    c->exchange->gone = gone;
    c->exchange->arg = arg;
    timer_set_at(c->service->loop, &c->deadline, deadline_ms, connection_on_deadline, c);
    if (c->ended)
        connection_start_probing(c);
}

void connection_refuse(struct connection *c, int status, const char *detail)
{
    struct problem problem = problem_of_http(status, detail);

    c->last = true;
    connection_move(c, WAITING);
    connection_answer_problem(c, &problem, &(struct reply){ .route = "unread" });
}

void connection_give_up(struct connection *c, enum cs_code code, const char *detail)
{
    struct cs_error err = { 0 };
    struct problem problem;

    cs_fail(&err, code, "%s", detail);
    problem = problem_of_error(&err, "", NULL, false);
    c->last = true;
    let_go(c);
    connection_move(c, WAITING);
    connection_answer_problem(c, &problem,
                              &(struct reply){ .route = "unread", .retry_after_s = problem_retry_after_s(&err, false) });
}

static void begin(struct connection *c, const struct connection_entry *entry)
{
    if (entry->proxy_header && entry->tls) {
        SSL_CTX_up_ref(entry->tls);
        c->context = entry->tls;
    }
    if (entry->proxy_header)
        connection_begin_preface(c);
    else
        connection_move(c, entry->tls ? HANDSHAKE : IDLE);
    connection_start(c);
}

void connection_new(struct service *service, int fd, const struct connection_entry *entry)
{
    SSL_CTX *tls = entry->proxy_header ? NULL : entry->tls;
    struct bufferevent *bev = transport_new(service->loop, fd, tls);
    struct connection *c = bev ? calloc(1, sizeof *c) : NULL;
    struct limits_place place = entry->place;

    if (!c) {
        if (bev)
            bufferevent_free(bev);
        limits_disconnect(&place);
        service_count_connection(service, "refused");
        return;
    }
    *c = (struct connection){ .service = service, .bev = bev, .tls = tls != NULL, .peer = entry->peer,
                              .place = place, .trust = trust_keep(entry->trust) };
    service_add(service, &c->link);
    service_count_connection(service, "accepted");
    c->header_by_ms = cs_now_ms() + service->deadlines.header_ms;
    begin(c, entry);
}

const struct peer *connection_peer(const struct connection *c)
{
    return &c->peer;
}

/* ---- All of a service ------------------------------------------------------------------------------------------------ */

static void drain(struct connection *c)
{
    if (c->state == PREFACE || c->state == HANDSHAKE || c->state == IDLE)
        connection_close(c);
}

static void cut(struct connection *c)
{
    if (c->state == HEAD || c->state == BODY || c->state == WAITING)
        connection_give_up(c, CS_ESHUTDOWN, "The server is stopping.");
    else if (c->state == WRITING)
        connection_move(c, WRITING);
    else
        connection_close(c);
}

static void each(struct service *service, void (*act)(struct connection *c))
{
    struct service_link *next;

    for (struct service_link *link = service->all.first; link; link = next) {
        struct connection *c = connection_enter(link);

        next = link->next;
        act(c);
        connection_leave(c);
    }
}

void connection_drain_all(struct service *service)
{
    service->draining = true;
    each(service, drain);
}

void connection_cut_all(struct service *service, int64_t write_ms)
{
    service->deadlines.write_ms = service->deadlines.linger_ms = write_ms;
    each(service, cut);
}

void connection_close_all(struct service *service)
{
    each(service, connection_close);
}

bool connection_close_idle(struct service *service)
{
    struct service_link *link = service->crowded.last ? service->crowded.last : service->idle.last;
    struct connection *c;

    if (!link)
        return false;
    c = connection_enter((char *)link - offsetof(struct connection, idle_link));
    connection_close(c);
    connection_leave(c);
    return true;
}
