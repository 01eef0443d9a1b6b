/*
 * The DNS servers of one instance, and in which order they are asked: as configured, but one that failed within the last minute
 * comes last. Called by rfc2136.c and exchange.c.
 */
#ifndef DNS_RFC2136_SERVERS_H
#define DNS_RFC2136_SERVERS_H

#include <sys/socket.h>

#include <countersign/plugin.h>

enum { SERVERS_MOST = 16, SERVERS_AVOID_MS = 60000 };

struct server {
    struct sockaddr_storage at;
    socklen_t at_len;
    char text[128];         /* "192.0.2.1:53" */
    int64_t avoid_until_ms; /* on the clock of cs_now_ms() */
};

struct servers {
    struct server v[SERVERS_MOST];
    size_t n;
};

/* "ADDRESS[:PORT]" each. -1 and CS_ECONFIG. */
int servers_init(struct servers *servers, const struct cs_strings *text, struct cs_error *err);

/* Fills `order` with the servers' numbers. */
void servers_order(const struct servers *servers, int64_t now_ms, uint8_t order[SERVERS_MOST]);
void servers_failed(struct servers *servers, size_t server, int64_t now_ms);
void servers_worked(struct servers *servers, size_t server);

#endif
