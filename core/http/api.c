/*
 * Routes the public API's requests, asks the heart, and turns its answers into HTTP; see api.h. Called by connection.c.
 */
#include "http/api.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log.h"
#include "http/arrival.h"
#include "http/authorization.h"
#include "http/connection.h"
#include "http/credential.h"
#include "http/json_request.h"
#include "http/preferences.h"
#include "http/revoke.h"

#define REQUESTS_PATH  "/v1/requests/"
#define JOB_LEN        26 /* characters of a job's id, RFC 4648 6 in lower case */
#define LOOK_MS        30000 /* for the store to say what became of a job */
#define OVERTIME_MS    5000  /* the heart keeps the deadline; should it fail to, the connection answers */
#define ACCEPTED_RETRY 2     /* seconds */
#define CODED          "content-coding" /* a type of HTTP's, with a status of its own */
#define ALLOW_ANY      "GET, HEAD, OPTIONS, POST"

/* A request whose answer comes later. */
struct pending {
    struct connection *c;
    struct limits *limits; /* NULL: none */
    struct limits_source source;
    struct limits_wait wait_place;
    struct request *request;
    const char *route;
    bool respond_async, accepts_problems;
    char wait[32]; /* "wait=N", or "" */
};

/* ---- What the head alone decides --------------------------------------------------------------------------------------- */

enum route { ROUTE_NONE = 0, ROUTE_SIGN, ROUTE_REQUEST, ROUTE_REVOKE, ROUTE_SERVER };

static const struct {
    const char *name, *allow;
} routes[] = {
    [ROUTE_NONE] = { "other", NULL },
    [ROUTE_SIGN] = { "sign", "POST" },
    [ROUTE_REQUEST] = { "request", "GET, HEAD" },
    [ROUTE_REVOKE] = { "revoke", "POST" },
    [ROUTE_SERVER] = { "server", ALLOW_ANY },
};

static bool is_job(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '2' && s.at[i] <= '7')))
            return false;
    return s.len == JOB_LEN;
}

static struct span job_of(const struct message *m)
{
    struct span path = message_path(m);

    return (struct span){ path.at + strlen(REQUESTS_PATH), path.len - strlen(REQUESTS_PATH) };
}

/* Paths are compared as they came, nothing is decoded. */
static enum route route_of(const struct message *m)
{
    struct span path = message_path(m);

    if (syntax_same(path, "/v1/sign") || syntax_same(path, "/v1/sign/"))
        return ROUTE_SIGN;
    if (syntax_same(path, "/v1/revoke"))
        return ROUTE_REVOKE;
    if (path.len > strlen(REQUESTS_PATH) && memcmp(path.at, REQUESTS_PATH, strlen(REQUESTS_PATH)) == 0 && is_job(job_of(m)))
        return ROUTE_REQUEST;
    return syntax_same(path, "*") || m->method == METHOD_CONNECT ? ROUTE_SERVER : ROUTE_NONE;
}

static bool method_fits(enum route route, enum method method)
{
    switch (route) {
    case ROUTE_SIGN:
    case ROUTE_REVOKE:
        return method == METHOD_POST;
    case ROUTE_REQUEST:
        return method == METHOD_GET || method == METHOD_HEAD;
    case ROUTE_SERVER:
        return method == METHOD_OPTIONS;
    case ROUTE_NONE:
        break;
    }
    return true;
}

static void answer_http(struct connection *c, enum route route, int status, const char *detail)
{
    struct problem problem = problem_of_http(status, detail);

    connection_answer_problem(c, &problem,
                              &(struct reply){ .route = routes[route].name,
                                               .allow = status == 405 ? routes[route].allow : NULL });
}

static void answer_error(struct connection *c, enum route route, const struct cs_error *err)
{
    struct problem problem = problem_of_error(err, "", NULL, false);

    connection_answer_problem(c, &problem, &(struct reply){ .route = routes[route].name,
                                                            .retry_after_s = problem_retry_after_s(err, false) });
}

static bool accept_route(struct connection *c, const struct message *m, enum route route)
{
    if (m->method == METHOD_OTHER)
        answer_http(c, route, 501, "This server does not know this method.");
    else if (route == ROUTE_NONE)
        answer_http(c, route, 404, "There is nothing at this path. Certificates are signed at /v1/sign.");
    else if (!method_fits(route, m->method))
        answer_http(c, route, 405, "The Allow field of this answer lists the methods of this path.");
    else
        return true;
    return false;
}

