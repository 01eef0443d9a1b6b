/*
 * The control socket, RUNTIME/control.sock: what `countersign privacy` and `countersign revoke` ask of the server that runs.
 * JSON over HTTP, for root and the server's own user only. What is asked is done by somebody else (struct control_ops), so that
 * this file knows no records. server.c joins it to its socket.
 *
 *     GET  /v1/privacy/status    how it stands, as command/privacy_report.c shows it
 *     POST /v1/privacy/confirm   the clock is right: purge
 *     POST /v1/privacy/erase     {"address", "zone", "label", "value", "before"}: those that are said
 *     POST /v1/privacy/export    {"address"}
 *     POST /v1/revoke            as control_revoke.h has it
 *
 * An address that comes in here is in memory until the answer leaves, and is told to nobody: no log line, metric or answer has
 * it.
 */
#ifndef HTTP_CONTROL_H
#define HTTP_CONTROL_H

#include <countersign/visit.h>
#include <jansson.h>

#include "base/source.h"
#include "http/service.h"

#define CONTROL_NO_VISITS "no-visits" /* the reason of the answer where nothing is recorded that could be asked about */

/* Whose records. Strings are valid inside the call only. */
struct control_what {
    struct source source;              /* SOURCE_UNKNOWN: whatever the address */
    struct cs_visits_erasure erasure;  /* without day and src */
};

/* A question under way. To be answered exactly once, on the loop, now or later, even when its asker has gone. */
struct control_call;

/* Takes over `answer`, an object; or NULL and *err, which is told as it is: the operator asks. */
void control_answer(struct control_call *call, json_t *answer, const struct cs_error *err);

struct control_ops {
    void (*status)(void *arg, struct control_call *call);
    void (*confirm)(void *arg, struct control_call *call);
    void (*erase)(void *arg, const struct control_what *what, struct control_call *call);
    void (*export)(void *arg, const struct control_what *what, struct control_call *call);
};

struct control {
    const struct control_ops *ops; /* NULL: no visits are recorded, so that nothing of them can be asked */
    void *arg;
    struct heart *heart; /* for control_revoke.h */
};

/* The service's admit(): has the process at the other end our user id, or root's? */
bool control_admit(int fd);

/* service_check_fn and service_handle_fn; `arg` is a struct control. */
bool control_check(void *arg, struct connection *c, const struct message *m);
void control_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len);

#endif
