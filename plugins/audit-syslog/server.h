/*
 * Where the messages go, as the setting `server` has it. Pure. Called by syslog.c.
 */
#ifndef AUDIT_SYSLOG_SERVER_H
#define AUDIT_SYSLOG_SERVER_H

#include <countersign/plugin.h>

enum server_kind { SERVER_UNIX = 1, SERVER_UDP, SERVER_TCP, SERVER_TLS };

struct server {
    enum server_kind kind;
    char host[256]; /* name or address, without brackets; of SERVER_UNIX: the path */
    char port[8];
};

/* "unix:/dev/log", "udp:HOST:PORT", "tcp:HOST:PORT", "tls:HOST:PORT"; an IPv6 address in brackets. Without a port: 514, and
 * 6514 for tls (RFC 5425). -1 and CS_ECONFIG. */
int server_parse(struct server *out, const char *text, struct cs_error *err);

#endif
