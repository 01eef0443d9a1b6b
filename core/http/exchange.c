/*
 * Takes a request out of a connection's input; see exchange.h. Called by connection.c.
 */
#include "http/exchange.h"

#include <stdlib.h>

struct exchange *exchange_new(void)
{
    struct exchange *e = calloc(1, sizeof *e);

    if (e)
        e->body = TEXT_MAX(MESSAGE_MAX_BODY);
    return e;
}

void exchange_free(struct exchange *e)
{
    if (!e)
        return;
    text_free(&e->body);
    free(e->chunked);
    free(e->head);
    free(e);
}

static enum exchange_progress bad(struct exchange *e, int status, const char *fault)
{
    e->status = status;
    e->fault = fault;
    return EXCHANGE_BAD;
}

/* The head leaves the input, so that what comes later cannot move it. */
static enum exchange_progress take_head(struct exchange *e, struct evbuffer *in)
{
    e->head = malloc(e->message.head_len);
    if (!e->head)
        return EXCHANGE_NO_MEMORY;
    evbuffer_remove(in, e->head, e->message.head_len);
    e->message.at = e->head;
    if (e->message.body == MESSAGE_NO_BODY)
        return EXCHANGE_COMPLETE;
    if (e->message.body == MESSAGE_CHUNKED) {
        e->chunked = calloc(1, sizeof *e->chunked);
        return e->chunked ? EXCHANGE_HEAD : EXCHANGE_NO_MEMORY;
    }
    return EXCHANGE_HEAD;
}

enum exchange_progress exchange_read_head(struct exchange *e, struct evbuffer *in)
{
    size_t len = evbuffer_get_length(in);
    const char *bytes;

    len = len < MESSAGE_MAX_HEAD ? len : MESSAGE_MAX_HEAD;
    if (!len)
        return EXCHANGE_MORE;
    bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)len);
    if (!bytes)
        return EXCHANGE_NO_MEMORY;
    switch (message_read(&e->message, bytes, len)) {
    case MESSAGE_MORE:
        return EXCHANGE_MORE;
    case MESSAGE_BAD:
        return bad(e, e->message.status, e->message.fault);
    case MESSAGE_READY:
        break;
    }
    return take_head(e, in);
}

static enum message_state take_length(struct exchange *e, const char *bytes, size_t len, size_t *used)
{
    size_t left = e->message.body_len - e->body.len;

    *used = len < left ? len : left;
    text_add_n(&e->body, bytes, *used);
    return *used == left ? MESSAGE_READY : MESSAGE_MORE;
}

enum exchange_progress exchange_read_body(struct exchange *e, struct evbuffer *in)
{
    enum message_state state = MESSAGE_MORE;

    while (state == MESSAGE_MORE && evbuffer_get_length(in)) {
        size_t len = evbuffer_get_contiguous_space(in), used = 0;
        const char *bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)len);

        if (!bytes)
            return EXCHANGE_NO_MEMORY;
        state = e->chunked ? chunked_read(e->chunked, bytes, len, &used, &e->body) : take_length(e, bytes, len, &used);
        evbuffer_drain(in, used);
        if (text_failed(&e->body))
            return EXCHANGE_NO_MEMORY;
    }
    if (state == MESSAGE_BAD)
        return bad(e, e->chunked->status, e->chunked->fault);
    return state == MESSAGE_READY ? EXCHANGE_COMPLETE : EXCHANGE_MORE;
}
