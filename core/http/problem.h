/*
 * Problem documents (RFC 9457): what went wrong, for a program (type, status) and for a person (title, detail). The types are
 * "urn:countersign:error:SLUG"; docs/api.md lists them all. Called by api.c and connection.c. Pure but for jansson.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include <countersign/plugin.h>

#define PROBLEM_CONTENT_TYPE "application/problem+json"
#define PROBLEM_TYPE_PREFIX  "urn:countersign:error:"

struct problem {
    int status;
    const char *slug;
    const char *title;
    const char *detail;
    const char *job;      /* its id, or "" */
    const char *upstream; /* the CA's own document (JSON), or NULL */
};

/* What HTTP itself has against a request: 400, 404, 405, 408, 413, 414, 415, 417, 431, 501, 505. `detail` is not copied. */
struct problem problem_of_http(int status, const char *detail);

/* What an error means to the client. A fault of the server's own, or of its configuration, is not explained: the log is for
 * that. Nothing is copied. `running`: the job goes on, so the status is 503 (RFC 9110 15.6.4) whatever ended the wait. */
struct problem problem_of_error(const struct cs_error *err, const char *job, const char *upstream, bool running);

/* The document. The caller frees it; NULL without memory. */
char *problem_text(const struct problem *problem);

/* When to try again: what the error says, or a default for codes where trying again helps. 0: it does not help. */
int64_t problem_retry_after_s(const struct cs_error *err, bool running);

/* Is the reason kept from the client, so that it must go to the log? */
bool problem_is_internal(const struct cs_error *err);

/* Titles of the types that have one of their own, for docs/api.md's test. False: no more. */
bool problem_title(size_t index, const char **slug, const char **title);

#endif
