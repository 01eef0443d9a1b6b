/*
 * An event as a syslog message, RFC 5424 6: header, structured data, and the event's JSON as the text. Pure. Called by
 * syslog.c.
 */
#ifndef AUDIT_SYSLOG_MESSAGE_H
#define AUDIT_SYSLOG_MESSAGE_H

#include <countersign/audit.h>

#include "base/text.h"

enum { MESSAGE_SMALLEST = 480, MESSAGE_LARGEST = 64000 }; /* RFC 5424 6.1: what everybody must take; fits into a datagram */

/* What is the same in each message. */
struct message_style {
    int facility; /* 0 to 23 */
    const char *hostname, *app_name;
    long pid;
    int64_t enterprise; /* private enterprise number of the structured data's name */
    size_t most;        /* bytes */
};

/* Write one message, without any framing. An event of the visits ledger gets no timestamp, no process and no sequence. What
 * does not fit into `most` bytes goes without its text, and says so. -1: no memory. */
int message_write(struct text *out, const struct message_style *style, const struct cs_event *event, struct cs_error *err);

/* "local0" -> 16; -1: no such facility. */
int message_facility(const char *word);

/* May it stand in the header? 1 to `most` printable ASCII characters without spaces. */
bool message_is_word(const char *text, size_t most);

#endif
