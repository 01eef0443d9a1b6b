/*
 * What a client wishes beside what it asks for: Prefer (RFC 7240), Accept, Cache-Control, Content-Type, Content-Encoding.
 * Called by api.c. Pure.
 */
#ifndef HTTP_PREFERENCES_H
#define HTTP_PREFERENCES_H

#include "http/message.h"

struct preferences {
    bool respond_async;    /* Prefer: respond-async */
    int64_t wait_s;        /* Prefer: wait=N; -1: not said */
    bool accepts_problems; /* Accept names application/problem+json or application/json; wildcards do not count */
    bool fresh;            /* Cache-Control: no-cache */
    bool coded;            /* Content-Encoding names something else than identity */
    char content_type[64]; /* lower case, without parameters; "" when there is none, or none that makes sense */
};

/* Wishes that cannot be read are passed over (RFC 7240 2). */
void preferences_read(struct preferences *out, const struct message *m);

#endif
