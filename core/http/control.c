/*
 * Answers the questions of the control socket; see control.h. Called by connection.c.
 */
#include "http/control.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/day.h"
#include "base/name.h"
#include "http/connection.h"
#include "http/control_revoke.h"

#define PATIENCE_MS    (5 * 60 * 1000) /* to rebuild the largest days */
#define MAX_LABEL_NAME 32
#define MAX_LABEL_VALUE 64

struct control_call {
    struct connection *c; /* NULL: who asked has gone */
    const char *route;
};

bool control_admit(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && len == sizeof peer &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* ---- Whose records --------------------------------------------------------------------------------------------------- */

static int read_address(struct control_what *what, const char *text, struct cs_error *err)
{
    return source_parse(text, &what->source)
               ? 0
               : cs_fail(err, CS_EINPUT, "address is not an IPv4 or IPv6 address such as 192.0.2.7 or 2001:db8::7");
}

static int read_zone(struct control_what *what, const char *text, struct cs_error *err)
{
    if (strlen(text) > NAME_MAX_LEN)
        return cs_fail(err, CS_EINPUT, "zone is longer than a name can be");
    what->erasure.zone = text;
    return 0;
}

static int read_label(struct control_what *what, const char *text, struct cs_error *err)
{
    if (!*text || strlen(text) > MAX_LABEL_NAME)
        return cs_fail(err, CS_EINPUT, "label is not a label's name, which has 1 to %d characters", MAX_LABEL_NAME);
    what->erasure.label_name = text;
    return 0;
}

static int read_value(struct control_what *what, const char *text, struct cs_error *err)
{
    if (strlen(text) > MAX_LABEL_VALUE)
        return cs_fail(err, CS_EINPUT, "value is longer than a label's, %d bytes", MAX_LABEL_VALUE);
    what->erasure.label_value = text;
    return 0;
}

static int read_before(struct control_what *what, const char *text, struct cs_error *err)
{
    return day_parse(text, &what->erasure.before_day) && what->erasure.before_day > 0
               ? 0
               : cs_fail(err, CS_EINPUT, "before is not a day such as 2026-11-21");
}

enum { WORD_EXPORT = 1, WORD_ERASE = 2 };

static const struct {
    const char *name;
    unsigned where;
    int (*read)(struct control_what *what, const char *text, struct cs_error *err);
} words[] = {
    { "address", WORD_EXPORT | WORD_ERASE, read_address },
    { "zone",    WORD_ERASE,               read_zone    },
    { "label",   WORD_ERASE,               read_label   },
    { "value",   WORD_ERASE,               read_value   },
    { "before",  WORD_ERASE,               read_before  },
};

static int read_word(struct control_what *what, unsigned where, const char *name, const json_t *value, struct cs_error *err)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].name, name) != 0 || !(words[i].where & where))
            continue;
        if (!text || strlen(text) != json_string_length(value))
            return cs_fail(err, CS_EINPUT, "%s is not a text", name);
        return words[i].read(what, text, err);
    }
    return cs_fail(err, CS_EINPUT, "there is a word that this question does not have");
}

/* What is not understood is refused: an erasure that takes away less than was meant is a promise broken. */
static int read_what(struct control_what *what, unsigned where, json_t *json, struct cs_error *err)
{
    const char *name;
    json_t *value;

    *what = (struct control_what){ .erasure = { .size = sizeof what->erasure, .day = -1 } };
    if (!json_is_object(json))
        return cs_fail(err, CS_EINPUT, "the body is not a JSON object");
    json_object_foreach(json, name, value)
        if (read_word(what, where, name, value, err) < 0)
            return -1;
    if (what->erasure.label_value && !what->erasure.label_name)
        return cs_fail(err, CS_EINPUT, "value needs label, the name that it is a value of");
    if (where == WORD_EXPORT && what->source.family == SOURCE_UNKNOWN)
        return cs_fail(err, CS_EINPUT, "say whose: address is missing");
    if (json_object_size(json) == 0)
        return cs_fail(err, CS_EINPUT, "say what to erase: an address, a zone, a label or the days before one");
    return 0;
}

/* ---- Answers --------------------------------------------------------------------------------------------------------- */

static void answer_error(struct connection *c, const char *route, const struct cs_error *err)
{
    struct problem problem = problem_of_error(err, "", NULL, false);

    problem.detail = err->text;
    connection_answer_problem(c, &problem, &(struct reply){ .route = route,
                                                            .retry_after_s = problem_retry_after_s(err, false) });
}

static void answer_json(struct connection *c, const char *route, const json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct cs_error err = { 0 };

    if (text) {
        connection_answer(c, &(struct reply){ .status = 200,
                                              .route = route,
                                              .content_type = "application/json",
                                              .body = text,
                                              .body_len = strlen(text) });
    } else {
        cs_fail(&err, CS_EBUSY, "no memory for the answer");
        answer_error(c, route, &err);
    }
    free(text);
}

