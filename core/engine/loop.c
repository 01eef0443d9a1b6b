/*
 * The loop thread: libevent's base, the mailbox of the other threads, and a watchdog over everything that runs here.
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
    struct event *bell;     /* the eventfd rang: there is mail, or the loop shall stop */
    struct event *patience; /* loop_run_once() waits no longer than this */
    struct timers *timers;
    struct waits *waits;
    int bell_fd;
    atomic_bool stopping;
    pthread_mutex_t lock; /* over the mailbox */
    struct mail *first, *last;
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

static struct mail *take_mail(struct loop *loop)
{
    struct mail *all;

    pthread_mutex_lock(&loop->lock);
    all = loop->first;
    loop->first = loop->last = NULL;
    pthread_mutex_unlock(&loop->lock);
    return all;
}

static void on_bell(int fd, short events, void *arg)
{
    struct loop *loop = arg;
    struct mail *mail, *next;
    uint64_t rings;

    (void)events;
    if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
        log_line(CS_LOG_ERROR, "loop", "", "cannot read the mailbox's eventfd: %s", strerror(errno));
    for (mail = take_mail(loop); mail; mail = next) {
        int64_t began_us = loop_call_begin();

        next = mail->next;
        mail->fn(mail);
        loop_call_end("message", began_us);
    }
    if (loop->stopping)
        event_base_loopbreak(loop->base);
}

static void on_patience(int fd, short events, void *arg)
{
    (void)fd, (void)events, (void)arg;
}

/* Precise: libevent's coarse clock is up to 4 ms late, as long as a whole poll of a quick CA. Only this thread touches it. */
static struct event_base *precise_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK) == 0)
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
    loop->base = precise_base();
    if (!loop->base)
        return cs_fail(err, CS_EINTERNAL, "cannot start libevent: %s", strerror(errno));
    loop->bell = event_new(loop->base, loop->bell_fd, EV_READ | EV_PERSIST, on_bell, loop);
    loop->patience = event_new(loop->base, -1, 0, on_patience, NULL);
    if (!loop->bell || !loop->patience || event_add(loop->bell, NULL) < 0)
        return cs_fail(err, CS_EINTERNAL, "cannot start the loop: no memory");
    loop->waits = waits_new();
    if (!loop->waits)
        return cs_fail(err, CS_EINTERNAL, "cannot start the loop: no memory");
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
        cs_fail(err, CS_EINTERNAL, "cannot start the loop: no memory");
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
    if (loop->patience)
        event_free(loop->patience);
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
    while (!loop->stopping && event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) == 0)
        continue;
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    ring(loop);
}

void loop_run_once(struct loop *loop, int64_t ms)
{
    struct timeval most = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

    assert(loop_here == loop);
    if (ms <= 0) {
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        return;
    }
    event_add(loop->patience, &most);
    event_base_loop(loop->base, EVLOOP_ONCE);
    event_del(loop->patience);
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

void loop_post(struct loop *loop, struct mail *mail)
{
    bool was_empty;

    mail->next = NULL;
    pthread_mutex_lock(&loop->lock);
    was_empty = !loop->first;
    if (was_empty)
        loop->first = mail;
    else
        loop->last->next = mail;
    loop->last = mail;
    pthread_mutex_unlock(&loop->lock);
    if (was_empty)
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
