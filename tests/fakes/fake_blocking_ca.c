/*
 * fake-blocking-ca: a CA plugin for tests that waits in a worker, as the simplest plugins do: saves a step with data, puts a
 * challenge, hands out a chain. Writes to `log` what it was asked and how each wait ended. It plays the dns role as well.
 */
#include <countersign/ca.h>
#include <countersign/dns.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_chain.h"

#define DATA "https://fake/order/1"

struct conf {
    const char *log;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct conf, log, NULL, "file that calls are written to"),
    CS_SETTINGS_END,
};

static void write_log(const struct conf *conf, const char *what, const char *more)
{
    char line[256];
    int fd, n = snprintf(line, sizeof line, "%s %s\n", what, more);

    fd = open(conf->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line, (size_t)n) == n)
        close(fd);
}

static int put(const struct cs_order *in, struct cs_op *op, struct cs_error *err)
{
    const struct cs_challenge challenge = { .size = sizeof challenge, .type = CS_DNS_01, .name = in->names[0], .token = "token",
                                            .value = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0" };

    return cs_challenge_put_wait(op, &challenge, err);
}

static void validate(const struct conf *conf, const struct cs_order *in, struct cs_op *op)
{
    struct cs_chain chain = { .size = sizeof chain, .url = "", .profile = "" };
    struct cs_error err = { 0 };
    char *pem;

    cs_op_step(op, "publish");
    if (put(in, op, &err) < 0) {
        write_log(conf, "put failed", err.text);
        cs_op_err(op, &err);
        return;
    }
    pem = fake_chain(in, false, &chain.len);
    chain.pem = pem;
    cs_op_ok_chain(op, &chain);
    free(pem);
}

static void fake_sign(void *self, const struct cs_order *in, struct cs_op *op)
{
    struct cs_error err = { 0 };

    write_log(self, "sign", in->id);
    if (cs_op_save_wait(op, "order", DATA, strlen(DATA), &err) < 0) {
        write_log(self, "save failed", err.text);
        cs_op_err(op, &err);
        return;
    }
    validate(self, in, op);
}

static void fake_resume(void *self, const struct cs_order *in, const char *step, const void *data, size_t len, struct cs_op *op)
{
    struct cs_error err;

    write_log(self, "resume", step);
    if (strcmp(step, "order") == 0 && len == strlen(DATA) && memcmp(data, DATA, len) == 0) {
        validate(self, in, op);
        return;
    }
    cs_fail(&err, CS_EINTERNAL, "the data of the step did not come back");
    cs_op_err(op, &err);
}

static void fake_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    write_log(self, change->n_want ? "set" : "cleared", change->owner);
    cs_op_ok(op);
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

static const struct cs_ca_ops ca = { .size = sizeof ca, .blocking = true, .sign = fake_sign, .resume = fake_resume };

static const struct cs_dns_ops dns = { .size = sizeof dns, .blocking = true, .set_txt = fake_set_txt };

CS_PLUGIN("fake-blocking-ca", "1.0", "a CA for tests that waits", .settings = settings, .settings_size = sizeof(struct conf),
          .open = fake_open, .close = fake_close, .ca = &ca, .dns = &dns);
