/*
 * Outgoing HTTP: one curl multi on the loop, requests that wait for their turn, run, and are told. Called through
 * cs_http_send() by plugins, which runs curl at once, so that a request on a warm connection leaves inside the call.
 * Handles are added and removed outside of curl's callbacks only.
 */
#include "engine/http_client.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "engine/host.h"
#include "engine/http_parts.h"
#include "engine/log.h"

#define IDLE_HANDLES 16

struct row {
    struct cs_http *first, *last;
    size_t n;
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    char *user_agent;
    size_t most;
    bool closing;
    struct row rows[HTTP_FINISHED + 1]; /* by state */
    struct timer curl_timer;            /* curl wants to be called */
    struct timer tell_timer;            /* there are finished ones */
    CURL *idle[IDLE_HANDLES];           /* used before: they know TLS sessions */
    size_t n_idle;
};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void leave_row(struct cs_http *http)
{
    struct row *row = &http->client->rows[http->state];

    if (http->before)
        http->before->next = http->next;
    else
        row->first = http->next;
    if (http->next)
        http->next->before = http->before;
    else
        row->last = http->before;
    http->next = http->before = NULL;
    row->n--;
}

static void enter_row(struct cs_http *http, enum http_state state)
{
    struct row *row = &http->client->rows[state];

    http->state = state;
    http->before = row->last;
    if (row->last)
        row->last->next = http;
    else
        row->first = http;
    row->last = http;
    row->n++;
}

/* The first leaves its row; NULL: there is none. */
static struct cs_http *take_first(struct row *row)
{
    struct cs_http *http = row->first;

    if (!http)
        return NULL;
    row->first = http->next;
    if (http->next)
        http->next->before = NULL;
    else
        row->last = NULL;
    http->next = NULL;
    row->n--;
    return http;
}

static void move(struct cs_http *http, enum http_state state)
{
    leave_row(http);
    enter_row(http, state);
}

/* ---- one transfer ------------------------------------------------------------------------------------------------ */

static CURL *take_handle(struct http_client *client)
{
    return client->n_idle ? client->idle[--client->n_idle] : curl_easy_init();
}

static void give_handle_back(struct http_client *client, CURL *easy)
{
    if (client->n_idle == IDLE_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    client->idle[client->n_idle++] = easy;
}

static void end_transfer(struct cs_http *http)
{
    if (!http->easy)
        return;
    curl_multi_remove_handle(http->client->multi, http->easy);
    give_handle_back(http->client, http->easy);
    http->easy = NULL;
}

/* It has left its row. */
static void http_free(struct cs_http *http)
{
    http->in->pending--;
    end_transfer(http);
    timer_clear(&http->timer);
    http_request_free(http);
    free(http);
}

static void tell_guard(struct cs_http *http, const struct cs_http_reply *reply, const struct cs_error *err)
{
    const struct http_guard *guard = http->guard;

    http->guard = NULL;
    if (guard)
        guard->ended(guard->arg, http->guard_mark, reply, err);
}

/* It has left its row. */
static void tell(struct cs_http *http)
{
    bool whole = http->err.code == CS_OK;

    http->in_callback = true;
    tell_guard(http, whole ? &http->answer->reply : NULL, whole ? NULL : &http->err);
    loop_blame(http->who);
    http->done(http->arg, whole ? &http->answer->reply : NULL, whole ? NULL : &http->err);
    http_free(http);
}

static void start(struct cs_http *http)
{
    struct http_client *client = http->client;

    timer_clear(&http->timer);
    http->easy = take_handle(client);
    if (!http->easy)
        cs_fail(&http->err, CS_EBUSY, "no memory for a request");
    else if (http_request_prepare(http, http->easy, client->user_agent, &http->err) == 0 &&
             curl_multi_add_handle(client->multi, http->easy))
        cs_fail(&http->err, CS_EBUSY, "libcurl does not take a request: no memory");
    move(http, http->err.code == CS_OK ? HTTP_RUNNING : HTTP_FINISHED);
}

static void transfer_ended(struct cs_http *http, CURLcode code)
{
    long status = 0;

    if (code == CURLE_OK && http->answer->in_headers) /* libcurl takes the end of the connection for that of the header */
        code = CURLE_PARTIAL_FILE;
    if (code == CURLE_OK) {
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
        http_answer_finish(http->answer, (int)status);
    } else {
        http_request_failed(http, code);
    }
    end_transfer(http);
    move(http, HTTP_FINISHED);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void collect(struct http_client *client)
{
    struct CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct cs_http *http = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &http);
        transfer_ended(http, message->data.result);
    }
}

static void run_curl(struct http_client *client, curl_socket_t fd, int events)
{
    int running;

    if (curl_multi_socket_action(client->multi, fd, events, &running))
        log_line(CS_LOG_ERROR, "http", "", "libcurl cannot go on with its transfers");
    collect(client);
}

static void on_tell_timer(void *arg);

/* Start what may start and let curl do what it can do at once. */
static void go_on(struct http_client *client)
{
    while (client->rows[HTTP_WAITING].first && client->rows[HTTP_RUNNING].n < client->most && !client->closing) {
        while (client->rows[HTTP_WAITING].first && client->rows[HTTP_RUNNING].n < client->most)
            start(client->rows[HTTP_WAITING].first);
        run_curl(client, CURL_SOCKET_TIMEOUT, 0);
    }
    if (client->rows[HTTP_FINISHED].first && !timer_is_set(&client->tell_timer))
        timer_set_in(client->loop, &client->tell_timer, 0, on_tell_timer, client);
}

