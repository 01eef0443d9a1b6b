/*
 * The services of the core that dns-builtin uses, for tests and for run_dns_builtin: sockets on loopback, clocks that can be
 * moved, timers that fire when told to, ops that remember how they ended.
 */
#ifndef FAKES_DNS_HOST_H
#define FAKES_DNS_HOST_H

#include <countersign/dns.h>

enum { HOST_LISTENS = 4, HOST_TIMERS = 4 };

struct cs_instance {
    int udp[HOST_LISTENS], tcp[HOST_LISTENS];
    uint16_t port[HOST_LISTENS];
    size_t n;
    struct cs_timer *timers[HOST_TIMERS];
    bool log; /* to stderr */
};

struct cs_op {
    bool done, failed;
    struct cs_error err;
};

/* Bind UDP and TCP on one port (0: a free one), as the core does. -1: it cannot be done here. */
int host_listen(struct cs_instance *in, const char *address, uint16_t port);
void host_close(struct cs_instance *in);

/* Settings with every fallback of the plugin's table; free() it. */
void *host_settings(const struct cs_plugin *plugin);
void host_set_list(const struct cs_plugin *plugin, void *settings, const char *name, struct cs_strings list);
void host_set_string(const struct cs_plugin *plugin, void *settings, const char *name, const char *value);
void host_set_int(const struct cs_plugin *plugin, void *settings, const char *name, int64_t value);

/* Both clocks go forward. Any thread. */
void host_move_clock(int64_t ms);
/* Fire what is due; returns how many fired. */
size_t host_run_timers(struct cs_instance *in);

#endif