/* ---- Who asks, and how often ---------------------------------------------------------------------------------------- */

struct caller {
    struct arrival arrival;
    struct limits_source source;
    struct limits_wait wait; /* until somebody else has it: take_wait() */
};

static enum limits_request limits_request_of(const struct message *m)
{
    return m->method == METHOD_POST ? LIMITS_POST : LIMITS_POLL;
}

static struct limits_wait take_wait(struct caller *caller)
{
    const struct limits_wait wait = caller->wait;

    caller->wait = (struct limits_wait){ 0 };
    return wait;
}

/* Whoever asks too often is told so before anything else is looked at, and is no visit. When `only_looks` the same request
 * comes here again, with its body. */
static bool is_within_limits(struct api *api, struct connection *c, const struct message *m, enum route route, bool only_looks,
                             struct caller *caller)
{
    const enum limits_request what = limits_request_of(m);
    struct cs_error err;

    *caller = (struct caller){ 0 };
    arrival_read(&caller->arrival, m, connection_peer(c), &api->proxies);
    if (!api->limits)
        return true;
    caller->source = limits_source_of(api->limits, &caller->arrival);
    if ((only_looks ? limits_look(api->limits, &caller->source, what, &err)
                    : limits_request(api->limits, &caller->source, what, &caller->wait, &err)) == 0)
        return true;
    answer_error(c, route, &err);
    return false;
}

/* ---- A request for a signature: whether it can be read ------------------------------------------------------------------ */

/* Where it comes from goes into the visit, where it becomes a pseudonym, and nowhere else. */
static struct visit *arrive(struct api *api, const struct arrival *arrival)
{
    char labels[32];

    snprintf(labels, sizeof labels, "from=\"%s\"", arrival_word(arrival->from));
    metrics_count(api->metrics, "countersign_http_sources_total", "Signing requests by who said where they come from.",
                  labels, 1);
    if (api->visits_are_lost)
        metrics_count(api->metrics, "countersign_visits_lost_total", "Visits that could not be recorded.", "", 1);
    return visit_begin(api->visits, &(struct visit_arrival){ .source = arrival->source, .client = arrival->client });
}

/* What the head says. */
static int read_wishes(struct preferences *wishes, struct labels *labels, const struct message *m, struct cs_error *err)
{
    preferences_read(wishes, m);
    if (wishes->coded)
        return cs_fail_as(err, CS_EINPUT, CODED, "Send the CSR as it is, without a Content-Encoding.");
    return labels_read(labels, m, err);
}

static void refuse_sign(struct api *api, struct connection *c, const struct caller *caller, struct visit *visit,
                        const struct cs_error *err)
{
    if (api->limits)
        limits_failed(api->limits, &caller->source, err);
    visit_end(visit, err->code == CS_EINPUT ? VISIT_REFUSED : VISIT_FAILED, error_reason(err));
    if (strcmp(err->reason, CODED) == 0)
        answer_http(c, ROUTE_SIGN, 415, err->text);
    else
        answer_error(c, ROUTE_SIGN, err);
}

static bool accept_head(struct api *api, struct connection *c, const struct message *m, enum route route,
                        const struct caller *caller)
{
    struct preferences wishes;
    struct labels labels;
    struct cs_error err = { 0 };

    if (!accept_route(c, m, route))
        return false;
    if (route != ROUTE_SIGN || read_wishes(&wishes, &labels, m, &err) == 0)
        return true;
    refuse_sign(api, c, caller, arrive(api, &caller->arrival), &err);
    return false;
}

/* What is answered here does not come to api_handle(), so its token is taken here. */
bool api_check(void *arg, struct connection *c, const struct message *m)
{
    struct api *api = arg;
    enum route route = route_of(m);
    struct caller caller;

    if (!is_within_limits(api, c, m, route, true, &caller))
        return false;
    if (accept_head(api, c, m, route, &caller))
        return true;
    if (api->limits)
        limits_count(api->limits, &caller.source, limits_request_of(m));
    return false;
}

/* ---- The heart's answers ----------------------------------------------------------------------------------------------- */

static void answer_chain(const struct pending *p, const struct answer *answer)
{
    connection_answer(p->c, &(struct reply){ .status = 200,
                                             .route = p->route,
                                             .content_type = "application/pem-certificate-chain",
                                             .body = answer->chain,
                                             .body_len = answer->chain_len,
                                             .preference_applied = p->wait[0] ? p->wait : NULL });
}

