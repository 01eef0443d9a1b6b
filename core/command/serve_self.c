/*
 * Gets and renews the certificates of the server's own listeners; see serve_self.h.
 *
 * One round: on_time() finds it due; a worker makes or reads the key and signs a CSR; request_submit() has it ordered; a worker
 * stores the chain with the key; the listeners take it. Whatever fails ends in failed(), which sets the time of the next round.
 */
#include "command/serve_self.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "command/self_certificate.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "engine/workers.h"
#include "request/revoked_keys.h"
#include "request/subject.h"

#define LOG_WHO "self"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    NO_ZONE_MS = 10 * SECOND, /* nobody was asked */
    FIRST_MS = 5 * MINUTE,    /* at most four failed orders an hour */
    MOST_MS = 6 * HOUR,
    DOUBLINGS_MOST = 12,
};

struct own {
    struct serve_self *self;
    char *name;
    struct self_times times;
    int64_t due_ms;   /* wall clock */
    int64_t failures; /* in a row; looking for a zone is none */
    struct timer timer;
    struct request *request;
    /* the worker's, until its mail has come */
    struct mail mail;
    bool working;
    bool key_is_refused; /* that of the last order: another one is made */
    unsigned char *csr;
    size_t csr_len;
    char *chain;
    size_t chain_len;
    struct self_times fresh;
    struct cs_error err;
    int rc;
};

struct serve_self {
    struct loop *loop;
    const struct settings *settings;
    struct heart *heart;
    struct serve_listeners *listeners;
    struct workers *workers;
    char *folder;
    struct own *own;
    size_t n;
    bool stopped;
};

static void on_time(void *arg);

/* ---- When ---- */

/* Up to a thirtieth of its life behind two thirds of it, drawn anew each time. */
static int64_t due(const struct self_times *times)
{
    const int64_t life = times->not_after_ms - times->not_before_ms;
    uint32_t lot = 0;

    if (RAND_bytes((unsigned char *)&lot, sizeof lot) != 1)
        lot = 0;
    return times->not_before_ms + life / 3 * 2 + (int64_t)((double)lot / UINT32_MAX * (double)life / 30);
}

/* One with a revoked key is of no use to clients, however long it lasts. */
static bool is_due(const struct own *own)
{
    return cs_wall_ms() >= own->due_ms ||
           (own->times.not_after_ms && revoked_keys_have(own->self->heart->revoked_keys, own->times.spki_sha256));
}

/* The wall clock may be set: nothing is waited for longer than an hour. */
static void wait_for_time(struct own *own)
{
    const int64_t left = is_due(own) ? 0 : own->due_ms - cs_wall_ms();

    timer_set_in(own->self->loop, &own->timer, left < 0 ? 0 : left < HOUR ? left : HOUR, on_time, own);
}

static void take(struct own *own, const struct self_times *times)
{
    own->times = *times;
    own->due_ms = times->not_after_ms ? due(times) : 0;
}

/* ---- What went wrong ---- */

static bool is_no_zone(const struct cs_error *err)
{
    return strcmp(err->reason, "unknown-subject") == 0;
}

/* After failure number `failures`, from 1. */
static int64_t pause_ms(int64_t failures, const struct cs_error *err)
{
    int64_t ms = (int64_t)FIRST_MS << (failures < DOUBLINGS_MOST ? failures - 1 : DOUBLINGS_MOST);

    ms = ms < MOST_MS ? ms : MOST_MS;
    return err->retry_after_ms > ms ? err->retry_after_ms : ms;
}

static void tell(const struct own *own, const struct cs_error *err, int64_t ms)
{
    const int64_t life = own->times.not_after_ms - own->times.not_before_ms, left = own->times.not_after_ms - cs_wall_ms();

    log_line(own->times.not_after_ms && left > life / 10 ? CS_LOG_WARN : CS_LOG_ERROR, LOG_WHO, "",
             "own certificate not %s name=%s left=%" PRId64 "s again_in=%" PRId64 "s: %s",
             own->times.not_after_ms ? "renewed" : "there yet", own->name, own->times.not_after_ms ? left / SECOND : 0,
             ms / SECOND,
             is_no_zone(err) ? "no zone of the table has that name: add one, `countersign zone add ZONE --dns INSTANCE`"
                             : err->text);
}

static void failed(struct own *own, const struct cs_error *err)
{
    int64_t ms;

    if (own->self->stopped)
        return;
    ms = is_no_zone(err) ? NO_ZONE_MS : pause_ms(++own->failures, err);
    if (!is_no_zone(err) || strcmp(own->err.reason, err->reason) != 0)
        tell(own, err, ms);
    own->err = *err;
    timer_set_in(own->self->loop, &own->timer, ms, on_time, own);
}

/* A new certificate whose renewal is due already, or in a moment: ordering again would give another such, and use the CA's
 * limits up. Should the clock be set right meanwhile, on_time() finds that nothing is due. */