/* What the callbacks send, and what thereby fails at once, is told in the next turn. */
static void tell_finished(struct http_client *client)
{
    struct row *finished = &client->rows[HTTP_FINISHED];
    struct cs_http *http;

    for (size_t n = finished->n; n > 0 && (http = take_first(finished)); n--)
        tell(http);
    go_on(client);
}

static void on_tell_timer(void *arg)
{
    tell_finished(arg);
}

static void on_socket(int fd, short events, void *arg)
{
    struct http_client *client = arg;
    int64_t began_us = loop_call_begin();

    run_curl(client, fd, (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
    go_on(client);
    tell_finished(client);
    loop_call_end("http", began_us);
}

static void on_curl_timer(void *arg)
{
    struct http_client *client = arg;

    run_curl(client, CURL_SOCKET_TIMEOUT, 0);
    go_on(client);
    tell_finished(client);
}

static void on_waited_too_long(void *arg)
{
    struct cs_http *http = arg;

    cs_fail(&http->err, CS_ETIMEDOUT, "%s was not asked: %zu other requests were under way all the time", http->about.host,
            http->client->most);
    tell_guard(http, NULL, NULL);
    move(http, HTTP_FINISHED);
    go_on(http->client);
}

/* ---- what curl asks of us ---------------------------------------------------------------------------------------- */

static int on_curl_sets_timer(CURLM *multi, long ms, void *arg)
{
    struct http_client *client = arg;

    (void)multi;
    if (ms < 0)
        timer_clear(&client->curl_timer);
    else
        timer_set_in(client->loop, &client->curl_timer, ms, on_curl_timer, client);
    return 0;
}

static int on_curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct http_client *client = arg;
    struct event *event = socket;
    short wanted = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

    (void)easy;
    if (what != CURL_POLL_REMOVE && event && event_get_events(event) == wanted)
        return 0;
    if (event)
        event_free(event);
    event = what == CURL_POLL_REMOVE ? NULL : event_new(loop_base(client->loop), fd, wanted, on_socket, client);
    curl_multi_assign(client->multi, fd, event);
    if (what == CURL_POLL_REMOVE)
        return 0;
    return event && event_add(event, NULL) == 0 ? 0 : -1;
}

/* ---- the client -------------------------------------------------------------------------------------------------- */

static bool prepare_multi(struct http_client *client)
{
    CURLM *multi = client->multi;

    return !curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_wants_socket) &&
           !curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) &&
           !curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_sets_timer) &&
           !curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) &&
           !curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) &&
           !curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)client->most);
}

struct http_client *http_client_new(struct loop *loop, const char *user_agent, size_t most, struct cs_error *err)
{
    struct http_client *client = calloc(1, sizeof *client);

    assert(on_loop_thread() && most > 0 && most < INT32_MAX);
    if (!client) {
        cs_fail(err, CS_EBUSY, "no memory for the http client");
        return NULL;
    }
    client->loop = loop;
    client->most = most;
    client->user_agent = text_copy(user_agent);
    client->multi = curl_multi_init();
    if (!client->user_agent || !client->multi || !prepare_multi(client)) {
        http_client_free(client);
        cs_fail(err, CS_EBUSY, "cannot start libcurl: no memory, or older than 7.88");
        return NULL;
    }
    return client;
}

static void end_all(struct http_client *client, enum http_state state)
{
    struct cs_http *http;

    while ((http = take_first(&client->rows[state]))) {
        if (state != HTTP_FINISHED)
            cs_fail(&http->err, CS_ESHUTDOWN, "the server is stopping");
        tell(http);
    }
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    client->closing = true;
    end_all(client, HTTP_FINISHED);
    end_all(client, HTTP_RUNNING);
    end_all(client, HTTP_WAITING);
    for (size_t i = 0; i < client->n_idle; i++)
        curl_easy_cleanup(client->idle[i]);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    timer_clear(&client->curl_timer);
    timer_clear(&client->tell_timer);
    free(client->user_agent);
    free(client);
}

/* ---- for plugins ------------------------------------------------------------------------------------------------- */

static int ask_guard(struct cs_http *http, const struct http_guard *guard)
{
    if (guard && guard->admit(guard->arg, &http->guard_mark, &http->err) < 0)
        return -1;
    http->guard = guard;
    return 0;
}

struct cs_http *cs_http_send(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done, void *arg)
{
    struct http_client *client = in->http;
    struct cs_http *http;

    assert(on_loop_thread());
    if (!client || client->closing)
        return NULL;
    http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    in->pending++;
    *http = (struct cs_http){ .client = client, .in = in, .who = in->who, .done = done, .arg = arg };
    if (http_request_copy(http, request, &http->err) < 0 || ask_guard(http, in->guard) < 0) {
        enter_row(http, HTTP_FINISHED);
    } else {
        enter_row(http, HTTP_WAITING);
        timer_set_at(client->loop, &http->timer, http->deadline_ms, on_waited_too_long, http);
    }
    go_on(client);
    return http;
}

void cs_http_cancel(struct cs_http *http)
{
    struct http_client *client;

    if (!http || http->in_callback)
        return;
    assert(on_loop_thread());
    client = http->client;
    tell_guard(http, NULL, NULL);
    leave_row(http);
    http_free(http);
    go_on(client);
}
