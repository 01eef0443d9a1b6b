/*
 * The head of an HTTP/1.x request, strictly as RFC 9112 has it: request line, fields, and what they say about the body. A pure
 * function over bytes, fuzzed (tests/fuzz/fuzz_http_message.c). Called by exchange.c; the handlers read the result.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "http/syntax.h"
#include "http/target.h"

#define MESSAGE_MAX_LINE   (8 * 1024)  /* the request line; longer: 414 */
#define MESSAGE_MAX_FIELDS (16 * 1024) /* bytes of the header block behind it; more: 431 */
#define MESSAGE_MAX_LINES  100         /* of the header block; more: 431 */
#define MESSAGE_MAX_BLANK  2           /* empty lines before the request line (RFC 9112 2.2); more: 400 */
#define MESSAGE_MAX_BODY   (16 * 1024) /* more: 413 */
#define MESSAGE_MAX_HEAD   (MESSAGE_MAX_BLANK * 2 + MESSAGE_MAX_LINE + 2 + MESSAGE_MAX_FIELDS + 1) /* refused by then */

enum message_state {
    MESSAGE_MORE = 0, /* right so far, not complete */
    MESSAGE_READY,
    MESSAGE_BAD       /* status and fault say why; where the next request begins is not known */
};

enum method {
    METHOD_OTHER = 0, /* a token that is none of these: 501 */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH
};

enum message_body { MESSAGE_NO_BODY = 0, MESSAGE_LENGTH, MESSAGE_CHUNKED };

/* A place in the head, counted from its first byte: stays right when the bytes move. */
struct message_part {
    uint16_t at, len;
};

struct message_field {
    struct message_part name, value;
};

struct message {
    enum message_state state;
    int status;        /* of a bad message: 400, 413, 414, 417, 431, 501, 505 */
    const char *fault; /* of a bad message: a static sentence for its sender */

    const char *at;  /* the head. Whoever moves the bytes afterwards sets it anew. */
    size_t head_len; /* of a ready one, with the empty line */

    enum method method;
    enum target_form form;
    struct message_part path, query;
    int minor; /* HTTP/1.0 or HTTP/1.1 */
    enum message_body body;
    size_t body_len;      /* for MESSAGE_LENGTH */
    bool expect_continue; /* the client waits for "100 Continue" before it sends the body */
    bool keep_alive;      /* the client wants to go on after the answer (RFC 9112 9.3) */

    struct message_field fields[MESSAGE_MAX_LINES];
    size_t n_fields;

    /* How far it was read. */
    size_t seen, line, blank_lines, fields_from;
    unsigned found; /* flags of the fields that may stand only once, and of what they asked for */
};

/* Read on. Begin with a zeroed message; `bytes` are all bytes from the message's first on, `len` grows from call to call. */
enum message_state message_read(struct message *m, const char *bytes, size_t len);

/* Of a ready message. The path "" of "http://host" is "/"; that of the asterisk form is "*". */
struct span message_path(const struct message *m);
struct span message_query(const struct message *m);

/* Value number `index` (from 0) of a field, name compared without case. False: there is none. */
bool message_field(const struct message *m, const char *name, size_t index, struct span *value);

/* One field line without its CRLF: token ":" OWS value OWS, no control character but tabs in the value, no folding. NULL, or
 * what is wrong. Also for trailers. */
const char *message_split_field(struct span line, struct span *name, struct span *value);

#endif
