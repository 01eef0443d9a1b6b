/*
 * One exchange with PowerDNS's HTTP API: the URL, the key, and what each status means to the operator. Used by server.c,
 * zones.c, step.c and owner.c.
 */
#ifndef DNS_PDNS_API_H
#define DNS_PDNS_API_H

#include <countersign/http.h>

#include "base/text.h"
#include "pdns.h"

struct api_want {
    const char *method;
    const char *path; /* behind ".../servers/SERVER": "" or "/zones/…" */
    const char *body; /* JSON, or NULL */
};

struct api_failure {
    struct cs_error err; /* never the key; api_name_place() says where */
    int status;          /* of HTTP; 0: there was no answer */
    bool unknown_change; /* a 4xx that means: this version has no such changetype */
};

/* `reply` has a status of 200 to 299 and is valid inside the callback; otherwise it is NULL and there is a failure. */
typedef void api_fn(void *arg, const struct cs_http_reply *reply, const struct api_failure *failure);

struct api_call;
/* Everything is copied. `fn` runs once, on the loop, later, unless api_cancel() came first. NULL: no memory, or the server is
 * stopping. */
struct api_call *api_send(struct pdns *pdns, const struct api_want *want, api_fn *fn, void *arg);
void api_cancel(struct api_call *call); /* NULL is allowed; not inside its own callback */

/* Add a value of a query to a path (RFC 3986 2.1). */
void api_add_escaped(struct text *path, const char *value);
/* Put the URL before an error, and the zone unless it is NULL. */
void api_name_place(struct cs_error *err, const struct pdns *pdns, const char *zone);

#endif
