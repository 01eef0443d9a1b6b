/*
 * The one thread that decides everything: a libevent base, a mailbox that other threads post to, and our timers.
 * Made by command/serve.c (and by tests); everything in engine/ hangs on it.
 */
#ifndef ENGINE_LOOP_H
#define ENGINE_LOOP_H

#include <countersign/plugin.h>

struct event_base;
struct loop;

/* The thread that makes the loop is the loop thread. NULL and *err on failure. */
struct loop *loop_new(struct cs_error *err);
void loop_free(struct loop *loop); /* nothing may be posted afterwards; what was posted is dropped */
void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop); /* any thread, not a signal handler */
/* Handle what is ready, wait at most `ms` for something to come. For tests and for shutting down. */
void loop_run_once(struct loop *loop, int64_t ms);
struct event_base *loop_base(struct loop *loop);

bool on_loop_thread(void);

/* A message in the mailbox: embedded in what it is about, the sender's until `fn` runs on the loop. */
struct mail {
    struct mail *next;
    void (*fn)(struct mail *mail);
};
void loop_post(struct loop *loop, struct mail *mail); /* any thread; never runs fn inside the call */

/* The watchdog: what runs on the loop says so, and a line in the log names it when it took over 50 ms. `what` is the kind of
 * callback; loop_blame() adds for whom it runs ("ca.le", copied), as soon as that is known. */
int64_t loop_call_begin(void);
void loop_call_end(const char *what, int64_t began_us);
void loop_blame(const char *who);

/* Used by timer.c and wait.c. */
struct timers *loop_timers(struct loop *loop);
struct waits *loop_waits(struct loop *loop);

#endif
