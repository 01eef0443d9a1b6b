/*
 * One instance of dns-pdns: its settings and the parts that its changes share. Made by pdns.c, read by all others.
 */
#ifndef DNS_PDNS_PDNS_H
#define DNS_PDNS_PDNS_H

#include <countersign/dns.h>

struct owner;
struct server;
struct zones;

struct pdns_settings {
    const char *api, *key, *server, *ca_file;
    bool insecure, keep_disabled;
    int64_t timeout, zone_cache, recheck;
};

struct pdns {
    struct cs_instance *in;
    const struct pdns_settings *conf;
    char *base;       /* the server's URL: ".../api/v1/servers/SERVER" */
    char *key_header; /* "X-API-Key: KEY" */
    struct server *server;
    struct zones *zones;
    struct owner *owners; /* all names that we work on or watch */
    void *owners_by_name; /* the same, for tfind() */
    struct owner *changing, *waiting; /* see turn.h */
    bool stopping;
};

#endif
