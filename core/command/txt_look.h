/*
 * What an authoritative server has at a name: one question, the TXT values of the answer. For the conformance suite: trial.c
 * and conformance.c.
 */
#ifndef COMMAND_TXT_LOOK_H
#define COMMAND_TXT_LOOK_H

#include <countersign/plugin.h>

#include <sys/socket.h>

#include "engine/loop.h"

enum { TXT_LOOK_MOST = 200 };

struct txt_look {
    char values[TXT_LOOK_MOST][256]; /* the strings of one record put together; longer ones are cut */
    size_t n;
    char said[32]; /* "NXDOMAIN", "no value", "3 values" */
};

/* Runs the loop until the answer is there, at most 6 s. -1 and *err: none came, or it was an error other than NXDOMAIN, or not
 * an authoritative one. */
int txt_look(struct txt_look *look, struct loop *loop, const struct sockaddr_storage *server, socklen_t server_len,
             const char *owner, bool tcp, struct cs_error *err);

/* How often is the value there? */
size_t txt_look_count(const struct txt_look *look, const char *value);

/* Does the server answer for the zone with authority? *err says what it does instead. */
int txt_look_zone(struct loop *loop, const struct sockaddr_storage *server, socklen_t server_len, const char *zone,
                  struct cs_error *err);

#endif
