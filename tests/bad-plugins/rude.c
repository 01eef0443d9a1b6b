/* Sound to look at; what it does wrong when it runs is its setting `fault`. */
#include "bad.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct rude_settings {
    const char *fault, *key;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct rude_settings, fault, "none", "what it does wrong"),
    CS_SETTING(SECRET, struct rude_settings, key, NULL, "what it logs with fault = \"logs\""),
    CS_SETTINGS_END,
};

struct rude {
    struct cs_instance *in;
    const struct rude_settings *settings;
    struct cs_timer *timer;
};

static bool has_fault(const struct rude *rude, const char *fault)
{
    return strcmp(rude->settings->fault, fault) == 0;
}

static void on_timer(void *arg)
{
    (void)arg;
}

static void on_ready(void *arg, int fd, int events)
{
    (void)arg;
    (void)fd;
    (void)events;
}

static int rude_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct rude *rude = calloc(1, sizeof *rude);

    if (!rude)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    rude->in = in;
    rude->settings = conf;
    *self = rude;
    if (has_fault(rude, "refuses"))
        return cs_fail(err, CS_ECONFIG, "it refuses to open");
    if (has_fault(rude, "refuses-silently"))
        return -1;
    if (has_fault(rude, "timer"))
        rude->timer = cs_timer_start(in, 3600000, on_timer, rude);
    if (has_fault(rude, "watch") && !cs_watch_fd(in, eventfd(0, EFD_CLOEXEC), CS_READ, on_ready, rude))
        return cs_fail(err, CS_EINTERNAL, "no watch");
    if (has_fault(rude, "fd") && open("/dev/null", O_RDONLY) < 0)
        return cs_fail(err, CS_EINTERNAL, "no /dev/null");
    if (has_fault(rude, "logs"))
        cs_log(in, CS_LOG_DEBUG, "connecting key=%s", rude->settings->key);
    return 0;
}

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void rude_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    const struct rude *rude = self;
    const struct cs_error empty = { .code = CS_EUPSTREAM };

    (void)change;
    if (has_fault(rude, "crashes"))
        abort();
    if (has_fault(rude, "exits"))
        exit(0);
    if (has_fault(rude, "forgets"))
        return;
    if (has_fault(rude, "sleeps"))
        wait_ms(400);
    if (has_fault(rude, "hangs"))
        for (;;)
            wait_ms(1000);
    if (has_fault(rude, "no-text"))
        cs_op_err(op, &empty);
    else
        cs_op_ok(op);
    if (has_fault(rude, "twice"))
        cs_op_ok(op);
}

static void rude_close(void *self)
{
    free(self);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = rude_set_txt };

CS_PLUGIN("rude", "1.0", "is rude when asked to be", .settings = settings, .settings_size = sizeof(struct rude_settings),
          .open = rude_open, .close = rude_close, .dns = &dns);
