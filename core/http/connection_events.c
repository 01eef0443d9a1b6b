/*
 * What arrives on a connection: bytes, its end, and deadlines when nothing arrives. See connection.h; connection.c calls
 * connection_start().
 *
 * A client that ends its own side after it has sent its request (a FIN) may still read: its answer is written. Whether it is
 * there at all cannot be seen from a FIN, so while it waits it gets an interim "100 Continue" now and then, which every client
 * has to pass over (RFC 9110 15.2): one that has closed its socket resets the connection, and that is seen. Over TLS the end of
 * the client's side is the end of the client.
 */
#include <assert.h>
#include <string.h>

#include <event2/event.h>

#include "http/connection_parts.h"
#include "http/transport.h"

#define MAX_AHEAD     (32 * 1024)       /* bytes of further requests that are taken in while one is handled */
#define MAX_DISCARDED (4 * 1024 * 1024) /* bytes read for nothing, so that the last answer arrives */
#define FIRST_PROBE_MS 500
#define PROBE_MS       1000
#define CONTINUE_EVERY 10 /* probes */
#define CONTINUE       "HTTP/1.1 100 Continue\r\n\r\n"

/* ---- Reading -------------------------------------------------------------------------------------------------------- */

static void no_memory(struct connection *c)
{
    connection_give_up(c, CS_EBUSY, "The server has no memory for this request at the moment.");
}

static bool begin_request(struct connection *c)
{
    if (!connection_has_input(c)) {
        if (c->ended)
            connection_close(c);
        return false;
    }
    c->exchange = exchange_new();
    if (!c->exchange) {
        no_memory(c);
        return false;
    }
    connection_move(c, HEAD);
    return true;
}

/* More is needed than there is. */
static void await(struct connection *c)
{
    if (c->ended) {
        connection_refuse(c, 400, "The request ends before it is complete.");
    } else if (!connection_is_unfinished(c)) {
        connection_close(c);
    } else if (c->state == HEAD) {
        if (!c->header_by_ms)
            c->header_by_ms = cs_now_ms() + c->service->deadlines.header_ms;
        timer_set_at(c->service->loop, &c->deadline, c->header_by_ms, connection_on_deadline, c);
    }
}

static void handle(struct connection *c)
{
    struct exchange *e = c->exchange;

    connection_move(c, WAITING);
    c->service->handle(c->service->handler, c, &e->message, text_of(&e->body), e->body.len);
    assert(c->state != WAITING || e->gone);
}

/* When the client waits for our word before it sends the body (RFC 9110 10.1.1), it may get the answer instead. */
static void begin_body(struct connection *c)
{
    bool asked = c->exchange->message.expect_continue && !connection_has_input(c);

    if (asked) {
        c->last = true; /* should it be answered now: the body may come all the same, or not */
        connection_move(c, WAITING);
        if (!c->service->check(c->service->handler, c, &c->exchange->message))
            return;
        c->last = false;
    }
    connection_move(c, BODY);
    if (asked && evbuffer_add(connection_output(c), CONTINUE, strlen(CONTINUE)) < 0)
        no_memory(c);
}

/* Returns whether there may be more to read. */
static bool read_on(struct connection *c)
{
    struct exchange *e = c->exchange;

    switch (c->state == HEAD ? exchange_read_head(e, connection_input(c)) : exchange_read_body(e, connection_input(c))) {
    case EXCHANGE_MORE:
        await(c);
        return false;
    case EXCHANGE_HEAD:
        begin_body(c);
        break;
    case EXCHANGE_COMPLETE:
        handle(c);
        break;
    case EXCHANGE_BAD:
        connection_refuse(c, e->status, e->fault);
        break;
    case EXCHANGE_NO_MEMORY:
        no_memory(c);
        break;
    }
    return true;
}

/* Read as far as the bytes reach; one request at a time. */
static void go_on(struct connection *c)
{
    bool more = true;

    while (more && (c->state == IDLE || c->state == HEAD || c->state == BODY))
        more = c->state == IDLE ? begin_request(c) : read_on(c);
}

static void discard(struct connection *c)
{
    struct evbuffer *in = connection_input(c);

    c->discarded += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
    if (c->discarded > MAX_DISCARDED)
        connection_close(c);
}

