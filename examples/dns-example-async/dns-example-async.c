/*
 * dns-example-async
 *
 * Sets TXT values through an HTTP API that holds the values of an owner name as one text, a value a line. The core loads it as
 * the configuration's `dns` section says, and calls set_txt() whenever a CA is about to look, or has looked.
 *
 * Nothing here waits: everything runs on the core's loop, and a change is a chain of questions and answers. Hundreds of them
 * can be under way without a thread. Read it from the end: the descriptor names what the core may call. To make it speak to
 * another back end, change ask_values() and write_values(), and the answers below each. `backend.py` plays the back end for a
 * trial.
 */
#define _POSIX_C_SOURCE 200809L

#include <countersign/dns.h>
#include <countersign/http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 8 /* how often somebody else may be faster than we are */
#define KEY_MOST 512

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

/* What the operator writes into the block. The core fills the struct from the table below, and checks types and ranges, before
 * it opens the plugin. */
struct settings {
    const char *api, *key, *ca_file;
    int64_t timeout;
    bool insecure;
};

/* Type, field, default (NULL: the operator must write it), one line of help for `countersign plugin help`. */
static const struct cs_option settings[] = {
    CS_SETTING(URL, struct settings, api, NULL, "address of the back end's API"),
    CS_SETTING(SECRET, struct settings, key, NULL, "what the API knows us by; @FILE reads it from a file"),
    CS_SETTING(STRING, struct settings, ca_file, "", "trust anchors for the API, PEM; empty: the system's"),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "10s", 100, 60000, "give up on one exchange after this long"),
    CS_SETTING(BOOL, struct settings, insecure, "false", "allow http to any host"),
    CS_SETTINGS_END,
};

/* One block of the configuration. There may be several, so nothing may live outside of it. Everything runs on one thread, so it
 * needs no lock. */
struct plugin {
    struct cs_instance *in;
    const struct settings *settings;
    char authorization[KEY_MOST + 32];
};

/* One call of set_txt(), from its start to its end. */
struct call {
    const struct plugin *p;
    struct cs_op *op;
    const struct cs_txt_change *change; /* the op's copy: valid until the op is finished */
    struct cs_http *http;               /* the request under way, or NULL */
    int tries;
};

/* ---- The end of a call ------------------------------------------------------------------------------------------- */

/* The one way out: an op is finished exactly once. `err` NULL: it worked. */
static void finish(struct call *call, const struct cs_error *err)
{
    struct cs_op *op = call->op;

    cs_http_cancel(call->http);
    free(call);
    if (err)
        cs_op_err(op, err);
    else
        cs_op_ok(op);
}

/* The op's deadline passed, or the server stops. The core has told whoever waits; we end our work. */
static void on_cancel(void *arg, enum cs_cancel why)
{
    struct cs_error err = { 0 };

    if (why == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    else
        cs_fail(&err, CS_ETIMEDOUT, "%s did not answer in time", ((struct call *)arg)->p->settings->api);
    finish(arg, &err);
}

/* ---- The back end ------------------------------------------------------------------------------------------------ */

/* The code says who must act, the text what was seen and what to do; it never holds the key. */
static int explain(const struct plugin *p, const struct cs_txt_change *change, const struct cs_http_reply *reply,
                   struct cs_error *err)
{
    const char *api = p->settings->api;

    switch (reply->status) {
    case 401:
    case 403:
        return cs_fail(err, CS_ECONFIG, "%s does not know our key (%d): mend `key`", api, reply->status);
    case 404:
        return cs_fail(err, CS_ECONFIG, "%s does not serve the zone %s (404): add it there, or mend the zone's row", api,
                       change->zone);
    case 412:
        return cs_fail(err, CS_ECONFLICT, "%s was changed by somebody else, %d times in a row", change->owner, TRIES);
    case 429:
        cs_fail(err, CS_ELIMIT, "%s takes no more changes for now (429)", api);
        err->retry_after_ms = reply->retry_after_ms; /* after cs_fail(), which begins a new error */
        return -1;
    default:
        return cs_fail(err, reply->status >= 500 ? CS_EUPSTREAM : CS_EREFUSED, "%s answered %d for %s", api, reply->status,
                       change->owner);
    }
}

/* Later, on the loop, `on_reply` gets the answer, unless the call is cancelled before. */
static void send_request(struct call *call, struct cs_http_request *request, cs_http_fn *on_reply)
{
    const struct settings *s = call->p->settings;
    struct cs_error err = { 0 };
    char url[1024];

    if (snprintf(url, sizeof url, "%s/txt/%s", s->api, call->change->owner) >= (int)sizeof url) {
        cs_fail(&err, CS_ECONFIG, "`api` is too long");
        finish(call, &err);
        return;
    }
    request->size = sizeof *request;
    request->url = url;
    request->timeout_ms = s->timeout;
    request->ca_file = s->ca_file;
    request->insecure = s->insecure;
    call->http = cs_http_send(call->p->in, request, on_reply, call); /* copies everything */
    if (!call->http) {
        cs_fail(&err, CS_ESHUTDOWN, "no request can be sent: the server is stopping");
        finish(call, &err);
    }
}

/* ---- What should be there ---------------------------------------------------------------------------------------- */

static bool is_among(const char *const *values, size_t n, const char *line, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(values[i]) == len && memcmp(values[i], line, len) == 0)
            return true;
    return false;
}

