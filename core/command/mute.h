/*
 * Two back ends on loopback for the dry run of a plugin: a busy one, which answers each HTTP request with 503, and a mute one,
 * which takes connections and datagrams and never answers. Used by plugin_check.c.
 */
#ifndef COMMAND_MUTE_H
#define COMMAND_MUTE_H

#include <sys/types.h>

#include <countersign/plugin.h>

struct mute {
    uint16_t busy_port, mute_port; /* UDP and TCP */
    uint16_t spare_port;           /* nobody listens there */
    int busy_tcp, busy_udp, mute_tcp, mute_udp;
    pid_t child; /* the busy one */
};

int mute_open(struct mute *mute, struct cs_error *err);
void mute_close(struct mute *mute);

#endif