static bool is_clock_fast(struct own *own)
{
    const int64_t life = own->times.not_after_ms - own->times.not_before_ms;
    const int64_t soon = life / 30 < HOUR ? life / 30 : HOUR;
    const int64_t third = life / 3 < DAY ? life / 3 : DAY, ms = third > MINUTE ? third : MINUTE;

    if (own->due_ms >= cs_wall_ms() + soon)
        return false;
    own->failures++;
    log_line(CS_LOG_WARN, LOG_WHO, "",
             "own certificate is new, and due for renewal already name=%s again_in=%" PRId64 "s: is this host's clock fast?",
             own->name, ms / SECOND);
    timer_set_in(own->self->loop, &own->timer, ms, on_time, own);
    return true;
}

/* ---- The worker ---- */

static struct own *own_of(struct mail *mail)
{
    return (struct own *)((char *)mail - offsetof(struct own, mail));
}

static void work(struct own *own, void (*fn)(void *arg), void (*done)(struct mail *mail))
{
    struct cs_error err = { 0 };

    own->mail.fn = done;
    own->working = workers_run(own->self->workers, fn, own, &err) == 0;
    if (!own->working)
        failed(own, &err);
}

/* ---- The end: chain and key are stored, listeners take them ---- */

static void on_stored(struct mail *mail)
{
    struct own *own = own_of(mail);
    struct cs_error err = { 0 };

    own->working = false;
    free(own->chain);
    own->chain = NULL;
    if (own->rc < 0) {
        err = own->err;
        failed(own, &err);
        return;
    }
    take(own, &own->fresh);
    own->err = (struct cs_error){ 0 };
    if (own->self->stopped)
        return;
    if (serve_listeners_show(own->self->listeners, own->name, &err) < 0)
        log_line(CS_LOG_ERROR, LOG_WHO, "", "own certificate is stored, and served after a restart only name=%s: %s", own->name,
                 err.text);
    else
        log_line(CS_LOG_INFO, LOG_WHO, "", "own certificate in use name=%s days=%" PRId64, own->name,
                 (own->times.not_after_ms - cs_wall_ms()) / DAY);
    if (is_clock_fast(own))
        return;
    own->failures = 0;
    wait_for_time(own);
}

static void store_in_worker(void *arg)
{
    struct own *own = arg;

    own->rc = self_certificate_store_wait(own->self->folder, own->name, own->chain, own->chain_len, &own->fresh, &own->err);
    loop_post(own->self->loop, &own->mail);
}

/* ---- The order ---- */

static void on_answer(void *arg, const struct answer *answer)
{
    struct own *own = arg;
    struct cs_error err = { 0 };

    own->request = NULL;
    if (own->self->stopped)
        return;
    if (answer->chain && (own->chain = text_copy_n(answer->chain, answer->chain_len))) {
        own->chain_len = answer->chain_len;
        work(own, store_in_worker, on_stored);
        return;
    }
    if (answer->err)
        err = *answer->err;
    else
        cs_fail(&err, CS_EBUSY, "out of memory");
    own->key_is_refused = strcmp(err.reason, "revoked-key") == 0;
    failed(own, &err);
}

static void submit(struct own *own)
{
    struct serve_self *self = own->self;
    struct text subject = TEXT_MAX(300);
    struct submission submission = {
        .front = "self",
        .body = own->csr,
        .body_len = own->csr_len,
        .content_type = "application/pkcs10",
        .deadline_ms = cs_now_ms() + self->settings->job_deadline_ms + MINUTE,
    };
    struct cs_error err = { 0 };

    text_addf(&subject, "%s%s", SUBJECT_SELF, own->name);
    submission.subject = text_of(&subject);
    own->request = request_submit(self->heart, &submission, on_answer, own);
    text_free(&subject);
    if (own->request)
        return;
    cs_fail(&err, CS_EBUSY, "out of memory");
    failed(own, &err);
}

static void on_request_made(struct mail *mail)
{
    struct own *own = own_of(mail);
    struct cs_error err = own->err;

    own->working = false;
    own->key_is_refused = false;
    if (own->self->stopped)
        return;
    if (own->rc < 0)
        failed(own, &err);
    else
        submit(own);
}

static void make_request_in_worker(void *arg)
{
    struct own *own = arg;

    OPENSSL_free(own->csr);
    own->csr = NULL;
    if (own->key_is_refused)
        self_certificate_drop_key_wait(own->self->folder, own->name);
    own->rc = self_certificate_request_wait(own->self->folder, own->name, &own->csr, &own->csr_len, &own->err);
    loop_post(own->self->loop, &own->mail);
}

static void on_time(void *arg)
{
    struct own *own = arg;

    if (own->self->stopped || own->working || own->request)
        return;
    if (is_due(own)) {
        work(own, make_request_in_worker, on_request_made);
        return;
    }
    own->failures = 0;
    wait_for_time(own);
}

/* ---- Its life ---- */

