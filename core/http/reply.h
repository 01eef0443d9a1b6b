/*
 * An answer as bytes: status line, fields and body, in one contiguous piece so that they leave in one write. Called by
 * connection.c; filled by api.c and admin.c.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <countersign/plugin.h>

struct evbuffer;

/* Everything is the caller's. Texts of fields come from the server itself, never from a client as they are. */
struct reply {
    int status;
    const char *route;        /* for the metrics: a word for the path, "sign" */
    const char *content_type; /* NULL: there is no body */
    const char *body;
    size_t body_len;
    const char *allow, *location, *preference_applied, *www_authenticate; /* NULL: not there */
    int64_t retry_after_s;                             /* 0: not there */
    bool close;                                        /* the connection ends with this answer */
};

/* What the connection adds. */
struct reply_frame {
    bool head_only;  /* the answer to HEAD: the length of the body, but no body */
    bool keep_alive; /* the connection goes on */
    int minor;       /* HTTP/1.0 must be told that it goes on, HTTP/1.1 that it ends */
    const char *date;
};

#define REPLY_DATE_SIZE 30

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7). */
void reply_date(char out[REPLY_DATE_SIZE], int64_t wall_ms);

/* Add the answer to `out`. -1 without memory: nothing of it was added. */
int reply_write(struct evbuffer *out, const struct reply *reply, const struct reply_frame *frame);

#endif
