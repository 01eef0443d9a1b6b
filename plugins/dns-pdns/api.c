/* One exchange with PowerDNS's HTTP API; see api.h. PowerDNS closes the connection after each answer: that is no fault. */
#include "api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reply.h"
#include "server.h"

struct api_call {
    struct pdns *pdns;
    struct cs_http *http;
    api_fn *fn;
    void *arg;
};

void api_add_escaped(struct text *path, const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
            text_add_char(path, (char)c);
        else
            text_addf(path, "%%%02X", c);
    }
}

void api_name_place(struct cs_error *err, const struct pdns *pdns, const char *zone)
{
    if (zone)
        cs_fail_in(err, "PowerDNS at %.200s, zone %.100s", pdns->conf->api, zone);
    else
        cs_fail_in(err, "PowerDNS at %.200s", pdns->conf->api);
}

static void fail_refused(struct cs_error *err, const struct cs_http_reply *reply, const struct pdns *pdns)
{
    char words[REPLY_WORDS];

    reply_words(words, reply->body, reply->body_len, pdns->conf->key);
    cs_fail_as(err, CS_EREFUSED, "dns-refused", "it refuses (%d): %s", reply->status, words);
}

static void fail_unavailable(struct cs_error *err, const struct cs_http_reply *reply, const struct pdns *pdns)
{
    char words[REPLY_WORDS];

    reply_words(words, reply->body, reply->body_len, pdns->conf->key);
    cs_fail_as(err, CS_EUPSTREAM, "dns-unavailable", "it failed (%d), its log says why: %s", reply->status, words);
    err->retry_after_ms = reply->retry_after_ms;
}

/* A PowerDNS with api=no has the webserver all the same, and answers like this. */
static void fail_not_found(struct cs_error *err, const struct pdns *pdns)
{
    if (strcmp(pdns->conf->server, "localhost") == 0)
        cs_fail_as(err, CS_ECONFIG, "dns-not-found",
                   "not found (404): it must run with api=yes, and `api` lead to its webserver");
    else
        cs_fail_as(err, CS_ECONFIG, "dns-not-found",
                   "not found (404): `server` must be its server id (\"localhost\", here \"%.60s\"), and api=yes be set",
                   pdns->conf->server);
}

/* What a status means, and what to change. */
static void fail_status(struct cs_error *err, const struct cs_http_reply *reply, const struct pdns *pdns)
{
    const int status = reply->status;

    if (status == 401) {
        cs_fail_as(err, CS_ECONFIG, "dns-key", "it does not know the key (401): `key` must be its api-key");
    } else if (status == 403) {
        cs_fail_as(err, CS_ECONFIG, "dns-forbidden", "access is forbidden (403): is there a proxy before it with rules?");
    } else if (status == 404) {
        fail_not_found(err, pdns);
    } else if (status >= 300 && status < 400) {
        cs_fail_as(err, CS_ECONFIG, "dns-redirect", "it answers with a redirect (%d): set `api` to where that leads", status);
    } else if (status == 429) {
        cs_fail_as(err, CS_ELIMIT, "dns-rate-limited", "too many requests (429)");
        err->retry_after_ms = reply->retry_after_ms;
    } else if (status >= 500 || status == 408) {
        fail_unavailable(err, reply, pdns);
    } else {
        fail_refused(err, reply, pdns);
    }
}

/* "Changetype not understood" (4.7, 4.8), "Changetype 'EXTEND' is not a valid value" (4.9). */
static bool is_unknown_change(const struct cs_http_reply *reply)
{
    return (reply->status == 422 || reply->status == 400) && strcasestr(reply->body, "changetype");
}

static void fail_unanswered(struct cs_error *err, const struct cs_error *why)
{
    *err = *why;
    if (why->code == CS_EUPSTREAM)
        cs_fail(err, CS_EUPSTREAM, "%.300s; it must run with api=yes, and its webserver-allow-from must name this host",
                why->text);
}

static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct api_call *call = arg;
    struct api_failure failure = { .status = reply ? reply->status : 0 };
    const bool good = reply && reply->status >= 200 && reply->status <= 299;

    if (!good && reply) {
        fail_status(&failure.err, reply, call->pdns);
        failure.unknown_change = is_unknown_change(reply);
    } else if (!good) {
        fail_unanswered(&failure.err, err);
        server_suspect(call->pdns->server);
    }
    call->fn(call->arg, good ? reply : NULL, good ? NULL : &failure);
    free(call);
}

static struct cs_http *send_it(struct api_call *call, const struct api_want *want, const char *url)
{
    const struct pdns_settings *conf = call->pdns->conf;
    const char *const headers[] = { call->pdns->key_header, "Accept: application/json", "Content-Type: application/json" };

    return cs_http_send(call->pdns->in,
                        &(struct cs_http_request){ .size = sizeof(struct cs_http_request),
                                                   .method = want->method,
                                                   .url = url,
                                                   .headers = headers,
                                                   .n_headers = want->body ? 3 : 2,
                                                   .body = want->body,
                                                   .body_len = want->body ? strlen(want->body) : 0,
                                                   .timeout_ms = conf->timeout,
                                                   .max_reply = REPLY_MOST,
                                                   .ca_file = conf->ca_file,
                                                   .insecure = conf->insecure },
                        on_reply, call);
}

struct api_call *api_send(struct pdns *pdns, const struct api_want *want, api_fn *fn, void *arg)
{
    struct api_call *call = calloc(1, sizeof *call);
    struct text url = TEXT_MAX(4000);

    if (!call)
        return NULL;
    *call = (struct api_call){ .pdns = pdns, .fn = fn, .arg = arg };
    text_addf(&url, "%s%s", pdns->base, want->path);
    if (!text_failed(&url))
        call->http = send_it(call, want, text_of(&url));
    text_free(&url);
    if (call->http)
        return call;
    free(call);
    return NULL;
}

void api_cancel(struct api_call *call)
{
    if (!call)
        return;
    cs_http_cancel(call->http);
    free(call);
}
