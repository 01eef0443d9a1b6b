/*
 * Where a request comes from as the proxies on its way tell: Forwarded (RFC 7239), X-Forwarded-For. Called by arrival.c. Pure,
 * fuzzed (tests/fuzz/fuzz_forwarded.c).
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "http/message.h"
#include "http/peer.h"
#include "http/proxies.h"

enum forwarded {
    FORWARDED_NONE = 0,  /* there is no such field */
    FORWARDED_FOUND,
    FORWARDED_UNKNOWN,   /* a trusted proxy does not know, or does not say ("unknown", "_hidden") */
    FORWARDED_MALFORMED, /* what a trusted proxy should have said cannot be read, or the two fields contradict each other */
};

/* From a trusted proxy's own entry, the last one, back past trusted proxies to the first address that is none, or to the end;
 * *out is set for FORWARDED_FOUND. What stands before that entry was written by somebody who is not trusted: it is not looked
 * at. A proxy may write one field and pass the other on as the client sent it; so when both are there they must agree. */
enum forwarded forwarded_read(struct peer *out, const struct message *m, const struct proxies *proxies);

#endif
