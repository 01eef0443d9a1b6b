/*
 * A service whose handler shows what it was given, or waits until the test answers. For the tests of connections and listeners.
 */
#ifndef HTTP_ECHO_H
#define HTTP_ECHO_H

#include "http/connection.h"
#include "http/listener.h"

#include "rig.h"

/* GET /wait is answered by echo_answer(); /refuse is refused before its body; /big is answered with 8 MiB, /peer with who the
 * client is; anything else with "METHOD-NUMBER PATH [BODY]". */
struct echo {
    struct rig rig;
    struct service service;
    struct listener *listener;
    uint16_t port;
    size_t n_handled, n_checked, n_gone;
    struct connection *waiting;
    int64_t wait_ms;
};

void echo_begin(struct echo *echo, SSL_CTX *tls);
void echo_end(struct echo *echo);
/* Without a listener: for tests that make their own. */
void echo_begin_bare(struct echo *echo);
/* Answer the request that waits with "waited". */
void echo_answer(struct echo *echo);

#endif
