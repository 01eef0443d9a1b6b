/*
 * Who has the ports that the server wants: read from /proc/net, so that nothing is bound and no server is held up. Called by
 * check.c and doctor.c before privileges drop, as only root may see whose sockets they are.
 */
#ifndef COMMAND_PORTS_H
#define COMMAND_PORTS_H

#include <sys/socket.h>

#include "plugin/settings.h"

enum port_state {
    PORT_FREE = 1,
    PORT_OURS,       /* the server that runs on this state has it, or so it seems */
    PORT_OTHERWISE,  /* it has the port, but another address of it: only a restart changes that */
    PORT_UNIT,       /* systemd has it, for a socket unit: ours, it may be hoped */
    PORT_TAKEN,      /* somebody else has it */
    PORT_IMPOSSIBLE, /* no such address here, or a privileged port without privileges */
    PORT_UNKNOWN     /* it could not be found out */
};

struct port {
    const struct config_node *at;
    char what[80];    /* "`listen`", "`admin`" or "dns.builtin" */
    char name[160];   /* "TCP 127.0.0.1:8443" */
    enum port_state state;
    char saw[200], todo[200];
};

struct ports {
    struct port *v;
    size_t n;
};

/* Every address of the settings that can be parsed. `holder`: the process that holds the state's lock, or "". -1: no memory. */
int ports_look(struct ports *ports, const struct settings *settings, const char *holder);
void ports_free(struct ports *ports);

/* A part of it, for tests. A line of /proc/net/{tcp,tcp6,udp,udp6}: local address and port (of `family`), state, user,
 * inode. False: not a line of a socket. */
struct port_line {
    struct sockaddr_storage at;
    unsigned state, uid;
    unsigned long inode;
};
bool port_line_read(struct port_line *out, const char *line, int family);

#endif
