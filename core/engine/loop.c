/*
 * The loop thread: its turns around libevent's base, the mailbox of the other threads, and a watchdog over everything that runs
 * here.
 * Made by command/serve.c and by tests.
 */
#include "engine/loop.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "engine/wait.h"

#define SLOW_CALL_US 50000

struct loop {
    struct event_base *base;
    struct event *bell; /* the eventfd rang: somebody posted, or the loop shall stop, while it slept */
    struct timers *timers;
    struct waits *waits;
    int bell_fd;
    atomic_bool stopping;
    pthread_mutex_t lock; /* over the mailbox and the sleep */
    struct mail *first, *last;
    bool asleep; /* who posts from another thread must ring */
};

static _Thread_local struct loop *loop_here;
static _Thread_local char blamed[64];

static void ring(struct loop *loop)
{
    const uint64_t once = 1;
    ssize_t n;

    do
        n = write(loop->bell_fd, &once, sizeof once);
    while (n < 0 && errno == EINTR);
    assert(n == sizeof once || errno == EAGAIN);
}

static void on_bell(int fd, short events, void *arg)
{
    uint64_t rings;

    (void)events, (void)arg;
    if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
        log_line(CS_LOG_ERROR, "loop", "", "cannot read the mailbox's eventfd: %s", strerror(errno));
}

/* From now on who posts from another thread rings; false: there is mail already. */
static bool fall_asleep(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->asleep = !loop->first;
    pthread_mutex_unlock(&loop->lock);
    return loop->asleep;
}

static struct mail *wake_up(struct loop *loop)
{
    struct mail *all;

    pthread_mutex_lock(&loop->lock);
    loop->asleep = false;
    all = loop->first;
    loop->first = loop->last = NULL;
    pthread_mutex_unlock(&loop->lock);
    return all;
}

static void deliver(struct mail *mail)
{
    struct mail *next;

    for (; mail; mail = next) {
        int64_t began_us = loop_call_begin();

        next = mail->next;
        mail->fn(mail);
        loop_call_end("message", began_us);
    }
}

/* One turn: what is ready on descriptors, then the mail, then the timers. What these bring about waits for the next turn, which
 * looks at the descriptors again first, so that nobody starves. most_ms: how long to wait for something, -1: without end. */
static void turn(struct loop *loop, int64_t most_ms)
{
    bool sleep = most_ms != 0 && !loop->stopping && timers_allow_sleep(loop->timers, most_ms) && fall_asleep(loop);

    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_ONCE | (sleep ? 0 : EVLOOP_NONBLOCK));
    deliver(wake_up(loop));
    timers_fire(loop->timers);
}

/* Its clock may be coarse: what waits on the loop waits in timer.c. Only this thread touches it. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

static int open_base(struct loop *loop, struct cs_error *err)
{
    loop->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->bell_fd < 0)
        return cs_fail(err, CS_ECONFIG, "cannot make an eventfd: %s", strerror(errno));
    loop->base = make_base();
    if (!loop->base)
        return cs_fail(err, CS_EINTERNAL, "cannot start libevent: %s", strerror(errno));
    loop->bell = event_new(loop->base, loop->bell_fd, EV_READ | EV_PERSIST, on_bell, loop);
    if (!loop->bell || event_add(loop->bell, NULL) < 0)
        return cs_fail(err, CS_EBUSY, "cannot start the loop: no memory");
    loop->waits = waits_new();
    if (!loop->waits)
        return cs_fail(err, CS_EBUSY, "cannot start the loop: no memory");
    loop->timers = timers_new(loop, err);
    return loop->timers ? 0 : -1;
}

static void on_libevent_says(int severity, const char *text)
{
    log_line(severity == EVENT_LOG_ERR ? CS_LOG_ERROR : severity == EVENT_LOG_WARN ? CS_LOG_WARN : CS_LOG_DEBUG, "libevent",
             "", "%s", text);
}

struct loop *loop_new(struct cs_error *err)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        cs_fail(err, CS_EBUSY, "cannot start the loop: no memory");
        return NULL;
    }
    event_set_log_callback(on_libevent_says);
    loop->bell_fd = -1;
    pthread_mutex_init(&loop->lock, NULL);
    if (open_base(loop, err) < 0) {
        loop_free(loop);
        return NULL;
    }
    loop_here = loop;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    waits_free(loop->waits);
    timers_free(loop->timers);
    if (loop->bell)
        event_free(loop->bell);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->bell_fd >= 0)
        close(loop->bell_fd);
    pthread_mutex_destroy(&loop->lock);
    if (loop_here == loop)
        loop_here = NULL;
    free(loop);
}

void loop_run(struct loop *loop)
{
    assert(loop_here == loop);
    while (!loop->stopping)
        turn(loop, -1);
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    ring(loop);
}

void loop_run_once(struct loop *loop, int64_t ms)
{
    assert(loop_here == loop);
    turn(loop, ms > 0 ? ms : 0);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

struct timers *loop_timers(struct loop *loop)
{
    return loop->timers;
}

struct waits *loop_waits(struct loop *loop)
{
    return loop->waits;
}

bool on_loop_thread(void)
{
    return loop_here != NULL;
}

/* What the loop's own thread posts needs no bell: it is awake, and looks at the mail before it sleeps again. */
void loop_post(struct loop *loop, struct mail *mail)
{
    bool asleep;

    mail->next = NULL;
    pthread_mutex_lock(&loop->lock);
    if (loop_here == loop)
        loop->asleep = false;
    asleep = loop->asleep && !loop->first;
    if (loop->first)
        loop->last->next = mail;
    else
        loop->first = mail;
    loop->last = mail;
    pthread_mutex_unlock(&loop->lock);
    if (asleep)
        ring(loop);
}

static int64_t real_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t loop_call_begin(void)
{
    blamed[0] = '\0';
    return real_us();
}

void loop_call_end(const char *what, int64_t began_us)
{
    int64_t took_us = real_us() - began_us;

    if (took_us > SLOW_CALL_US)
        log_line(CS_LOG_WARN, blamed[0] ? blamed : "loop", "", "a %s callback held up the loop took_ms=%" PRId64, what,
                 took_us / 1000);
}

void loop_blame(const char *who)
{
    snprintf(blamed, sizeof blamed, "%s", who);
}
