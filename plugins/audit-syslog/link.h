/*
 * The way to the syslog server: a socket that is opened when it is needed, and written to with a deadline. For a thread that
 * may wait. Called by syslog.c.
 */
#ifndef AUDIT_SYSLOG_LINK_H
#define AUDIT_SYSLOG_LINK_H

#include <openssl/ssl.h>

#include "base/text.h"
#include "lookup.h"
#include "server.h"

struct link {
    const struct server *server;
    SSL_CTX *tls;     /* SERVER_TLS only */
    const char *name; /* that the server's certificate must have */
    struct lookup *lookup; /* NULL: none is under way; who ends the link frees it */
    int fd;           /* -1: not open */
    bool stream;      /* messages need frames */
    SSL *ssl;
    struct text frame;
};

/* Opens what is not open, or was closed by the other side. *fresh: just now. -1 and CS_EUPSTREAM. */
int link_open(struct link *link, int64_t deadline_ms, bool *fresh, struct cs_error *err);

/* One message, framed as the way wants it: RFC 6587 3.4.1 (TCP), RFC 5425 4.3 (TLS), a line (unix stream) or a datagram. */
int link_send(struct link *link, const char *message, size_t len, int64_t deadline_ms, struct cs_error *err);

/* Waits until the other host has all of it, as far as that can be known: TCP has acknowledged every byte and nobody hung up; no
 * ICMP error came back on UDP. */
int link_settle(struct link *link, int64_t deadline_ms, struct cs_error *err);

void link_close(struct link *link); /* harmless when it is not open */

#endif
