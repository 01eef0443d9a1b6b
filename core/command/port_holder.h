/*
 * Whose socket is it? Read from /proc, where only root sees other users' processes. Called by ports.c.
 */
#ifndef COMMAND_PORT_HOLDER_H
#define COMMAND_PORT_HOLDER_H

#include <stdbool.h>

/* Has the process `pid` the socket of that inode? 1: yes; 0: no; -1: we may not look. */
int port_holder_is(const char *pid, unsigned long inode);

/* Any process that has it. False: none is seen to. */
struct port_holder {
    char name[80];   /* "process 12 (nginx)" */
    bool is_systemd; /* which has none of its own, but those of socket units */
};
bool port_holder_find(struct port_holder *out, unsigned long inode);

#endif
