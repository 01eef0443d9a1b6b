/* What the core does in a replay: settings, the order, calls, shutdown, restart. See replay.h. */
#include "judge.h"
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "settings.h"

void do_set(const struct statement *s)
{
    const char *at = s->rest, *name = word(&at);

    if (strcmp(word(&at), "=") != 0)
        fail("write: set NAME = VALUE");
    settings_set(name, at);
}

static int open_plugin(struct cs_error *err)
{
    const char *what;
    void *settings = settings_fill(cs_plugin.settings, cs_plugin.settings_size, &what);

    if (!settings)
        fail("the setting %s is not known, or missing", what);
    return cs_plugin.open(host_instance(), settings, &run.self, err);
}

static void must_be_open(void)
{
    struct cs_error err = { 0 };

    if (!run.self && open_plugin(&err) < 0)
        fail("open failed: %s", err.text);
}

/* open fails TEXT */
void do_open(const struct statement *s)
{
    const char *at = s->rest;
    struct cs_error err = { 0 };

    if (strcmp(word(&at), "fails") != 0)
        fail("write: open fails TEXT");
    if (open_plugin(&err) == 0)
        fail("it opened");
    if (err.code != CS_ECONFIG || !strstr(err.text, at))
        fail("it failed with: %s", err.text);
}

void do_names(const struct statement *s)
{
    const char *at = s->rest;

    while (run.n_names > 0)
        free(run.names[--run.n_names]);
    while (*at && run.n_names < NAMES_MOST)
        run.names[run.n_names++] = text_copy(word(&at));
}

void do_profile(const struct statement *s)
{
    free(run.profile);
    run.profile = text_copy(s->rest);
}

void do_replaces(const struct statement *s)
{
    free(run.replaces);
    run.replaces = text_copy(s->rest);
}

void do_deadline(const struct statement *s)
{
    run.deadline_ms = time_of(s->rest);
}

/* hold saves */
void do_hold(const struct statement *s)
{
    (void)s;
    run.hold_saves = true;
}

void do_challenge_types(const struct statement *s)
{
    host_set_challenge_types(strcmp(s->rest, "none") == 0 ? 0 : 1u << CS_DNS_01);
}

static const uint8_t csr[] = "\x30\x08 not a CSR, ca-acme only hands it on \xff\x00\xfe";

static const struct cs_order *the_order(void)
{
    static struct cs_order order;

    order = (struct cs_order){ .size = sizeof order,
                               .id = "job",
                               .csr = csr,
                               .csr_len = sizeof csr - 1,
                               .names = (const char *const *)run.names,
                               .n_names = run.n_names,
                               .profile = run.profile ? run.profile : "",
                               .replaces = run.replaces ? run.replaces : "" };
    judge_host_key(order.spki_sha256);
    return &order;
}

static void begin_op(bool job)
{
    must_be_open();
    run.op = host_op(run.deadline_ms, job);
    run.asked_before = host_http_count();
}

void do_sign(const struct statement *s)
{
    (void)s;
    begin_op(true);
    cs_plugin.ca->sign(run.self, the_order(), run.op);
}

/* resume STEP DATA */
void do_resume(const struct statement *s)
{
    const char *at = s->rest, *step = word(&at);

    begin_op(true);
    cs_plugin.ca->resume(run.self, the_order(), step, at, strlen(at), run.op);
}

void do_revoke(const struct statement *s)
{
    begin_op(false);
    cs_plugin.ca->revoke(run.self, s->below, strlen(s->below), (int)number_of(s->rest), run.op);
}

void do_renewal_info(const struct statement *s)
{
    begin_op(false);
    cs_plugin.ca->renewal_info(run.self, s->below, strlen(s->below), run.op);
}

void do_status(const struct statement *s)
{
    (void)s;
    begin_op(false);
    cs_plugin.ca->status(run.self, run.op);
}

void do_shutdown(const struct statement *s)
{
    (void)s;
    host_cancel(run.op, CS_SHUTDOWN);
}

/* The instance is closed and opened, as by a restart of the server; the records stay. */
void do_restart(const struct statement *s)
{
    (void)s;
    cs_plugin.close(run.self);
    run.self = NULL;
    must_be_open();
}

void statement_release(void)
{
    while (run.n_names > 0)
        free(run.names[--run.n_names]);
    free(run.profile);
    free(run.replaces);
    settings_clear();
}
