/*
 * The chunked transfer coding of a request body (RFC 9112 7.1): extensions are skipped, trailers are checked and dropped. A
 * pure function over bytes, fuzzed with message.c. Called by exchange.c.
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "base/text.h"
#include "http/message.h"

#define CHUNKED_MAX_LINE     1024         /* of a chunk size with extensions, or of a trailer field; more: 400 */
#define CHUNKED_MAX_TRAILERS 4096         /* bytes; more: 431 */
#define CHUNKED_MAX_FRAMING  (128 * 1024) /* bytes beside the body itself, so that a body cannot drip for nothing; more: 413 */

enum chunked_part { CHUNKED_SIZE = 0, CHUNKED_DATA, CHUNKED_DATA_END, CHUNKED_TRAILERS, CHUNKED_DONE };

/* Begins zeroed. */
struct chunked {
    enum chunked_part part;
    size_t left;     /* of the chunk's data */
    size_t line_len; /* of the line under way */
    size_t framing, trailers;
    char line[CHUNKED_MAX_LINE];
    int status; /* of a bad body: 400, 413, 431 */
    const char *fault;
};

/* Take what `in` has: *used bytes of it, the decoded ones are added to `body`. MESSAGE_READY: the body is complete, what
 * follows belongs to the next request. A body over MESSAGE_MAX_BODY: 413. */
enum message_state chunked_read(struct chunked *c, const char *in, size_t len, size_t *used, struct text *body);

#endif
