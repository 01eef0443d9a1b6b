/*
 * A request's head out of its field lines, for tests of what looks at fields.
 */
#ifndef HTTP_REQUEST_HEAD_H
#define HTTP_REQUEST_HEAD_H

#include <stdio.h>
#include <string.h>

#include "http/message.h"

struct request_head {
    struct message message;
    char bytes[8192];
};

/* `fields`: lines with CRLF. */
static inline const struct message *request_head_of(struct request_head *head, const char *fields)
{
    memset(head, 0, sizeof *head);
    snprintf(head->bytes, sizeof head->bytes, "POST /v1/sign HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_int_equal(message_read(&head->message, head->bytes, strlen(head->bytes)), MESSAGE_READY);
    return &head->message;
}

#endif