/* What should be there: what is there without `gone`, and `want`. A value in neither list is somebody else's, and stays. The
 * result is malloc'd; NULL: no memory. */
static char *merge(const char *lines, const struct cs_txt_change *change)
{
    char *merged = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&merged, &len);

    if (!out)
        return NULL;
    for (const char *line = lines, *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        if (end > line && !is_among(change->gone, change->n_gone, line, (size_t)(end - line)) &&
            !is_among(change->want, change->n_want, line, (size_t)(end - line)))
            fprintf(out, "%.*s\n", (int)(end - line), line);
    }
    for (size_t i = 0; i < change->n_want; i++)
        fprintf(out, "%s\n", change->want[i]);
    if (fclose(out) == 0)
        return merged;
    free(merged);
    return NULL;
}

/* ---- The change: ask, merge, write ------------------------------------------------------------------------------- */

static void ask_values(struct call *call);
static void on_values(void *arg, const struct cs_http_reply *reply, const struct cs_error *err);
static void write_values(struct call *call, const char *lines, const char *etag);
static void on_written(void *arg, const struct cs_http_reply *reply, const struct cs_error *err);

static void ask_values(struct call *call)
{
    const char *const headers[] = { call->p->authorization };
    struct cs_http_request request = { .method = "GET", .headers = headers, .n_headers = 1 };

    send_request(call, &request, on_values);
}

/* The reply is valid until we return. */
static void on_values(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct call *call = arg;
    struct cs_error failure = { 0 };
    const char *etag = reply ? cs_http_header(reply, "ETag", 0) : NULL;
    char *merged;

    call->http = NULL;
    if (!reply) {
        finish(call, err);
        return;
    }
    if (reply->status != 200) {
        explain(call->p, call->change, reply, &failure);
        finish(call, &failure);
        return;
    }
    merged = merge(reply->body, call->change);
    if (!merged) {
        cs_fail(&failure, CS_EINTERNAL, "out of memory");
        finish(call, &failure);
    } else if (strcmp(merged, reply->body) == 0) {
        finish(call, NULL);
    } else {
        write_values(call, merged, etag ? etag : "");
    }
    free(merged);
}

/* The server refuses when somebody else changed them since they were read: that is what If-Match is for (RFC 9110 13.1.1).
 * Without it, a value that another program adds between our reading and our writing would be lost. */
static void write_values(struct call *call, const char *lines, const char *etag)
{
    char if_match[100], ttl[32];
    const char *const headers[] = { call->p->authorization, "Content-Type: text/plain", if_match, ttl };
    struct cs_http_request request = { .method = "PUT", .headers = headers, .n_headers = 4, .body = lines,
                                       .body_len = strlen(lines) };

    snprintf(if_match, sizeof if_match, "If-Match: %.80s", etag);
    snprintf(ttl, sizeof ttl, "TTL: %u", (unsigned)call->change->ttl);
    send_request(call, &request, on_written);
}

static void on_written(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct call *call = arg;
    struct cs_error failure = { 0 };

    call->http = NULL;
    if (!reply) {
        finish(call, err);
    } else if (reply->status == 412 && ++call->tries < TRIES) {
        ask_values(call);
    } else if (reply->status == 204) {
        finish(call, NULL);
    } else {
        explain(call->p, call->change, reply, &failure);
        finish(call, &failure);
    }
}

/* Runs on the loop and returns at once. The op stays open until finish(). */
static void set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    struct call *call = calloc(1, sizeof *call);
    struct cs_error err = { 0 };

    if (!call) {
        cs_fail(&err, CS_EINTERNAL, "out of memory");
        cs_op_err(op, &err);
        return;
    }
    *call = (struct call){ .p = self, .op = op, .change = change };
    cs_op_on_cancel(op, on_cancel, call);
    ask_values(call);
}

/* ---- The plugin -------------------------------------------------------------------------------------------------- */

/* Once for each block of the configuration, on the loop: it may not wait. What the table of settings cannot say is checked
 * here. */
static int plugin_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    const struct settings *s = conf;
    struct plugin *p;

    if (strlen(s->key) > KEY_MOST || strpbrk(s->key, "\r\n"))
        return cs_fail(err, CS_ECONFIG, "`key` is one line of at most %d bytes", KEY_MOST);
    p = calloc(1, sizeof *p);
    if (!p)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    p->in = in;
    p->settings = s;
    snprintf(p->authorization, sizeof p->authorization, "Authorization: Bearer %s", s->key);
    *self = p;
    return 0;
}

/* Every op is finished: nothing of ours is under way any more. */
static void plugin_close(void *self)
{
    free(self);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = set_txt };

CS_PLUGIN("dns-example-async", "0.1", "sets TXT values through an HTTP API",
          .settings = settings, .settings_size = sizeof(struct settings), .open = plugin_open, .close = plugin_close,
          .dns = &dns);
