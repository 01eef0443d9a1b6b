/* dns-pdns that runs on the fake host; see pdns_running.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "pdns_running.h"

static struct pdns_settings settings;
static void *self;
static struct cs_error failure;

int pdns_set_up(void **state)
{
    (void)state;
    settings = (struct pdns_settings){ .api = POWERDNS_URL,
                                       .key = POWERDNS_KEY,
                                       .server = "localhost",
                                       .ca_file = "",
                                       .keep_disabled = true,
                                       .timeout = 10000,
                                       .zone_cache = 3600000,
                                       .recheck = 3000 };
    failure = (struct cs_error){ 0 };
    host_begin("");
    powerdns_begin("4.7.3");
    powerdns_add_zone("a.example.", "Native");
    return 0;
}

int pdns_tear_down(void **state)
{
    const char *left;
    bool told_key = strstr(host_log(), POWERDNS_KEY) != NULL;

    (void)state;
    pdns_close();
    powerdns_end();
    left = host_end();
    if (left)
        fprintf(stderr, "left behind: %s\n", left);
    return left || told_key ? -1 : 0;
}

void pdns_open(void)
{
    assert_int_equal(cs_plugin.check(&settings, NULL, &failure), 0);
    assert_int_equal(cs_plugin.open(host_instance(), &settings, &self, &failure), 0);
    assert_int_equal(cs_plugin.start(self, &failure), 0);
    powerdns_settle();
    powerdns_requests();
}

void pdns_open_with(const char *version)
{
    powerdns_become(version);
    pdns_open();
}

struct cs_op *pdns_begin(const char *owner, const char *want, const char *gone)
{
    struct cs_op *op = host_op(DEADLINE, false);
    const struct cs_txt_change change = { .size = sizeof change,
                                          .zone = "a.example.",
                                          .owner = owner,
                                          .want = &want,
                                          .n_want = want != NULL,
                                          .gone = &gone,
                                          .n_gone = gone != NULL,
                                          .ttl = 10 };

    cs_plugin.dns->set_txt(self, &change, op);
    return op;
}

void pdns_expect_ok(const struct cs_op *op)
{
    assert_true(host_result(op)->finished);
    assert_string_equal(host_result(op)->err.text, "");
    assert_int_equal(host_result(op)->err.code, CS_OK);
}

void pdns_set(const char *owner, const char *want, const char *gone)
{
    struct cs_op *op = pdns_begin(owner, want, gone);

    powerdns_settle();
    pdns_expect_ok(op);
}

void pdns_expect_failure(const struct cs_op *op, enum cs_code code, const char *words)
{
    const struct host_result *result = host_result(op);

    assert_true(result->finished);
    if (!strstr(result->err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, result->err.text);
    assert_int_equal(result->err.code, code);
    assert_non_null(strstr(result->err.text, POWERDNS_URL));
    assert_non_null(strstr(result->err.text, "zone a.example."));
    assert_null(strstr(result->err.text, POWERDNS_KEY));
}

struct pdns_settings *pdns_conf(void)
{
    return &settings;
}

void pdns_stop(void)
{
    cs_plugin.stop(self);
}

void pdns_close(void)
{
    if (!self)
        return;
    pdns_stop();
    powerdns_settle();
    cs_plugin.close(self);
    self = NULL;
}

int pdns_refuses(struct cs_error *err)
{
    int rc = cs_plugin.check(&settings, NULL, err);

    assert_int_equal(cs_plugin.open(host_instance(), &settings, &self, &failure), rc);
    return rc;
}
