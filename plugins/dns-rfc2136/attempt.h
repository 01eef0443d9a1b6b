/*
 * One message to one DNS server by one transport: a socket of its own, connected, so that nobody else is heard. UDP is sent
 * again while nothing comes, always the same bytes. Called by exchange.c.
 */
#ifndef DNS_RFC2136_ATTEMPT_H
#define DNS_RFC2136_ATTEMPT_H

#include "servers.h"

enum { ATTEMPT_SENDS = 3, ATTEMPT_FALSE_ANSWERS = 100 };

/* True: that was the answer; the attempt is over, and what it is part of may be gone. False and *err: wait for another. */
typedef bool attempt_take_fn(void *arg, const uint8_t *packet, size_t len, struct cs_error *err);
/* No answer will come any more; why is in the attempt's err. The attempt is over, as above. */
typedef void attempt_over_fn(void *arg);

/* Part of its caller's struct; {0} is one that is not under way. */
struct attempt {
    struct cs_instance *in;
    const struct server *server;
    bool tcp;
    const uint8_t *out; /* the message with two bytes of length before it, the caller's until attempt_end() */
    size_t out_len, out_at;
    int64_t until_ms;    /* on the clock of cs_now_ms() */
    int64_t patience_ms; /* between two sends by UDP */
    attempt_take_fn *take;
    attempt_over_fn *over;
    void *arg;

    bool open;
    int fd;
    struct cs_watch *watch;
    struct cs_timer *timer;
    unsigned sends, false_answers;
    uint8_t *received; /* TCP */
    size_t received_len;
    struct cs_error err;
};

/* The fields above `open` are filled. `over` may be called inside. */
void attempt_start(struct attempt *a);
/* Harmless when it is not under way. */
void attempt_end(struct attempt *a);

#endif