void control_answer(struct control_call *call, json_t *answer, const struct cs_error *err)
{
    if (call->c && err)
        answer_error(call->c, call->route, err);
    else if (call->c)
        answer_json(call->c, call->route, answer);
    json_decref(answer);
    free(call);
}

/* What was asked goes on: an erasure is not taken back because nobody waits for it. */
static void on_gone(void *arg)
{
    struct control_call *call = arg;

    call->c = NULL;
}

static struct control_call *call_new(struct connection *c, const char *route)
{
    struct control_call *call = calloc(1, sizeof *call);
    struct cs_error err = { 0 };

    if (!call) {
        cs_fail(&err, CS_EBUSY, "no memory for this question at the moment");
        answer_error(c, route, &err);
        return NULL;
    }
    *call = (struct control_call){ .c = c, .route = route };
    connection_wait(c, cs_now_ms() + PATIENCE_MS, on_gone, call);
    return call;
}

/* ---- Routes ---------------------------------------------------------------------------------------------------------- */

static void status(const struct control *control, struct connection *c, const char *route, json_t *json)
{
    struct control_call *call = call_new(c, route);

    (void)json;
    if (call)
        control->ops->status(control->arg, call);
}

static void confirm(const struct control *control, struct connection *c, const char *route, json_t *json)
{
    struct control_call *call = call_new(c, route);

    (void)json;
    if (call)
        control->ops->confirm(control->arg, call);
}

static void act_on(const struct control *control, struct connection *c, const char *route, json_t *json, unsigned where,
                   void (*act)(void *arg, const struct control_what *what, struct control_call *call))
{
    struct control_what what;
    struct cs_error err = { 0 };
    struct control_call *call;

    if (read_what(&what, where, json, &err) < 0) {
        answer_error(c, route, &err);
        return;
    }
    call = call_new(c, route);
    if (call)
        act(control->arg, &what, call);
}

static void erase(const struct control *control, struct connection *c, const char *route, json_t *json)
{
    act_on(control, c, route, json, WORD_ERASE, control->ops->erase);
}

static void export(const struct control *control, struct connection *c, const char *route, json_t *json)
{
    act_on(control, c, route, json, WORD_EXPORT, control->ops->export);
}

static void revoke_it(const struct control *control, struct connection *c, const char *route, json_t *json)
{
    struct control_call *call = call_new(c, route);

    if (call)
        control_revoke(control->heart, json, call);
}

static const struct {
    const char *path, *name;
    enum method method;
    void (*answer)(const struct control *control, struct connection *c, const char *route, json_t *json);
} routes[] = {
    { "/v1/privacy/status",  "status",  METHOD_GET,  status  },
    { "/v1/privacy/confirm", "confirm", METHOD_POST, confirm },
    { "/v1/privacy/erase",   "erase",   METHOD_POST, erase   },
    { "/v1/privacy/export",  "export",  METHOD_POST, export  },
    { "/v1/revoke",          "revoke",  METHOD_POST, revoke_it },
};

static void answer_no_visits(struct connection *c, const char *route)
{
    struct cs_error err = { 0 };

    cs_fail_as(&err, CS_ENOTFOUND, CONTROL_NO_VISITS, "this server records no visits");
    answer_error(c, route, &err);
}

static void refuse(struct connection *c, const char *route, int status_code, const char *allow, const char *detail)
{
    struct problem problem = problem_of_http(status_code, detail);

    connection_answer_problem(c, &problem, &(struct reply){ .route = route, .allow = allow });
}

/* The route's index, or -1 when it has been answered. */
static int find_route(struct connection *c, const struct message *m)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!syntax_same(message_path(m), routes[i].path))
            continue;
        if (m->method == routes[i].method)
            return (int)i;
        refuse(c, routes[i].name, m->method == METHOD_OTHER ? 501 : 405, routes[i].method == METHOD_GET ? "GET" : "POST",
               "The Allow field of this answer has the method of this path.");
        return -1;
    }
    refuse(c, "other", 404, NULL, "This server is not asked this, or it is another version than the command.");
    return -1;
}

bool control_check(void *arg, struct connection *c, const struct message *m)
{
    (void)arg;
    return find_route(c, m) >= 0;
}

void control_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len)
{
    const struct control *control = arg;
    int route = find_route(c, m);
    json_t *json;

    if (route < 0)
        return;
    if (!control->ops && routes[route].answer != revoke_it) {
        answer_no_visits(c, routes[route].name);
        return;
    }
    json = json_loadb(body, body_len, JSON_REJECT_DUPLICATES, NULL);
    routes[route].answer(control, c, routes[route].name, json);
    json_decref(json);
}
