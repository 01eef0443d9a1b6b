/*
 * fake-ca: a CA plugin for tests of core/request. What it does with an order is the order's profile, word by word
 * (save:order+put+ok):
 *
 *   save:NAME      save a step of that name              put         publish a challenge for the first name
 *   pause          hang, but go on after a resume         hang        wait for the cancellation, then fail
 *   ok             finish with a chain                   late        wait for the cancellation, then finish with a chain
 *   foreign        finish with a chain for another key   fail:CODE   finish with that cs_code (a number)
 *   foreign:NAME   as foreign, unless the file LOG.NAME exists: then as ok
 *   gate:NAME      go on once the file LOG.NAME exists   problem     keep a problem document
 *   later          as late, but once LOG.later exists    latesave    wait for the cancellation, then save, then fail
 *   wants:NAME     fail with CS_EUPSTREAM, unless the file LOG.NAME exists
 *   retry:NAME     as wants, with a Retry-After of 20 minutes
 *   mend:NAME      as retry, with CS_ECONFIG             busy:NAME   as retry, with CS_EBUSY
 *   taken          when resumed: say that the CA gave the order to another (CS_ORDER_TAKEN)
 *   push           as put, without waiting for it        note:NAME   save a step without waiting for it
 *
 * `resume` goes on behind the word `save:NAME` or `note:NAME`; a step that the profile does not have is CS_ERESTART. A
 * revocation does what the words in the file LOG.revoke say when it is asked for, without that file `ok`: a chain is then that
 * it is revoked. Every call is written to `log` as a line "sign ID", "resume ID STEP" or "revoke REASON".
 */
#include <countersign/ca.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_chain.h"

#define LOOK_AGAIN_MS  5 /* whether the gate is open */
#define RETRY_AFTER_MS (20 * 60 * 1000)

struct conf {
    const char *log;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct conf, log, "", "file that calls are written to"),
    CS_SETTINGS_END,
};

struct order {
    const struct conf *conf;
    const struct cs_order *in; /* NULL: a revocation */
    struct cs_op *op;
    const char *rest; /* of the profile */
    char words[128];  /* of a revocation */
    char gate[64];
    int64_t retry_after_ms;
    bool late_chain, later, late_save, hanging, putting, inside, resumed, cancelled;
};

static void go_on(struct order *o);

static void write_log(const struct conf *conf, const char *what, const char *id, const char *step)
{
    char line[128];
    int fd, n = snprintf(line, sizeof line, "%s %s%s%s\n", what, id, step[0] ? " " : "", step);

    if (!conf->log[0])
        return;
    fd = open(conf->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line, (size_t)n) == n)
        close(fd);
}

static void finish(struct order *o, enum cs_code code)
{
    struct cs_op *op = o->op;
    const int64_t retry_after_ms = o->retry_after_ms;
    struct cs_error err;

    free(o);
    if (code == CS_OK) {
        cs_op_ok(op);
        return;
    }
    cs_fail(&err, code, "fake failure %d", (int)code);
    err.retry_after_ms = retry_after_ms;
    cs_op_err(op, &err);
}

static void finish_taken(struct order *o)
{
    struct cs_op *op = o->op;
    struct cs_error err;

    free(o);
    cs_fail_as(&err, CS_ERESTART, CS_ORDER_TAKEN, "fake order of another");
    cs_op_err(op, &err);
}

static void finish_chain(struct order *o, bool foreign)
{
    struct cs_chain chain = { .size = sizeof chain, .url = "https://fake/chain", .profile = "" };
    struct cs_op *op = o->op;
    char *pem;

    if (!o->in) {
        finish(o, CS_OK);
        return;
    }
    pem = fake_chain(o->in, foreign, &chain.len);
    chain.pem = pem;
    free(o);
    cs_op_ok_chain(op, &chain);
    free(pem);
}

static bool is_open(const struct order *o)
{
    char path[512];

    snprintf(path, sizeof path, "%s.%s", o->conf->log, o->gate);
    return access(path, F_OK) == 0;
}