static int64_t retry_after_s(const struct answer *answer)
{
    return answer->wait_ms > 0 ? (answer->wait_ms + 999) / 1000 : ACCEPTED_RETRY;
}

/* 202: where the job is, and where to ask for it. */
static void answer_running(const struct pending *p, const struct answer *answer, const char *location)
{
    json_t *json = json_pack("{s:s, s:s}", "status", "running", "request", location);
    char applied[sizeof "respond-async, " + sizeof p->wait];
    char *text;

    if (json && answer->step && answer->step[0])
        json_object_set_new(json, "step", json_string(answer->step));
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    snprintf(applied, sizeof applied, "%s%s%s", p->respond_async ? "respond-async" : "",
             p->respond_async && p->wait[0] ? ", " : "", p->wait);
    connection_answer(p->c, &(struct reply){ .status = 202,
                                             .route = p->route,
                                             .content_type = text ? "application/json" : NULL,
                                             .body = text,
                                             .body_len = text ? strlen(text) : 0,
                                             .location = location,
                                             .preference_applied = applied[0] ? applied : NULL,
                                             .retry_after_s = retry_after_s(answer) });
    free(text);
    json_decref(json);
}

static void answer_failure(const struct pending *p, const struct answer *answer, const char *location)
{
    const struct cs_error *err = answer->err;
    struct problem problem = problem_of_error(err, answer->job, answer->problem, answer->running);
    struct reply reply = { .route = p->route,
                           .www_authenticate = authorization_challenge(err),
                           .location = answer->running ? location : NULL,
                           .preference_applied = p->wait[0] ? p->wait : NULL,
                           .retry_after_s = problem_retry_after_s(err, answer->running) };

    if (p->limits)
        limits_failed(p->limits, &p->source, err);
    if (problem_is_internal(err))
        log_line(CS_LOG_ERROR, "http", answer->job, "a request failed: %s", err->text);
    if (strcmp(err->reason, "unknown-subject") != 0 || p->accepts_problems) {
        connection_answer_problem(p->c, &problem, &reply);
        return;
    }
    /* What clients of the scheme's first server look for: these 15 bytes. */
    reply.status = 400;
    reply.content_type = "text/plain; charset=utf-8";
    reply.body = "Invalid subject";
    reply.body_len = strlen("Invalid subject");
    connection_answer(p->c, &reply);
}

static void answer_pending(const struct pending *p, const struct answer *answer)
{
    char location[sizeof REQUESTS_PATH + JOB_LEN] = "";

    if (answer->job && is_job(syntax_span(answer->job)))
        snprintf(location, sizeof location, REQUESTS_PATH "%s", answer->job);
    if (answer->chain)
        answer_chain(p, answer);
    else if (!answer->err || (answer->running && p->respond_async))
        answer_running(p, answer, location);
    else
        answer_failure(p, answer, location);
}

static void on_answer(void *arg, const struct answer *answer)
{
    struct pending *p = arg;

    limits_answered(&p->wait_place);
    answer_pending(p, answer);
    free(p);
}

static void on_gone(void *arg)
{
    struct pending *p = arg;

    limits_answered(&p->wait_place);
    request_detach(p->request);
    free(p);
}

/* `request` NULL: there was no memory for it. */
static void wait_for_heart(struct pending *p, struct request *request, int64_t deadline_ms)
{
    p->request = request;
    connection_wait(p->c, deadline_ms, on_gone, p);
}

static void no_memory(struct connection *c, enum route route, struct pending *p)
{
    struct cs_error err = { 0 };

    free(p);
    cs_fail(&err, CS_EBUSY, "The server has no room for another request at the moment.");
    answer_error(c, route, &err);
}

static struct pending *pending_new(struct connection *c, enum route route)
{
    struct pending *p = calloc(1, sizeof *p);

    if (p)
        *p = (struct pending){ .c = c, .route = routes[route].name };
    return p;
}

static int64_t wait_of(const struct api *api, const struct preferences *wishes)
{
    return wishes->wait_s >= 0 && wishes->wait_s * 1000 < api->wait_ms ? wishes->wait_s * 1000 : api->wait_ms;
}

/* A request for a signature, as far as the front has read it. */
struct asked {
    struct preferences wishes;
    struct labels labels;
    struct text csr; /* out of a JSON body */
    struct credential credential;
};