static int add(struct serve_self *self, const struct listen_settings *listen, struct cs_error *err)
{
    struct own *own = &self->own[self->n];
    struct self_times times;

    if (!listen->self_name)
        return 0;
    for (size_t i = 0; i < self->n; i++)
        if (strcmp(self->own[i].name, listen->self_name) == 0)
            return 0;
    if (self_certificate_prepare_wait(self->folder, listen->self_name, &times, err) < 0)
        return -1;
    *own = (struct own){ .self = self, .name = text_copy(listen->self_name) };
    if (!own->name)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    take(own, &times);
    self->n++;
    return 0;
}

static int add_all(struct serve_self *self, struct cs_error *err)
{
    const struct settings *settings = self->settings;

    for (size_t i = 0; i < settings->n_listen; i++)
        if (add(self, &settings->listen[i], err) < 0)
            return -1;
    return add(self, &settings->admin, err);
}

struct serve_self *serve_self_open(struct loop *loop, const struct settings *settings, struct cs_error *err)
{
    struct serve_self *self = calloc(1, sizeof *self);
    struct text folder = TEXT_MAX(4000);

    if (!self) {
        cs_fail(err, CS_EINTERNAL, "out of memory");
        return NULL;
    }
    self->loop = loop;
    self->settings = settings;
    text_addf(&folder, "%s/" SETTINGS_SELF_FOLDER, settings->state);
    self->folder = text_take(&folder);
    self->own = calloc(settings->n_listen + 1, sizeof *self->own);
    if (!self->folder || !self->own)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    else if (add_all(self, err) == 0 && (self->n == 0 || (self->workers = workers_new("self", 1, err))))
        return self;
    serve_self_free(self);
    return NULL;
}

static bool has(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        if (settings->listen[i].self_name && strcmp(settings->listen[i].self_name, name) == 0)
            return true;
    return settings->admin.self_name && strcmp(settings->admin.self_name, name) == 0;
}

static bool knows(const struct serve_self *self, const char *name)
{
    for (size_t i = 0; name && i < self->n; i++)
        if (strcmp(self->own[i].name, name) == 0)
            return true;
    return !name;
}

int serve_self_show(const struct serve_self *self, struct serve_listeners *listeners, struct cs_error *err)
{
    for (size_t i = 0; i < self->n; i++)
        if (serve_listeners_show(listeners, self->own[i].name, err) < 0)
            return -1;
    return 0;
}

bool serve_self_fits(const struct serve_self *self, const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_listen; i++)
        if (!knows(self, settings->listen[i].self_name))
            return false;
    for (size_t i = 0; i < self->n; i++)
        if (!has(settings, self->own[i].name))
            return false;
    return knows(self, settings->admin.self_name);
}

void serve_self_begin(struct serve_self *self, struct heart *heart, struct serve_listeners *listeners)
{
    self->heart = heart;
    self->listeners = listeners;
    for (size_t i = 0; i < self->n; i++)
        wait_for_time(&self->own[i]);
}

void serve_self_stop(struct serve_self *self)
{
    if (!self)
        return;
    self->stopped = true;
    for (size_t i = 0; i < self->n; i++)
        timer_clear(&self->own[i].timer);
}

void serve_self_free(struct serve_self *self)
{
    if (!self)
        return;
    serve_self_stop(self);
    workers_free(self->workers);
    for (size_t i = 0; i < self->n; i++) {
        if (self->own[i].request)
            request_detach(self->own[i].request);
        OPENSSL_free(self->own[i].csr);
        free(self->own[i].chain);
        free(self->own[i].name);
    }
    free(self->own);
    free(self->folder);
    free(self);
}

/* ---- What tells about it ---- */

const char *serve_self_trouble(const struct serve_self *self)
{
    for (size_t i = 0; i < self->n; i++) {
        const struct own *own = &self->own[i];

        if (!own->times.not_after_ms)
            return "there is no certificate for a listener yet: the log says why";
        if (own->times.not_after_ms <= cs_wall_ms())
            return "the certificate of a listener has expired: the log says why it is not renewed";
    }
    return NULL;
}

void serve_self_measure(const struct serve_self *self, struct metrics *metrics)
{
    static const char expiry[] = "countersign_own_certificate_expiry_seconds";
    static const char expiry_help[] = "When the server's own certificate ends, since 1970; 0: there is none yet.";
    static const char failures[] = "countersign_own_certificate_failures";
    static const char failures_help[] = "Attempts to get the server's own certificate that failed, since one that did not.";

    metrics_declare(metrics, expiry, expiry_help, METRIC_GAUGE);
    metrics_declare(metrics, failures, failures_help, METRIC_GAUGE);
    for (size_t i = 0; i < self->n; i++) {
        const struct own *own = &self->own[i];
        struct text labels = TEXT_MAX(300);

        metrics_add_label(&labels, "name", own->name);
        metrics_gauge(metrics, expiry, expiry_help, text_of(&labels), own->times.not_after_ms / SECOND);
        metrics_gauge(metrics, failures, failures_help, text_of(&labels), own->failures);
        text_free(&labels);
    }
}