/* Every gate is open for who was cancelled before. */
static void go_through(void *arg)
{
    struct order *o = arg;

    if ((o->cancelled && !o->later) || is_open(o))
        go_on(o);
    else
        cs_op_after(o->op, LOOK_AGAIN_MS, go_through, o);
}

/* Who hears of it within the call aborts: that would be a fault of the core. */
static void save(struct order *o, const char *step, cs_done_fn *done)
{
    o->inside = true;
    cs_op_save(o->op, step, "data", 4, done, o);
    o->inside = false;
}

static void on_late_saved(void *arg, const struct cs_error *err)
{
    if (((struct order *)arg)->inside)
        abort();
    write_log(((struct order *)arg)->conf, err ? "late save refused" : "late save taken", "", "");
    finish(arg, CS_ETIMEDOUT);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct order *o = arg;

    o->cancelled = true;
    if (o->putting)
        finish(o, why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT);
    else if (!o->hanging)
        o->rest = "hang";
    else if (o->later)
        go_through(o);
    else if (o->late_save)
        save(o, "too-late", on_late_saved);
    else if (o->late_chain)
        finish_chain(o, false);
    else
        finish(o, why == CS_SHUTDOWN ? CS_ESHUTDOWN : CS_ETIMEDOUT);
}

static void on_done(void *arg, const struct cs_error *err)
{
    struct order *o = arg;

    if (err) {
        struct cs_op *op = o->op;

        free(o);
        cs_op_err(op, err);
        return;
    }
    go_on(o);
}

/* The number behind the colon of a word; -1 when there is none. */
static long number_of(const char *word)
{
    char *end;
    const long n = strtol(strchr(word, ':') + 1, &end, 10);

    return *end ? -1 : n;
}

static void on_put(void *arg, const struct cs_error *err)
{
    struct order *o = arg;

    if (o->inside) /* `done` within the call would be a fault of the core */
        abort();
    o->putting = false;
    on_done(arg, err);
}

static void ignore(void *arg, const struct cs_error *err)
{
    (void)arg, (void)err;
}

static void put(struct order *o, cs_done_fn *done)
{
    const char *name = o->in->names[0];
    struct cs_challenge challenge = {
        .size = sizeof challenge, .type = CS_DNS_01, .token = "token", .value = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
    };

    challenge.name = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    o->putting = done == on_put;
    o->inside = true;
    cs_challenge_put(o->op, &challenge, done, o);
    o->inside = false;
}

static void on_saved(void *arg, const struct cs_error *err)
{
    if (((struct order *)arg)->inside)
        abort();
    on_done(arg, err);
}

static bool next(struct order *o, char word[64])
{
    size_t len = strcspn(o->rest, "+");

    if (!len)
        return false;
    snprintf(word, 64, "%.*s", (int)len, o->rest);
    o->rest += len + (o->rest[len] == '+');
    return true;
}

/* What a word fails with while its gate is closed; CS_OK: it is none of those. */
static enum cs_code code_without(const char *word)
{
    static const struct {
        const char *word;
        enum cs_code code;
    } words[] = { { "wants:", CS_EUPSTREAM }, { "retry:", CS_EUPSTREAM }, { "mend:", CS_ECONFIG }, { "busy:", CS_EBUSY } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(word, words[i].word, strlen(words[i].word)) == 0)
            return words[i].code;
    return CS_OK;
}

