/*
 * One request under way, taken out of a connection's input piece by piece: head, then body. Owned by connection.c.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <event2/buffer.h>

#include "base/text.h"
#include "http/chunked.h"

enum exchange_progress {
    EXCHANGE_MORE = 0,  /* right so far: more bytes are needed */
    EXCHANGE_HEAD,      /* the head is complete, a body follows */
    EXCHANGE_COMPLETE,
    EXCHANGE_BAD,       /* status and fault say why */
    EXCHANGE_NO_MEMORY
};

struct exchange {
    struct message message;
    char *head; /* its bytes, once it is complete */
    struct text body;
    struct chunked *chunked;
    int status; /* of a bad one */
    const char *fault;

    void (*gone)(void *arg); /* tells the handler that nobody wants its answer any more */
    void *arg;
};

struct exchange *exchange_new(void); /* NULL: no memory */
void exchange_free(struct exchange *e); /* NULL is allowed */

/* Take from `in` what belongs to the request. */
enum exchange_progress exchange_read_head(struct exchange *e, struct evbuffer *in);
enum exchange_progress exchange_read_body(struct exchange *e, struct evbuffer *in);

#endif