/* ---- What happens ---------------------------------------------------------------------------------------------------- */

/* Not by a watermark: with that, libevent forgets bytes that OpenSSL holds already. */
static void pause_reading(struct connection *c)
{
    c->paused = true;
    bufferevent_disable(c->bev, EV_READ);
    if (c->state == WAITING)
        connection_start_probing(c);
}

static void resume_reading(struct connection *c)
{
    if (c->paused && !c->ended)
        bufferevent_enable(c->bev, EV_READ);
    c->paused = false;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct connection *c = connection_enter(arg);

    (void)bev;
    if (c->state == PREFACE)
        connection_read_preface(c);
    else
        go_on(c);
    if (c->state == LINGER)
        discard(c);
    else if (evbuffer_get_length(connection_input(c)) > MAX_AHEAD)
        pause_reading(c);
    connection_leave(c);
}

static void after_answer(struct connection *c)
{
    exchange_free(c->exchange);
    c->exchange = NULL;
    resume_reading(c);
    if (!c->last && !c->service->draining) {
        connection_move(c, IDLE);
        go_on(c);
    } else if (c->ended) {
        connection_close(c);
    } else {
        transport_end(c->bev);
        connection_move(c, LINGER);
        discard(c);
    }
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct connection *c = connection_enter(arg);

    (void)bev;
    if (c->state == WRITING && evbuffer_get_length(connection_output(c)) == 0)
        after_answer(c);
    connection_leave(c);
}

static void on_probe(void *arg)
{
    struct connection *c = connection_enter(arg);

    if (transport_is_gone(c->bev)) {
        connection_close(c);
    } else {
        if (c->ended && c->exchange->message.minor == 1 && c->probes++ % CONTINUE_EVERY == 0)
            evbuffer_add(connection_output(c), CONTINUE, strlen(CONTINUE));
        timer_set_in(c->service->loop, &c->probe, PROBE_MS, on_probe, c);
    }
    connection_leave(c);
}

void connection_start_probing(struct connection *c)
{
    timer_set_in(c->service->loop, &c->probe, FIRST_PROBE_MS, on_probe, c);
}

static void on_end(struct connection *c)
{
    c->ended = true;
    switch (c->state) {
    case IDLE:
    case HEAD:
    case BODY:
        go_on(c);
        break;
    case WAITING:
        connection_start_probing(c);
        break;
    case WRITING:
    case CLOSED:
        break;
    case PREFACE:
    case HANDSHAKE:
    case LINGER:
        connection_close(c);
        break;
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *c = connection_enter(arg);

    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        service_count_connection(c->service, "tls");
        c->header_by_ms = cs_now_ms() + c->service->deadlines.header_ms;
        connection_move(c, IDLE);
    } else if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING) && !c->tls) {
        on_end(c);
    } else if (c->state != CLOSED) {
        if (c->state == HANDSHAKE)
            service_count_connection(c->service, "tls-failed");
        connection_close(c);
    }
    connection_leave(c);
}

void connection_on_deadline(void *arg)
{
    static const char *const phases[] = { [PREFACE] = "proxy-header", [HANDSHAKE] = "handshake", [IDLE] = "idle",
                                          [HEAD] = "header",          [BODY] = "body",           [WAITING] = "handler",
                                          [WRITING] = "write",        [LINGER] = "linger",       [CLOSED] = "closed" };
    struct connection *c = connection_enter(arg);

    service_count_timeout(c->service, phases[c->state]);
    switch (c->state) {
    case HEAD:
        connection_refuse(c, 408, "The header of the request did not come in time.");
        break;
    case BODY:
        connection_refuse(c, 408, "The body of the request did not come in time.");
        break;
    case WAITING:
        connection_give_up(c, CS_ETIMEDOUT, "The server found no answer in time.");
        break;
    case PREFACE:
    case HANDSHAKE:
    case IDLE:
    case WRITING:
    case LINGER:
    case CLOSED:
        connection_close(c);
        break;
    }
    connection_leave(c);
}

/* To enable writing, as it is from the start, would wake the loop for a socket that takes what nobody has to say yet. */
void connection_start(struct connection *c)
{
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_enable(c->bev, EV_READ);
}