static void go_on(struct order *o)
{
    char word[64];

    if (!next(o, word)) {
        finish_chain(o, false);
        return;
    }
    cs_op_step(o->op, word);
    if (strncmp(word, "save:", 5) == 0)
        save(o, word + 5, on_saved);
    else if (strncmp(word, "note:", 5) == 0) {
        cs_op_save(o->op, word + 5, "data", 4, NULL, NULL);
        go_on(o);
    } else if (strcmp(word, "put") == 0)
        put(o, on_put);
    else if (strcmp(word, "push") == 0) {
        put(o, ignore);
        go_on(o);
    }
    else if (strncmp(word, "gate:", 5) == 0) {
        snprintf(o->gate, sizeof o->gate, "%s", word + 5);
        go_through(o);
    }
    else if (code_without(word)) {
        snprintf(o->gate, sizeof o->gate, "%s", strchr(word, ':') + 1);
        if (is_open(o)) {
            go_on(o);
            return;
        }
        o->retry_after_ms = word[0] == 'w' ? 0 : RETRY_AFTER_MS;
        finish(o, code_without(word));
    }
    else if (strncmp(word, "foreign:", 8) == 0) {
        snprintf(o->gate, sizeof o->gate, "%s", word + 8);
        finish_chain(o, !is_open(o));
    } else if (strncmp(word, "fail:", 5) == 0)
        finish(o, (enum cs_code)number_of(word));
    else if (strcmp(word, "ok") == 0 || strcmp(word, "foreign") == 0)
        finish_chain(o, word[0] == 'f');
    else if (strcmp(word, "taken") == 0 && o->resumed)
        finish_taken(o);
    else if ((strcmp(word, "pause") == 0 && o->resumed) || strcmp(word, "taken") == 0)
        go_on(o);
    else if (strcmp(word, "problem") == 0) {
        cs_op_problem(o->op, "{\"type\":\"fake\"}", 15);
        go_on(o);
    } else if (o->cancelled) {
        finish(o, CS_ETIMEDOUT);
    } else {
        o->hanging = true;
        o->late_chain = strcmp(word, "late") == 0;
        o->later = strcmp(word, "later") == 0;
        snprintf(o->gate, sizeof o->gate, "later");
        o->late_save = strcmp(word, "latesave") == 0;
    }
}

static struct order *make(const struct conf *conf, const struct cs_order *in, struct cs_op *op)
{
    struct order *o = calloc(1, sizeof *o);

    o->conf = conf;
    o->in = in;
    o->op = op;
    o->rest = in ? in->profile : o->words;
    cs_op_on_cancel(op, on_cancel, o);
    return o;
}

static void fake_sign(void *self, const struct cs_order *in, struct cs_op *op)
{
    write_log(self, "sign", in->id, "");
    go_on(make(self, in, op));
}

static void fake_resume(void *self, const struct cs_order *in, const char *step, const void *data, size_t len, struct cs_op *op)
{
    struct order *o = make(self, in, op);
    char word[64];

    (void)data, (void)len;
    write_log(self, "resume", in->id, step);
    o->resumed = true;
    while (next(o, word))
        if ((strncmp(word, "save:", 5) == 0 || strncmp(word, "note:", 5) == 0) && strcmp(word + 5, step) == 0) {
            go_on(o);
            return;
        }
    finish(o, CS_ERESTART);
}

static void read_words(struct order *o)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s.revoke", o->conf->log);
    f = fopen(path, "re");
    if (!f)
        return;
    if (!fgets(o->words, sizeof o->words, f))
        o->words[0] = '\0';
    fclose(f);
}

static void fake_revoke(void *self, const char *pem, size_t len, int reason, struct cs_op *op)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n";
    struct order *o = make(self, NULL, op);
    char text[16];

    snprintf(text, sizeof text, "%d", reason);
    write_log(self, "revoke", text, "");
    read_words(o);
    if (len < sizeof begin || memcmp(pem, begin, sizeof begin - 1) != 0)
        finish(o, CS_EINPUT);
    else
        go_on(o);
}

static int fake_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    (void)in, (void)err;
    *self = (void *)conf;
    return 0;
}

static void fake_close(void *self)
{
    (void)self;
}

static const struct cs_ca_ops ca = { .size = sizeof ca, .sign = fake_sign, .resume = fake_resume, .revoke = fake_revoke };

CS_PLUGIN("fake-ca", "1.0", "a CA for tests: does what the profile says", .settings = settings,
          .settings_size = sizeof(struct conf), .open = fake_open, .close = fake_close, .ca = &ca);