static void submit(struct api *api, struct connection *c, struct caller *caller, const struct asked *asked,
                   const char *body, size_t body_len, struct visit *visit)
{
    const struct preferences *wishes = &asked->wishes;
    const bool is_json = asked->csr.len > 0;
    const struct submission submission = { .front = "http",
                                           .body = is_json ? asked->csr.at : body,
                                           .body_len = is_json ? asked->csr.len : body_len,
                                           .content_type = is_json ? "" : wishes->content_type,
                                           .source = limits_order_source(api->limits, &caller->wait),
                                           .credential = asked->credential,
                                           .visit = visit,
                                           .deadline_ms = cs_now_ms() + wait_of(api, wishes),
                                           .detach = wishes->respond_async && wishes->wait_s <= 0,
                                           .respond_async = wishes->respond_async,
                                           .fresh = wishes->fresh };
    struct pending *p = pending_new(c, ROUTE_SIGN);
    struct request *request;

    if (!p)
        visit_end(visit, VISIT_FAILED, error_kind(CS_EBUSY)->slug);
    request = p ? request_submit(api->heart, &submission, on_answer, p) : NULL;
    if (!request) {
        no_memory(c, ROUTE_SIGN, p);
        return;
    }
    p->limits = api->limits;
    p->source = caller->source;
    p->wait_place = take_wait(caller);
    p->respond_async = wishes->respond_async;
    p->accepts_problems = wishes->accepts_problems;
    if (wishes->wait_s >= 0)
        snprintf(p->wait, sizeof p->wait, "wait=%" PRId64, wait_of(api, wishes) / 1000);
    wait_for_heart(p, request, submission.deadline_ms + OVERTIME_MS);
}

static int read_asked(struct asked *asked, const struct api *api, struct connection *c, const struct message *m,
                      const char *body, size_t body_len, struct cs_error *err)
{
    if (read_wishes(&asked->wishes, &asked->labels, m, err) < 0 ||
        credential_read(&asked->credential, m, c, &api->proxies, err) < 0)
        return -1;
    if (strcmp(asked->wishes.content_type, JSON_REQUEST_TYPE) != 0)
        return 0;
    return json_request_read(&asked->csr, &asked->labels, body, body_len, err);
}

static void sign(struct api *api, struct connection *c, struct caller *caller, const struct message *m,
                 const char *body, size_t body_len)
{
    struct asked asked = { .csr = TEXT_MAX(2 * MESSAGE_MAX_BODY) };
    struct visit *visit = arrive(api, &caller->arrival);
    struct cs_error err = { 0 };

    if (read_asked(&asked, api, c, m, body, body_len, &err) < 0) {
        refuse_sign(api, c, caller, visit, &err);
    } else {
        visit_labels(visit, asked.labels.v, asked.labels.n);
        submit(api, c, caller, &asked, body, body_len, visit);
    }
    credential_clear(&asked.credential);
    text_free(&asked.csr);
}

static void look(struct api *api, struct connection *c, const struct message *m)
{
    struct span id = job_of(m);
    char job[JOB_LEN + 1] = "";
    struct pending *p = pending_new(c, ROUTE_REQUEST);
    struct request *request;

    memcpy(job, id.at, id.len);
    request = p ? request_look(api->heart, job, on_answer, p) : NULL;
    if (request)
        wait_for_heart(p, request, cs_now_ms() + LOOK_MS);
    else
        no_memory(c, ROUTE_REQUEST, p);
}

static void handle_route(struct api *api, struct connection *c, const struct message *m, enum route route,
                         struct caller *caller, const char *body, size_t body_len)
{
    switch (route) {
    case ROUTE_SIGN:
        sign(api, c, caller, m, body, body_len);
        break;
    case ROUTE_REQUEST:
        look(api, c, m);
        break;
    case ROUTE_REVOKE:
        revoke_post(api->heart,
                    &(struct revoke_from){ .c = c, .route = routes[route].name, .limits = api->limits,
                                           .source = caller->source, .wait = take_wait(caller) },
                    body, body_len, api->wait_ms);
        break;
    case ROUTE_SERVER:
        connection_answer(c, &(struct reply){ .status = 204, .route = routes[route].name, .allow = ALLOW_ANY });
        break;
    case ROUTE_NONE:
        break;
    }
}

void api_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len)
{
    struct api *api = arg;
    enum route route = route_of(m);
    struct caller caller;

    if (is_within_limits(api, c, m, route, false, &caller) && accept_route(c, m, route))
        handle_route(api, c, m, route, &caller, body, body_len);
    limits_answered(&caller.wait);
}
