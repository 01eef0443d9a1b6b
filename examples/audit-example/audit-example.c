/*
 * audit-example
 *
 * Posts each event of the issuance ledger to an address over HTTP: a webhook. The core loads it as the configuration's `audit`
 * section says, and calls append() with some events at a time, in order.
 *
 * Read it from the end: the descriptor names what the core may call. `backend.py` plays the receiver for a trial.
 */
#define _POSIX_C_SOURCE 200809L

#include <countersign/audit.h>
#include <countersign/http.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MOST 512

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

/* What the operator writes into the block. The core fills the struct from the table below, and checks types and ranges, before
 * it opens the plugin. */
struct settings {
    const char *url, *token, *ca_file;
    int64_t timeout;
    bool insecure;
};

/* Type, field, default (NULL: the operator must write it), one line of help for `countersign plugin help`. */
static const struct cs_option settings[] = {
    CS_SETTING(URL, struct settings, url, NULL, "where events are posted"),
    CS_SETTING(SECRET, struct settings, token, NULL, "what the receiver knows us by; @FILE reads it from a file"),
    CS_SETTING(STRING, struct settings, ca_file, "", "trust anchors for that address, PEM; empty: the system's"),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "10s", 100, 60000, "give up on one event after this long"),
    CS_SETTING(BOOL, struct settings, insecure, "false", "allow http to any host"),
    CS_SETTINGS_END,
};

/* One block of the configuration. There may be several, so nothing may live outside of it. */
struct plugin {
    struct cs_instance *in;
    const struct settings *settings;
    char authorization[TOKEN_MOST + 32];
};

/* ---- One event --------------------------------------------------------------------------------------------------- */

struct exchange {
    const struct plugin *p;
    int rc;
    struct cs_error *err;
};

/* Runs in this same thread, before cs_http_send_wait() returns. 409: the receiver has this number already. */
static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct exchange *x = arg;
    const char *url = x->p->settings->url;

    (void)err; /* a waiting form calls us with a reply only */
    if (reply->status / 100 == 2 || reply->status == 409)
        x->rc = 0;
    else if (reply->status == 401 || reply->status == 403)
        x->rc = cs_fail(x->err, CS_ECONFIG, "%s does not know our token (%d): mend `token`", url, reply->status);
    else
        x->rc = cs_fail(x->err, CS_EUPSTREAM, "%s answered %d", url, reply->status);
}

static int post(const struct plugin *p, const struct cs_event *event, struct cs_error *err)
{
    const struct settings *s = p->settings;
    struct exchange x = { .p = p, .rc = -1, .err = err };
    char number[64], time[64], kind[64];
    const char *const headers[] = { p->authorization, "Content-Type: application/json", kind, number, time };
    const struct cs_http_request request = {
        .size = sizeof request,
        .method = "POST",
        .url = s->url,
        .headers = headers,
        .n_headers = event->number ? 5 : 3, /* a visit has neither number nor time */
        .body = event->json, /* one JSON object */
        .body_len = event->json_len,
        .timeout_ms = s->timeout,
        .ca_file = s->ca_file,
        .insecure = s->insecure,
    };

    snprintf(number, sizeof number, "Event-Number: %" PRId64, event->number);
    snprintf(time, sizeof time, "Event-Time: %" PRId64, event->time_ms);
    snprintf(kind, sizeof kind, "Event-Kind: %.40s", event->kind);
    if (cs_http_send_wait(p->in, &request, on_reply, &x, err) < 0)
        return -1;
    return x.rc;
}

/* Runs in a worker thread, one call at a time, and may wait. 0: all of them are safe. After a failure the core comes again,
 * later and more and more seldom, with the same events first: the receiver goes by the number. */
static int append(void *self, const struct cs_event *events, size_t n, struct cs_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (post(self, &events[i], err) < 0)
            return -1;
    return 0;
}

/* ---- The plugin -------------------------------------------------------------------------------------------------- */

/* Once for each block of the configuration, on the loop: it may not wait. What the table of settings cannot say is checked
 * here. */
static int plugin_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    const struct settings *s = conf;
    struct plugin *p;

    if (strlen(s->token) > TOKEN_MOST || strpbrk(s->token, "\r\n"))
        return cs_fail(err, CS_ECONFIG, "`token` is one line of at most %d bytes", TOKEN_MOST);
    p = calloc(1, sizeof *p);
    if (!p)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    p->in = in;
    p->settings = s;
    snprintf(p->authorization, sizeof p->authorization, "Authorization: Bearer %s", s->token);
    *self = p;
    return 0;
}

/* No call is under way any more. */
static void plugin_close(void *self)
{
    free(self);
}

static const struct cs_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = append };

CS_PLUGIN("audit-example", "0.1", "posts the issuance ledger to a webhook",
          .settings = settings, .settings_size = sizeof(struct settings), .open = plugin_open, .close = plugin_close,
          .audit = &audit);
