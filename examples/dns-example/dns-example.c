/*
 * dns-example
 *
 * Sets TXT values through an HTTP API that holds the values of an owner name as one text, a value a line. The core loads it as
 * the configuration's `dns` section says, and calls set_txt() whenever a CA is about to look, or has looked.
 *
 * Read it from the end: the descriptor names what the core may call. To make it speak to another back end, change read_values()
 * and write_values(); what stands around them is true for every back end. `backend.py` plays the back end for a trial.
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

/* One block of the configuration. There may be several, so nothing may live outside of it. It does not change once it is open:
 * that is why the threads of a blocking plugin need no lock here. */
struct plugin {
    struct cs_instance *in;
    const struct settings *settings;
    char authorization[KEY_MOST + 32];
};

/* What the back end serves at one owner name now. */
struct values {
    char *lines;   /* one value a line */
    char etag[80]; /* which version of them this is */
};

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

/* What one exchange leaves behind. The reply itself is gone when the callback returns. */
struct exchange {
    const struct plugin *p;
    const struct cs_txt_change *change;
    struct values *read; /* NULL: nothing is read */
    int rc;
    struct cs_error *err;
};

/* Runs in this same thread, before cs_http_send_wait() returns. */
static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct exchange *x = arg;
    const char *etag = cs_http_header(reply, "ETag", 0);

    (void)err; /* a waiting form calls us with a reply only */
    if (reply->status != (x->read ? 200 : 204)) {
        x->rc = explain(x->p, x->change, reply, x->err);
    } else if (x->read) {
        x->read->lines = strdup(reply->body);
        snprintf(x->read->etag, sizeof x->read->etag, "%s", etag ? etag : "");
        x->rc = x->read->lines ? 0 : cs_fail(x->err, CS_EINTERNAL, "out of memory");
    } else {
        x->rc = 0;
    }
}

/* One exchange, which ends when the call's deadline comes, if `timeout` does not end it before. */
static int talk(struct exchange *x, struct cs_op *op, struct cs_http_request *request)
{
    const struct settings *s = x->p->settings;
    int64_t left_ms = cs_op_deadline_ms(op) - cs_now_ms();
    char url[1024];

    if (left_ms <= 0)
        return cs_fail(x->err, CS_ETIMEDOUT, "there was no time left to ask %s", s->api);
    if (snprintf(url, sizeof url, "%s/txt/%s", s->api, x->change->owner) >= (int)sizeof url)
        return cs_fail(x->err, CS_ECONFIG, "`api` is too long");
    request->size = sizeof *request;
    request->url = url;
    request->timeout_ms = left_ms < s->timeout ? left_ms : s->timeout;
    request->ca_file = s->ca_file;
    request->insecure = s->insecure;
    if (cs_http_send_wait(x->p->in, request, on_reply, x, x->err) < 0)
        return -1;
    return x->rc;
}

static int read_values(const struct plugin *p, const struct cs_txt_change *change, struct cs_op *op, struct values *out,
                       struct cs_error *err)
{
    const char *const headers[] = { p->authorization };
    struct cs_http_request request = { .method = "GET", .headers = headers, .n_headers = 1 };
    struct exchange x = { .p = p, .change = change, .read = out, .err = err };

    return talk(&x, op, &request);
}

/* CS_ECONFLICT: somebody else changed them since they were read. That is what If-Match is for (RFC 9110 13.1.1): without it, a
 * value that another program adds between our reading and our writing would be lost. */
static int write_values(const struct plugin *p, const struct cs_txt_change *change, struct cs_op *op, const char *lines,
                        const char *etag, struct cs_error *err)
{
    char if_match[100], ttl[32];
    const char *const headers[] = { p->authorization, "Content-Type: text/plain", if_match, ttl };
    struct cs_http_request request = { .method = "PUT", .headers = headers, .n_headers = 4, .body = lines,
                                       .body_len = strlen(lines) };
    struct exchange x = { .p = p, .change = change, .err = err };

    snprintf(if_match, sizeof if_match, "If-Match: %s", etag);
    snprintf(ttl, sizeof ttl, "TTL: %u", (unsigned)change->ttl);
    return talk(&x, op, &request);
}

/* ---- The change -------------------------------------------------------------------------------------------------- */

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

static int change_once(const struct plugin *p, const struct cs_txt_change *change, struct cs_op *op, struct cs_error *err)
{
    struct values now = { 0 };
    char *merged = NULL;
    int rc = read_values(p, change, op, &now, err);

    if (rc == 0) {
        merged = merge(now.lines, change);
        if (!merged)
            rc = cs_fail(err, CS_EINTERNAL, "out of memory");
        else if (strcmp(merged, now.lines) != 0)
            rc = write_values(p, change, op, merged, now.etag, err);
    }
    free(merged);
    free(now.lines);
    return rc;
}

/* Runs in a worker thread, as the role says `blocking`, and may wait. `change` is ours until the op is finished. Every path
 * ends in exactly one cs_op_ok() or cs_op_err(). */
static void set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    const struct plugin *p = self;
    struct cs_error err = { 0 };
    int rc = -1;

    for (int i = 0; i < TRIES; i++) {
        rc = change_once(p, change, op, &err);
        if (rc == 0 || err.code != CS_ECONFLICT)
            break;
    }
    if (rc == 0)
        cs_op_ok(op);
    else
        cs_op_err(op, &err);
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

/* Every op is finished, every thread has left. */
static void plugin_close(void *self)
{
    free(self);
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .blocking = true, .set_txt = set_txt };

CS_PLUGIN("dns-example", "0.1", "sets TXT values through an HTTP API",
          .settings = settings, .settings_size = sizeof(struct settings), .open = plugin_open, .close = plugin_close,
          .dns = &dns);
