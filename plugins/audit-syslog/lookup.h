/*
 * The addresses of a host, with a deadline: the resolver's own patience (resolv.conf) may be half a minute for each server. For
 * a thread that may wait. Called by link.c.
 */
#ifndef AUDIT_SYSLOG_LOOKUP_H
#define AUDIT_SYSLOG_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

struct lookup; /* under way */

/* An address is known at once. A name is asked for; when the deadline (on cs_now_ms()) passes, *under_way goes on and the next
 * call waits for it: always for the same host, port and type. 0 and *found for freeaddrinfo(), or -1 and a static *why. */
int lookup_host(struct lookup **under_way, const char *host, const char *port, int type, int64_t deadline_ms,
                struct addrinfo **found, const char **why);

/* The end of one that nobody waits for any more. NULL is allowed. */
void lookup_free(struct lookup *lookup);

#endif
